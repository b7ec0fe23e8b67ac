/** One prediction of a range: from the cache, or part by part from the service. */
import type { PredictionCache } from "./cache";
import { ServiceError, type PredictionClient } from "./client";
import { inSampleRange, withOutOfFold, type OutOfFold } from "./out-of-fold";
import { cutAnswer, planRequests, predictBody, type Part } from "./requests";
import { rowsWithin } from "./times";
import type { ModelInfoResponse, PredictResponse, Prediction, Series, TimeRange } from "./types";

/** The service answers with another model than it told before. */
export class ModelChangedError extends Error {
  override name = "ModelChangedError";
}

export interface Wanted {
  client: PredictionClient;
  cache: PredictionCache;
  signal: AbortSignal;
  series: Series;
  range: TimeRange;
  model: ModelInfoResponse;
  /** Asks for the annotated spans like each predicted one: what is stored out of fold has none, and does not count. */
  similar?: boolean;
  /** Candles that are done, and all of them. */
  onProgress: (done: number, total: number) => void;
}

/** Name, version and run of a model: what a cached prediction belongs to. */
export function modelKey({ model_info: { model_name, model_version, run_id } }: ModelInfoResponse): string {
  return `${model_name} ${model_version} ${run_id}`;
}

/** Throws `ModelChangedError`, `ServiceError`, and the reason of the signal when it is aborted. */
export async function cachedOrAsked(wanted: Wanted): Promise<Prediction> {
  const range = snapped(wanted.series, wanted.range);
  const cached = wanted.cache.find(wanted.series.id, modelKey(wanted.model), range);
  if (cached !== undefined) return cached;
  const prediction = await askParts({ ...wanted, range });
  wanted.cache.add(wanted.series.id, prediction);
  return prediction;
}

/** The same candles are one range, however much empty time is around them. */
function snapped(series: Series, range: TimeRange): TimeRange {
  const [first, stop] = rowsWithin(series.candles, range.start, range.end);
  const [start, end] = [series.candles[first], series.candles[stop - 1]];
  return stop > first && start !== undefined && end !== undefined ? { start: start.time, end: end.time } : range;
}

async function askParts(wanted: Wanted): Promise<Prediction> {
  const { series, range, model, onProgress } = wanted;
  const parts = planRequests(series.candles, range, model.required_history);
  const total = parts.reduce((sum, part) => sum + part.end - part.first, 0);
  const answers: PredictResponse[] = [];
  for (const [number, part] of parts.entries()) {
    const answer = await askPart(wanted, part);
    answers.push(cutAnswer(answer, series, part, number === 0));
    onProgress(part.end - (parts[0]?.first ?? 0), total);
  }
  return {
    range,
    model: modelKey(model),
    modelVersion: model.model_info.model_version,
    rows: answers.flatMap((answer) => answer.candles),
    spans: answers.flatMap((answer) => answer.spans),
  };
}

async function askPart(wanted: Wanted, part: Part): Promise<PredictResponse> {
  const { client, signal, series, model, similar = false } = wanted;
  const body = predictBody(series, part);
  const answer = await client.predict(similar ? { ...body, include: ["similar"] } : body, signal);
  signal.throwIfAborted();
  refuseOther(answer, model);
  if (similar) return answer;
  const stored = await storedFor(wanted, answer);
  signal.throwIfAborted();
  if (stored === undefined) return answer;
  refuseOther(stored, model);
  return withOutOfFold(answer, stored);
}

type Answerer = Pick<PredictResponse, "model_version" | "run_id">;

function refuseOther({ model_version, run_id }: Answerer, { model_info }: ModelInfoResponse): void {
  const same = model_version === model_info.model_version && run_id === model_info.run_id;
  if (!same) throw new ModelChangedError("another model answered");
}

/** A service without stored predictions is no failure: in-sample candles then show what the model says itself. */
async function storedFor({ client, signal, series }: Wanted, answer: PredictResponse): Promise<OutOfFold | undefined> {
  const known = inSampleRange(answer.candles);
  if (known === undefined) return undefined;
  try {
    return await client.outOfFold(series, known, signal);
  } catch (error) {
    if (error instanceof ServiceError && !error.offline) return undefined;
    throw error;
  }
}

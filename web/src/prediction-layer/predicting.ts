/** One prediction of a range: from the cache, or part by part from the service. */
import type { PredictionCache } from "./cache";
import { ServiceError, type PredictionClient } from "./client";
import { inSampleRange, withOutOfFold } from "./out-of-fold";
import { cutAnswer, planRequests, predictBody } from "./requests";
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
  const asked = await askParts({ ...wanted, range });
  const prediction = await withStored(wanted, asked);
  wanted.signal.throwIfAborted();
  wanted.cache.add(wanted.series.id, prediction);
  return prediction;
}

/** The same candles are one range, however much empty time is around them. */
function snapped(series: Series, range: TimeRange): TimeRange {
  const [first, stop] = rowsWithin(series.candles, range.start, range.end);
  const [start, end] = [series.candles[first], series.candles[stop - 1]];
  return stop > first && start !== undefined && end !== undefined ? { start: start.time, end: end.time } : range;
}

async function askParts({ client, signal, series, range, model, onProgress }: Wanted): Promise<Prediction> {
  const history = model.model_info.required_history ?? model.required_history ?? 0;
  const parts = planRequests(series.candles, range, history);
  const total = parts.reduce((sum, part) => sum + part.end - part.first, 0);
  const answers: PredictResponse[] = [];
  for (const [number, part] of parts.entries()) {
    const answer = await client.predict(predictBody(series, part), signal);
    signal.throwIfAborted();
    if (!isOf(answer, model)) throw new ModelChangedError("another model answered");
    answers.push(cutAnswer(answer, series, part, number === 0));
    onProgress(part.end - (parts[0]?.first ?? 0), total);
  }
  return {
    range,
    model: modelKey(model),
    modelVersion: model.model_info.model_version,
    rows: answers.flatMap((answer) => answer.candles),
    spans: answers.flatMap((answer) => answer.spans),
    inSample: "own",
  };
}

function isOf(answer: PredictResponse, { model_info }: ModelInfoResponse): boolean {
  return answer.model_version === model_info.model_version && answer.run_id === model_info.run_id;
}

/** A service without stored predictions is no failure: in-sample candles then show what the model says itself. */
async function withStored({ client, signal, series }: Wanted, prediction: Prediction): Promise<Prediction> {
  const known = inSampleRange(prediction.rows);
  if (known === undefined) return prediction;
  try {
    return withOutOfFold(prediction, await client.outOfFold(series, known, signal));
  } catch (error) {
    if (error instanceof ServiceError && !error.offline) return prediction;
    throw error;
  }
}

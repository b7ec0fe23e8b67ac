/** Candles that the model was trained on show what models that had not seen them said, where that is stored. */
import type { PerCandlePrediction, PredictResponse, TimeRange } from "./types";

/** What the service stored when the model was trained. */
export type OutOfFold = Pick<PredictResponse, "model_version" | "run_id" | "candles" | "spans">;

/** From the first to the last in-sample candle; undefined where there is none. */
export function inSampleRange(rows: readonly PerCandlePrediction[]): TimeRange | undefined {
  const known = rows.filter((row) => row.status === "in_sample");
  const [first, last] = [known[0], known.at(-1)];
  return first === undefined || last === undefined ? undefined : { start: first.time, end: last.time };
}

/**
 * The answer with stored values in place of in-sample ones; their status stays. A pattern belongs to its first candle:
 * where that has a stored value the stored patterns count, elsewhere the model's own.
 */
export function withOutOfFold(answer: PredictResponse, stored: OutOfFold): PredictResponse {
  const byTime = new Map(stored.candles.filter((row) => row.label !== null).map((row) => [row.time, row]));
  const candles = answer.candles.map((row) => replaced(row, byTime.get(row.time)));
  const known = new Set(candles.filter((row) => row.outOfFold).map((row) => row.time));
  const own = answer.spans.filter((span) => !known.has(span.start_time));
  const spans = [...own, ...stored.spans.filter((span) => known.has(span.start_time))];
  return { ...answer, candles, spans: spans.sort((left, right) => left.start_time - right.start_time) };
}

function replaced(row: PerCandlePrediction, stored: PerCandlePrediction | undefined): PerCandlePrediction {
  if (row.status !== "in_sample" || stored === undefined) return row;
  return { ...row, label: stored.label, confidence: stored.confidence, outOfFold: true };
}

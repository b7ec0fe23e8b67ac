/** Candles that the model was trained on show what models that had not seen them said. */
import type { PerCandlePrediction, Prediction, PredictionSpan, TimeRange } from "./types";

/** What the service stored when it was trained. */
export interface OutOfFold {
  candles: PerCandlePrediction[];
  spans?: PredictionSpan[];
}

/** From the first to the last in-sample candle; undefined where there is none. */
export function inSampleRange(rows: readonly PerCandlePrediction[]): TimeRange | undefined {
  const known = rows.filter((row) => row.status === "in_sample");
  const [first, last] = [known[0], known.at(-1)];
  return first === undefined || last === undefined ? undefined : { start: first.time, end: last.time };
}

/** The prediction with stored values in place of in-sample ones; their status stays, so that they can look different. */
export function withOutOfFold(prediction: Prediction, stored: OutOfFold): Prediction {
  const byTime = new Map(stored.candles.filter((row) => row.label !== null).map((row) => [row.time, row]));
  const isInSample = new Set(prediction.rows.filter((row) => row.status === "in_sample").map((row) => row.time));
  const rows = prediction.rows.map((row) => replaced(row, byTime.get(row.time)));
  const outside = prediction.spans.filter((span) => !isInSample.has(span.start_time));
  const inside = (stored.spans ?? []).filter((span) => isInSample.has(span.start_time));
  const spans = [...outside, ...inside].sort((left, right) => left.start_time - right.start_time);
  return { ...prediction, rows, spans, inSample: stored.spans === undefined ? "stored_without_spans" : "stored" };
}

function replaced(row: PerCandlePrediction, stored: PerCandlePrediction | undefined): PerCandlePrediction {
  if (row.status !== "in_sample" || stored === undefined) return row;
  return { ...row, label: stored.label, confidence: stored.confidence };
}

/** Predictions that were asked for before, by series, range and model; the least recently used one goes first. */
import type { Prediction, TimeRange } from "./types";

export class PredictionCache {
  private readonly entries = new Map<string, { series: string; prediction: Prediction }>();

  constructor(private readonly limit = 100) {}

  get size(): number {
    return this.entries.size;
  }

  /** A prediction that covers the whole range. */
  find(series: string, model: string, range: TimeRange): Prediction | undefined {
    const exact = this.entries.get(keyOf(series, model, range));
    const hit = exact ?? [...this.entries.values()].find((entry) => covers(entry, series, model, range));
    if (hit === undefined) return undefined;
    this.add(series, hit.prediction);
    return hit.prediction;
  }

  add(series: string, prediction: Prediction): void {
    const key = keyOf(series, prediction.model, prediction.range);
    this.entries.delete(key);
    this.entries.set(key, { series, prediction });
    const [oldest] = this.entries.keys();
    if (this.entries.size > this.limit && oldest !== undefined) this.entries.delete(oldest);
  }

  clear(): void {
    this.entries.clear();
  }
}

function keyOf(series: string, model: string, range: TimeRange): string {
  return JSON.stringify([series, model, range.start, range.end]);
}

function covers(entry: { series: string; prediction: Prediction }, series: string, model: string, range: TimeRange) {
  const { prediction } = entry;
  const same = entry.series === series && prediction.model === model;
  return same && prediction.range.start <= range.start && prediction.range.end >= range.end;
}

/** Where the model says something else than the open chart's annotations. */
import type { Point } from "@/data/types";
import { disagreements, type Disagreement, type HumanSpan, type PredictionLayer, type Run } from "@/prediction-layer";
import type { Annotations } from "./annotations";

export class Doubts {
  private known: { from: readonly unknown[]; found: Disagreement[] } = { from: [], found: [] };

  constructor(
    private readonly annotations: Annotations,
    private readonly layer: PredictionLayer,
  ) {}

  all(): Disagreement[] {
    const { runs } = this.layer.getState();
    const { spans, points, candles } = this.annotations.getState();
    const from = [runs, spans, points, candles];
    if (from.some((part, index) => part !== this.known.from[index])) this.known = { from, found: this.of(runs) };
    return this.known.found;
  }

  /** The disagreement about a prediction; undefined once it is annotated. */
  about(run: Run): Disagreement | undefined {
    return this.of([run])[0];
  }

  private of(runs: readonly Run[]): Disagreement[] {
    const { spans, points, candles } = this.annotations.getState();
    return disagreements(runs, [...spans, ...points.filter(isLabel).map(pointAsSpan)], candles);
  }
}

/** Two predictions of one pattern, however they were filtered. */
export function isSameRun(left: Run | null, right: Run | null): boolean {
  if (left === null || right === null) return left === right;
  return left.start === right.start && left.end === right.end && left.label === right.label;
}

/** A drawn line is no label. */
export function isLabel(point: Point): boolean {
  return point.geometry === null;
}

export function pointAsSpan({ id, timestamp, label_type }: Point): HumanSpan {
  const judged = { source: "human", model_prediction: null, isPoint: true };
  return { id, start_time: timestamp, end_time: timestamp, label: label_type, ...judged };
}

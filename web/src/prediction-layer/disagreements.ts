/** Where predictions and human annotations say different things. */
import type { Run } from "./filters";
import { countBefore } from "./times";
import { NO_PATTERN, type Candle } from "./types";

/** What the comparison needs of an annotation. A point (start and end are one candle) can agree with a run only. */
export interface HumanSpan {
  id: number;
  isPoint?: boolean;
  start_time: number;
  end_time: number;
  label: string;
  source: string;
  model_prediction: { label: string } | null;
}

export interface Disagreement {
  kind: "missed" | "mismatch";
  run: Run;
  /** The annotation that says otherwise; null where the human has none. */
  human: HumanSpan | null;
}

/** Sources that a person stands behind. */
export const HUMAN_SOURCES: ReadonlySet<string> = new Set([
  "human",
  "model_confirmed",
  "model_corrected",
  "human_correction",
]);

/** Share of the shorter one's candles from which a run and an annotation are about the same thing. */
const SAME_THING = 0.5;

/**
 * The runs without an annotation ("missed") or with one of another label ("mismatch"), in order of time. A run that
 * somebody has judged already, by a correction or by an `O`, is none.
 */
export function disagreements(
  runs: readonly Run[],
  spans: readonly HumanSpan[],
  candles: readonly Candle[],
): Disagreement[] {
  const human = spans.filter((span) => HUMAN_SOURCES.has(span.source));
  human.sort((left, right) => left.start_time - right.start_time);
  const count = (start: number, end: number) => indexOf(candles, end + 1) - indexOf(candles, start);
  return runs.flatMap((run) => {
    const about = human.filter((span) => span.end_time >= run.start && span.start_time <= run.end);
    return compared(run, about.filter((span) => sharedPart(run, span, count) >= SAME_THING));
  });
}

function compared(run: Run, about: HumanSpan[]): Disagreement[] {
  if (about.some((span) => span.label === run.label || span.label === NO_PATTERN || isJudged(span, run))) return [];
  const human = about.find((span) => span.isPoint !== true) ?? null;
  return [{ kind: human === null ? "missed" : "mismatch", run, human }];
}

/** Whether somebody has said already that the prediction is wrong there. */
export function isJudged(span: HumanSpan, run: Pick<Run, "label">): boolean {
  return span.source === "model_corrected" && span.model_prediction?.label === run.label;
}

function sharedPart(run: Run, span: HumanSpan, count: (start: number, end: number) => number): number {
  const shared = count(Math.max(run.start, span.start_time), Math.min(run.end, span.end_time));
  return shared / Math.max(1, Math.min(count(run.start, run.end), count(span.start_time, span.end_time)));
}

function indexOf(candles: readonly Candle[], time: number): number {
  return countBefore(candles, time, (candle) => candle.time);
}

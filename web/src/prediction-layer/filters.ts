/** From a prediction to what is drawn of it: threshold and label filters ask for nothing again. */
import { countBefore } from "./times";
import { NO_PATTERN, type LabelConfig, type PerCandlePrediction, type Prediction } from "./types";

export interface Filters {
  threshold: number;
  /** Each label's own threshold, as training chose it, instead of the one above. */
  ownThresholds: boolean;
  hidden: ReadonlySet<string>;
}

export type Look = "ok" | "provisional" | "in_sample" | "out_of_fold" | "insufficient_history";

/** Consecutive candles that are drawn alike; a null label is a stretch with too little history. */
export interface Band {
  label: string | null;
  start: number;
  end: number;
  look: Look;
}

/** A predicted pattern: one marker. */
export interface Run {
  label: string;
  start: number;
  end: number;
  confidence: number;
  candleCount: number;
  look: Look;
}

type Passes = (label: string | null, confidence: number | null) => boolean;

/** Whether a label of that confidence is shown. */
export function passing(filters: Filters, labels: readonly LabelConfig[]): Passes {
  const own = new Map(labels.map((label) => [label.name, label.threshold]));
  return (label, confidence) => {
    if (label === null || confidence === null || label === NO_PATTERN || filters.hidden.has(label)) return false;
    return confidence >= (filters.ownThresholds ? (own.get(label) ?? filters.threshold) : filters.threshold);
  };
}

export function lookOf(row: PerCandlePrediction): Look {
  if (row.outOfFold) return "out_of_fold";
  if (row.status !== "ok") return row.status;
  return row.provisional ? "provisional" : "ok";
}

/** The bands of a prediction in order of time. */
export function bandsOf(prediction: Prediction, passes: Passes): Band[] {
  const bands: Band[] = [];
  let open: Band | undefined;
  for (const row of prediction.rows) {
    const look = lookOf(row);
    const shown = look === "insufficient_history" || passes(row.label, row.confidence);
    if (shown && open?.label === row.label && open.look === look) open.end = row.time;
    else {
      open = shown ? { label: row.label, start: row.time, end: row.time, look } : undefined;
      if (open !== undefined) bands.push(open);
    }
  }
  return bands;
}

/** The patterns of a prediction, in order of time. */
export function runsOf(prediction: Prediction, passes: Passes): Run[] {
  const told = prediction.spans.filter((span) => passes(span.label, span.avg_confidence));
  return told.map((span) => ({
    label: span.label,
    start: span.start_time,
    end: span.end_time,
    confidence: span.avg_confidence,
    candleCount: span.candle_count,
    look: lookAt(prediction.rows, span.end_time) ?? lookAt(prediction.rows, span.start_time) ?? "ok",
  }));
}

function lookAt(rows: readonly PerCandlePrediction[], time: number): Look | undefined {
  const row = rows[countBefore(rows, time, (each) => each.time)];
  return row?.time === time ? lookOf(row) : undefined;
}

const PALETTE = ["#26a69a", "#ef5350", "#ab47bc", "#42a5f5", "#ffa726", "#8d6e63", "#66bb6a", "#ec407a"];

/** One colour a label: the model's, else one of a fixed palette that depends on the name alone. */
export function colorOf(label: string, labels: readonly LabelConfig[]): string {
  const told = labels.find((each) => each.name === label)?.color;
  const sum = [...label].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return told ?? PALETTE[sum % PALETTE.length] ?? "#78909c";
}

/** Span annotations as JSON rows, as one CSV row a span, and as one CSV row a candle. */
import Papa from "papaparse";
import { indexRange } from "./search";
import { NO_PATTERN, type Candle, type Span } from "./types";

export type ExportedSpan = Pick<
  Span,
  "id" | "start_time" | "end_time" | "label" | "confidence" | "outcome" | "sub_spans"
>;

export function exportedSpan(span: Span): ExportedSpan {
  const { id, start_time, end_time, label, confidence, outcome, sub_spans } = span;
  return { id, start_time, end_time, label, confidence, outcome, sub_spans };
}

/** All that a training run takes from a span: who or what said so, and what the model had said, too. */
export function trainingSpan(span: Span): ExportedSpan & Pick<Span, "notes" | "color" | "source" | "model_prediction"> {
  const { notes, color, source, model_prediction } = span;
  return { ...exportedSpan(span), notes, color, source, model_prediction };
}

/** One row a span; the window is the span with `padding` candles of context on both sides. */
export function windowedCsv(spans: Span[], candles: Candle[], padding: number): string {
  const times = candles.map((candle) => candle.time);
  const rows = spans.map((span) => {
    const [first, last] = indexRange(times, span.start_time, span.end_time);
    return {
      ...exportedSpan(span),
      sub_spans: span.sub_spans === null ? null : JSON.stringify(span.sub_spans),
      source: span.source,
      model_prediction: span.model_prediction === null ? null : JSON.stringify(span.model_prediction),
      window_start: times[Math.max(0, first - padding)] ?? span.start_time,
      window_end: times[Math.min(times.length - 1, last + padding)] ?? span.end_time,
      candle_count: last - first + 1,
    };
  });
  return Papa.unparse({ fields: WINDOWED_FIELDS, data: rows }, { newline: "\n" }) + "\n";
}

const WINDOWED_FIELDS = [
  ...["id", "start_time", "end_time", "label", "confidence", "outcome", "sub_spans"],
  ...["source", "model_prediction", "window_start", "window_end", "candle_count"],
];

export interface BioTable {
  csv: string;
  /** Spans that lost candles to one that starts earlier: a candle has one tag only. */
  overlapping: number;
}

/** One row a candle, tagged `B-x`, `I-x` or `O`. */
export function bioCsv(spans: Span[], candles: Candle[]): BioTable {
  const times = candles.map((candle) => candle.time);
  const { tags, overlapping } = bioTags(spans, times);
  const withVolume = candles.some((candle) => candle.volume !== undefined);
  const fields = ["time", "open", "high", "low", "close", ...(withVolume ? ["volume"] : []), "label"];
  const data = candles.map((candle, index) => ({ ...candle, label: tags[index] }));
  return { csv: Papa.unparse({ fields, data }, { newline: "\n" }) + "\n", overlapping };
}

function bioTags(spans: Span[], times: number[]): { tags: string[]; overlapping: number } {
  const tags = new Array<string>(times.length).fill(NO_PATTERN);
  const patterns = spans.filter((span) => span.label !== NO_PATTERN);
  patterns.sort((left, right) => left.start_time - right.start_time || left.id - right.id);
  let free = 0;
  let overlapping = 0;
  for (const span of patterns) {
    const [first, last] = indexRange(times, span.start_time, span.end_time);
    const start = Math.max(first, free);
    if (start > first) overlapping += 1;
    if (start <= last) tags.fill(`I-${span.label}`, start, last + 1).fill(`B-${span.label}`, start, start + 1);
    free = Math.max(free, last + 1);
  }
  return { tags, overlapping };
}

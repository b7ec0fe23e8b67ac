/** From annotations and the desk to what is drawn over the candles. */
import { NO_PATTERN, type Candle, type Point, type Span } from "@/data/types";
import type { DrawnPoint, DrawnSpan, Drawing } from "./annotation-overlay";
import type { AnnotationsState } from "./annotations";
import type { DeskState, Target } from "./desk";
import { indexOfTime, indicesOf, type IndexRange } from "./places";

const NO_PATTERN_COLOR = "#616161";
const OTHER_COLOR = "#78909c";

export function drawingOf(stored: AnnotationsState, desk: DeskState, selection: IndexRange | null): Drawing {
  const { candles, spans, points, ranges } = stored;
  return {
    spans: drawnSpans(spans, stored, desk.selected),
    points: points.filter((point) => point.geometry === null).flatMap((point) => drawnPoint(point, candles, desk.selected)),
    reviewed: ranges.flatMap((range) => indicesOf(candles, range.start_time, range.end_time) ?? []),
    selection,
    focus: desk.focus === null ? null : indicesOf(candles, desk.focus.start, desk.focus.end),
  };
}

export function colorOfSpan(span: Span, labels: AnnotationsState["labels"]): string {
  if (span.label === NO_PATTERN) return NO_PATTERN_COLOR;
  return span.color ?? labels.find((label) => label.name === span.label)?.color ?? OTHER_COLOR;
}

function drawnSpans(spans: readonly Span[], { candles, labels }: AnnotationsState, selected: Target | null): DrawnSpan[] {
  return spans.flatMap((span) => {
    const range = indicesOf(candles, span.start_time, span.end_time);
    if (range === null) return [];
    const chosen = selected?.kind === "span" && selected.id === span.id;
    return [{ ...range, ...extremes(candles, range), label: span.label, color: colorOfSpan(span, labels), selected: chosen }];
  });
}

function drawnPoint(point: Point, candles: readonly Candle[], selected: Target | null): DrawnPoint[] {
  const index = indexOfTime(candles, point.timestamp);
  const candle = candles[index];
  if (candle === undefined) return [];
  const chosen = selected?.kind === "point" && selected.id === point.id;
  return [{ index, label: point.label_type, low: candle.low, high: candle.high, selected: chosen }];
}

function extremes(candles: readonly Candle[], { first, last }: IndexRange): { low: number; high: number } {
  const within = candles.slice(first, last + 1);
  const low = within.reduce((least, candle) => Math.min(least, candle.low), Infinity);
  const high = within.reduce((most, candle) => Math.max(most, candle.high), -Infinity);
  return { low, high };
}

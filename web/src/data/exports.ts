/** Span annotations as JSON rows, as one CSV row a span, and as one CSV row a candle. */
import Papa from "papaparse";
import { indexRange } from "./search";
import type { SeriesKey } from "./series";
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
  losses: BioLosses;
}

/** A candle has one tag only, that of the span that starts first. */
export interface BioLosses {
  /** Spans that lose some of their candles. */
  shortened: Span[];
  /** Spans that have no candle left, or never had one. */
  lost: Span[];
}

/** One row a candle, tagged `B-x`, `I-x` or `O`. */
export function bioCsv(spans: readonly Span[], candles: readonly Candle[]): BioTable {
  const places = placesOf(spans, candles);
  const withVolume = candles.some((candle) => candle.volume !== undefined);
  const fields = ["time", "open", "high", "low", "close", ...(withVolume ? ["volume"] : []), "label"];
  const tags = tagsOf(places, candles.length);
  const data = candles.map((candle, index) => ({ ...candle, label: tags[index] }));
  return { csv: Papa.unparse({ fields, data }, { newline: "\n" }) + "\n", losses: lossesOf(places) };
}

export function bioLosses(spans: readonly Span[], candles: readonly Candle[]): BioLosses {
  return lossesOf(placesOf(spans, candles));
}

/** The candles of a span, and from which of them on it has its own tags: behind `last` where it has none. */
interface Place {
  span: Span;
  first: number;
  tagged: number;
  last: number;
}

function placesOf(spans: readonly Span[], candles: readonly Candle[]): Place[] {
  const times = candles.map((candle) => candle.time);
  const patterns = spans.filter((span) => span.label !== NO_PATTERN);
  patterns.sort((left, right) => left.start_time - right.start_time || left.id - right.id);
  let free = 0;
  return patterns.map((span) => {
    const [first, last] = indexRange(times, span.start_time, span.end_time);
    const tagged = Math.max(first, free);
    free = Math.max(free, last + 1);
    return { span, first, tagged, last };
  });
}

function tagsOf(places: Place[], count: number): string[] {
  const tags = new Array<string>(count).fill(NO_PATTERN);
  for (const { span, tagged, last } of places.filter((place) => place.tagged <= place.last)) {
    tags.fill(`I-${span.label}`, tagged, last + 1).fill(`B-${span.label}`, tagged, tagged + 1);
  }
  return tags;
}

function lossesOf(places: Place[]): BioLosses {
  const lost = places.filter(({ tagged, last }) => tagged > last);
  const shortened = places.filter(({ first, tagged, last }) => tagged > first && tagged <= last);
  return { shortened: shortened.map(({ span }) => span), lost: lost.map(({ span }) => span) };
}

/** What an export is called, so that candle-ml reads pair and timeframe from it: files cannot be called `BTC/USD`. */
export function exportName({ pair, timeframe }: SeriesKey, ending: string): string {
  return `${pair}_${timeframe}.${ending}`.replaceAll(/[/\\:*?"<>|\p{Cc}]/gu, "-");
}

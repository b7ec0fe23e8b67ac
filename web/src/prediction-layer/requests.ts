/** Which candles are sent so that the answer for a range is the one that the whole series would get. */
import { rowsWithin } from "./times";
import type { Candle, PredictResponse, PredictionSpan, Series, TimeRange } from "./types";

const CANDLES_A_REQUEST = 20_000;

/** Indices (the ends excluded): what is wanted, from where on it is asked about, and what is sent as its context. */
export interface Part {
  first: number;
  end: number;
  askedFrom: number;
  sentFrom: number;
  sentEnd: number;
}

export interface PredictBody {
  pair: string;
  timeframe: string;
  candles: Record<"time" | "open" | "high" | "low" | "close", number[]> & { volume?: number[] };
  predict_from: number;
  threshold: 0;
  include?: ["similar"];
}

/**
 * The requests that answer a range. It is asked about from the required history before it, where a pattern that reaches
 * into it may start, and that candle needs as much again. As much stands behind it, for what later candles decide.
 */
export function planRequests(
  candles: readonly Candle[],
  range: TimeRange,
  requiredHistory: number,
  most = CANDLES_A_REQUEST,
): Part[] {
  const [start, end] = rowsWithin(candles, range.start, range.end);
  const parts: Part[] = [];
  for (let first = start; first < end; first += most) {
    const stop = Math.min(first + most, end);
    parts.push({
      first,
      end: stop,
      askedFrom: Math.max(0, first - requiredHistory),
      sentFrom: Math.max(0, first - 2 * requiredHistory),
      sentEnd: Math.min(candles.length, stop + 2 * requiredHistory),
    });
  }
  return parts;
}

export function predictBody(series: Series, part: Part): PredictBody {
  const sent = series.candles.slice(part.sentFrom, part.sentEnd);
  const column = (name: "time" | "open" | "high" | "low" | "close") => sent.map((candle) => candle[name]);
  const volume = sent.map((candle) => candle.volume).filter((value) => value !== undefined);
  return {
    pair: series.pair,
    timeframe: series.timeframe,
    candles: {
      time: column("time"),
      open: column("open"),
      high: column("high"),
      low: column("low"),
      close: column("close"),
      ...(volume.length === sent.length ? { volume } : {}),
    },
    predict_from: series.candles[part.askedFrom]?.time ?? 0,
    threshold: 0,
  };
}

/** The answer without the candles around the part; a span that began in an earlier part belongs to that one. */
export function cutAnswer(answer: PredictResponse, series: Series, part: Part, isFirst: boolean): PredictResponse {
  const start = series.candles[part.first]?.time ?? 0;
  const end = series.candles[part.end - 1]?.time ?? 0;
  const [first, stop] = rowsWithin(answer.candles, start, end);
  const begins = (span: PredictionSpan) => (isFirst ? span.end_time >= start : span.start_time >= start);
  const spans = answer.spans.filter((span) => begins(span) && span.start_time <= end);
  return { ...answer, candles: answer.candles.slice(first, stop), spans };
}

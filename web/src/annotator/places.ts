/** Candle indices of times. */
import { countBefore, rowsWithin } from "@/prediction-layer/times";

export interface IndexRange {
  first: number;
  last: number;
}

type Timed = { time: number };

/** The index of the candle at, or next before, a time; 0 for any time before the first. */
export function indexOfTime(candles: readonly Timed[], time: number): number {
  return Math.max(0, countBefore(candles, time + 1, (candle) => candle.time) - 1);
}

/** The candles within two times; null where there are none. */
export function indicesOf(candles: readonly Timed[], start: number, end: number): IndexRange | null {
  const [first, stop] = rowsWithin(candles, start, end);
  return stop > first ? { first, last: stop - 1 } : null;
}

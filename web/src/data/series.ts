/** What a series is called: pair and timeframe, proposed from a file's name and the spacing of its candles. */
import type { Candle } from "./types";

export interface SeriesKey {
  pair: string;
  timeframe: string;
}

const TIMEFRAME = /^[1-9]\d{0,3}[smhdwM]$/;
const NAMED = /^(.+?)[_\-, ]+([1-9]\d{0,3}[smhdwM])(?:[._\-, ].*)?$/;
const UNITS: [string, number][] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
];

export function isTimeframe(text: string): boolean {
  return TIMEFRAME.test(text);
}

/** Pair and timeframe from a name like `EURUSD_1h`; what the name does not say comes from the candles. */
export function proposeSeries(name: string, candles: Candle[]): SeriesKey {
  const match = NAMED.exec(name);
  const spaced = timeframeOf(candles);
  if (match?.[1] === undefined || match[2] === undefined) return { pair: name.trim() || "unnamed", timeframe: spaced };
  const agrees = candles.length < 2 || sameLength(match[2], medianStep(candles));
  return { pair: match[1].trim(), timeframe: agrees ? match[2] : spaced };
}

/** The timeframe that the usual distance of two candles tells. */
export function timeframeOf(candles: Candle[]): string {
  const step = medianStep(candles);
  if (step >= 28 * 86_400) return `${Math.round(step / (30.4 * 86_400))}M`;
  if (step % (7 * 86_400) === 0 && step > 0) return `${step / (7 * 86_400)}w`;
  const unit = UNITS.find(([, seconds]) => step >= seconds && step % seconds === 0);
  return unit === undefined ? `${Math.min(Math.max(1, step), 9999)}s` : `${step / unit[1]}${unit[0]}`;
}

function medianStep(candles: Candle[]): number {
  const steps = candles.slice(1).map((candle, index) => candle.time - (candles[index]?.time ?? 0));
  steps.sort((left, right) => left - right);
  return steps[Math.floor(steps.length / 2)] ?? 86_400;
}

function sameLength(timeframe: string, step: number): boolean {
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, M: 31 * 86_400 }[timeframe.slice(-1)] ?? 1;
  const named = Number(timeframe.slice(0, -1)) * seconds;
  return step > 0.5 * named && step < 1.5 * named;
}

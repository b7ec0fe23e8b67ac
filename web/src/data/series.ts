/** What a series is called: pair and timeframe, proposed from a file's name and the spacing of its candles. */
import type { Candle } from "./types";

export interface SeriesKey {
  pair: string;
  timeframe: string;
}

/** Characters of the longest pair that training and prediction take. */
export const LONGEST_PAIR = 64;

const TIMEFRAME = /^[1-9]\d{0,3}[smhdwM]$/;
const NAMED = /^(.+?)[_\-, ]+([1-9]\d{0,3}[smhdwMHDW])(?:[._\-, ].*)?$/;
/** As MetaTrader names its exports: `EURUSD60` (minutes), `EURUSDH1`, `US30_H4`. */
const META_TRADER = /^([A-Za-z]{6,}?|.+?[_\-, ]+)(MN|[MHDW])?([1-9]\d{0,4})$/;
const MONTH = 31 * 86_400;
const UNITS: [string, number][] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
];

export function isTimeframe(text: string): boolean {
  return TIMEFRAME.test(text);
}

export function isSameSeries(left: SeriesKey, right: SeriesKey): boolean {
  return left.pair === right.pair && left.timeframe === right.timeframe;
}

/** Pair and timeframe from a name like `EURUSD_1h`; what the name does not say comes from the candles. */
export function proposeSeries(name: string, candles: Candle[]): SeriesKey {
  const spaced = timeframeOf(candles);
  const [, pair, text] = NAMED.exec(name) ?? [];
  if (pair === undefined || text === undefined) {
    return { pair: pairOf(metaTraderPair(name, candles) ?? name), timeframe: spaced };
  }
  const named = text.replace(/[HDW]$/, (unit) => unit.toLowerCase());
  const agrees = candles.length < 2 || sameLength(named, medianStep(candles));
  return { pair: pairOf(pair), timeframe: agrees ? named : spaced };
}

function pairOf(text: string): string {
  return text.trim().slice(0, LONGEST_PAIR).trim() || "unnamed";
}

/** Undefined where the end of the name is not the candles' timeframe: it may be part of what is traded, as in SPX500. */
function metaTraderPair(name: string, candles: Candle[]): string | undefined {
  const [, pair, unit = "M", count] = META_TRADER.exec(name) ?? [];
  const seconds = Number(count) * ({ M: 60, H: 3600, D: 86_400, W: 604_800, MN: MONTH }[unit] ?? NaN);
  const step = medianStep(candles);
  const agrees = seconds === step || (unit === "MN" && sameLength(`${count}M`, step));
  return agrees ? pair?.replace(/[_\-, ]+$/, "") : undefined;
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
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, M: MONTH }[timeframe.slice(-1)] ?? 1;
  const named = Number(timeframe.slice(0, -1)) * seconds;
  return step > 0.5 * named && step < 1.5 * named;
}

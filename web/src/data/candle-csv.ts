/** Candles from CSV text: any order and case of the columns, dates, ISO date-times, Unix seconds or milliseconds. */
import Papa from "papaparse";
import type { Candle } from "./types";

export const MOST_CANDLES = 500_000;

const TIME_NAMES = ["time", "timestamp", "datetime", "date"];
const PRICES = ["open", "high", "low", "close"] as const;
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$/;
const ISO_TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.0+)?)? ?(?:(Z)|([+-])(\d{2}):?(\d{2}))?)?$/;
const COMPACT_DATE = /^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;
const LEAST_MILLISECONDS = 1e11; // as seconds, the year 5138
const LATEST = 253_402_300_799; // 9999-12-31T23:59:59Z
const MOST_PROBLEMS_NAMED = 3;
const MOST_SHOWN = 40;

/** A CSV that holds no usable candles; the message says which rows are wrong and what would do. */
export class CandleCsvError extends Error {
  override name = "CandleCsvError";
}

interface Columns {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number | undefined;
  count: number;
}

/** The candles in order of time. Throws `CandleCsvError` unless every row is a candle and every time stands once. */
export function parseCandleCsv(text: string): Candle[] {
  const rows = splitRows(text);
  const header = rows[0];
  if (header === undefined) throw new CandleCsvError("the file is empty; a header and rows of candles are needed");
  const columns = findColumns(header.map((name) => name.trim().toLowerCase()));
  if (rows.length === 1) throw new CandleCsvError("the file has a header and no rows");
  if (rows.length - 1 > MOST_CANDLES) {
    throw new CandleCsvError(`${rows.length - 1} rows; a file may have ${MOST_CANDLES}`);
  }
  const readRow = rowReader(columns, hasVolume(rows, columns.volume));
  const problems: string[] = [];
  const candles: Candle[] = [];
  for (let index = 1; index < rows.length; index++) {
    const found = readRow(rows[index] ?? []);
    if (typeof found === "string") problems.push(`row ${index}: ${found}`);
    else candles.push(found);
  }
  refuse(problems);
  candles.sort((left, right) => left.time - right.time);
  refuse(repeatedTimes(candles));
  return candles;
}

function splitRows(text: string): string[][] {
  const plain = text.startsWith("\ufeff") ? text.slice(1) : text;
  return Papa.parse<string[]>(plain, { skipEmptyLines: "greedy", delimitersToGuess: [",", ";", "\t"] }).data;
}

function findColumns(names: string[]): Columns {
  const time = names.findIndex((name) => TIME_NAMES.includes(name));
  const missing = [...(time < 0 ? ["time"] : []), ...PRICES.filter((name) => !names.includes(name))];
  if (missing.length > 0) {
    throw new CandleCsvError(`no column ${missing.join(", ")}; the header must name time, open, high, low and close`);
  }
  const repeated = names.find((name, index) => name !== "" && names.indexOf(name) !== index);
  if (repeated !== undefined) throw new CandleCsvError(`two columns are named ${shown(repeated)}`);
  const [open, high, low, close] = PRICES.map((name) => names.indexOf(name)) as [number, number, number, number];
  const volume = names.indexOf("volume");
  return { time, open, high, low, close, volume: volume < 0 ? undefined : volume, count: names.length };
}

function hasVolume(rows: string[][], column: number | undefined): boolean {
  return column !== undefined && rows.some((row, index) => index > 0 && (row[column] ?? "").trim() !== "");
}

/** A function from the cells of a row to its candle, or to what is wrong with it. */
function rowReader(columns: Columns, withVolume: boolean): (cells: string[]) => Candle | string {
  const cell = (cells: string[], column: number) => (cells[column] ?? "").trim();
  return (cells) => {
    if (cells.slice(columns.count).some((each) => each.trim() !== "")) {
      return `${cells.length} cells, and the header names ${columns.count}`;
    }
    const time = parseTime(cell(cells, columns.time));
    if (typeof time === "string") return time;
    const candle: Candle = { time, open: 0, high: 0, low: 0, close: 0 };
    for (const name of PRICES) {
      const price = parseNumber(cell(cells, columns[name]));
      if (price === undefined || price <= 0) return `${name} ${shown(cell(cells, columns[name]))} is no price above zero`;
      candle[name] = price;
    }
    if (withVolume && columns.volume !== undefined) {
      const volume = parseNumber(cell(cells, columns.volume));
      if (volume === undefined || volume < 0) return `volume ${shown(cell(cells, columns.volume))} is no number from zero up`;
      candle.volume = volume;
    }
    return wrongOrder(candle) ?? candle;
  };
}

function wrongOrder({ open, high, low, close }: Candle): string | undefined {
  if (high < low) return `high ${high} is below low ${low}`;
  if (high < Math.max(open, close)) return `high ${high} is below open or close`;
  if (low > Math.min(open, close)) return `low ${low} is above open or close`;
  return undefined;
}

/** A cell in a message: a quote that is never closed makes one cell of a whole file. */
function shown(text: string): string {
  return text.length > MOST_SHOWN ? `"${text.slice(0, MOST_SHOWN)}…"` : `"${text}"`;
}

function parseNumber(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** Unix seconds, or what is wrong. A time without an offset is UTC; eight digits that could be a date are no time. */
function parseTime(text: string): number | string {
  const problem = `time ${shown(text)} is no date, ISO date-time, Unix seconds or milliseconds`;
  const number = COMPACT_DATE.test(text) ? undefined : parseNumber(text);
  const seconds = number === undefined ? isoSeconds(text) : number >= LEAST_MILLISECONDS ? number / 1000 : number;
  if (seconds === undefined || seconds < 0 || seconds > LATEST) return problem;
  return Number.isInteger(seconds) ? seconds : `time ${shown(text)} is not on a whole second`;
}

function isoSeconds(text: string): number | undefined {
  const match = ISO_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[];
  const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
  const real = date.getUTCMonth() + 1 === month && date.getUTCDate() === day && (hour ?? 0) < 24;
  if (!real || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined;
  const offset = match[8] === undefined ? 0 : Number(match[9]) * 3600 + Number(match[10]) * 60;
  return date.getTime() / 1000 + (match[8] === "-" ? offset : -offset);
}

function repeatedTimes(candles: Candle[]): string[] {
  return candles
    .filter((candle, index) => candle.time === candles[index - 1]?.time)
    .map((candle) => `time ${new Date(candle.time * 1000).toISOString()} stands twice`);
}

function refuse(problems: string[]): void {
  if (problems.length === 0) return;
  const named = problems.slice(0, MOST_PROBLEMS_NAMED).join("; ");
  const more = problems.length - MOST_PROBLEMS_NAMED;
  throw new CandleCsvError(more > 0 ? `${named}; and ${more} more` : named);
}

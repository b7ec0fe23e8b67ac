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
const MOST_COLUMNS_NAMED = 12;
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
  /** -1 where there is none. */
  volume: number;
  count: number;
}

export interface CandleFile {
  /** In order of time. */
  candles: Candle[];
  /** What was not taken as it stands in the file. */
  notices: string[];
}

/** Throws `CandleCsvError` unless every row with prices is a candle and every time stands once. */
export function parseCandleCsv(text: string): CandleFile {
  const rows = splitRows(text);
  const header = rows[0];
  if (header === undefined) throw new CandleCsvError("the file is empty; a header and rows of candles are needed");
  const columns = findColumns(header.map((name) => name.trim().toLowerCase()));
  if (rows.length === 1) throw new CandleCsvError("the file has a header and no rows");
  if (rows.length - 1 > MOST_CANDLES) {
    throw new CandleCsvError(`${rows.length - 1} rows; a file may have ${MOST_CANDLES}`);
  }
  const { candles, problems, withoutPrices, withoutVolume } = readRows(rows.slice(1), columns);
  refuse(problems);
  if (candles.length === 0) throw new CandleCsvError("no row has prices");
  candles.sort((left, right) => left.time - right.time);
  refuse(repeatedTimes(candles));
  const notices = [...told(withoutPrices, "without prices left out"), ...told(withoutVolume, "without volume given volume 0")];
  return { candles, notices };
}

function told(rows: number, what: string): string[] {
  return rows === 0 ? [] : [`${rows} ${rows === 1 ? "row" : "rows"} ${what}`];
}

function splitRows(text: string): string[][] {
  const plain = text.startsWith("\ufeff") ? text.slice(1) : text;
  return Papa.parse<string[]>(plain, { skipEmptyLines: "greedy", delimitersToGuess: [",", ";", "\t"] }).data;
}

function findColumns(names: string[]): Columns {
  const time = names.findIndex((name) => TIME_NAMES.includes(name));
  const missing = [...(time < 0 ? ["time"] : []), ...PRICES.filter((name) => !names.includes(name))];
  if (missing.length > 0) {
    const found = names.slice(0, MOST_COLUMNS_NAMED).map(shown).join(", ");
    throw new CandleCsvError(
      `no column ${missing.join(", ")}; the header must name time, open, high, low and close, and names ${found}`,
    );
  }
  const repeated = names.find((name, index) => name !== "" && names.indexOf(name) !== index);
  if (repeated !== undefined) throw new CandleCsvError(`two columns are named ${shown(repeated)}`);
  const [open, high, low, close] = PRICES.map((name) => names.indexOf(name)) as [number, number, number, number];
  return { time, open, high, low, close, volume: names.indexOf("volume"), count: names.length };
}

function readRows(rows: string[][], columns: Columns) {
  const hasVolume = rows.some((row) => !isEmpty(row[columns.volume]));
  const found = { candles: [] as Candle[], problems: [] as string[], withoutPrices: 0, withoutVolume: 0 };
  for (const [index, row] of rows.entries()) {
    const candle = readRow(row, columns, hasVolume);
    if (candle === null) found.withoutPrices += 1;
    else if (typeof candle === "string") found.problems.push(`row ${index + 1}: ${candle}`);
    else found.candles.push(candle);
    if (candle !== null && hasVolume && isEmpty(row[columns.volume])) found.withoutVolume += 1;
  }
  return found;
}

/** The candle of a row, what is wrong with it, or null where it says that there was none. */
function readRow(row: string[], columns: Columns, hasVolume: boolean): Candle | string | null {
  if (row.slice(columns.count).some((each) => each.trim() !== "")) {
    return `${row.length} cells, and the header names ${columns.count}`;
  }
  const cell = (column: number) => (row[column] ?? "").trim();
  const time = parseTime(cell(columns.time));
  if (typeof time === "string") return time;
  if (PRICES.every((name) => row[columns[name]] !== undefined && isEmpty(row[columns[name]]))) return null;
  const candle: Candle = { time, open: 0, high: 0, low: 0, close: 0 };
  for (const name of PRICES) {
    const price = parseNumber(cell(columns[name]));
    if (price === undefined || price <= 0) return `${name} ${shown(cell(columns[name]))} is no price above zero`;
    candle[name] = price;
  }
  if (hasVolume) {
    const volume = isEmpty(row[columns.volume]) ? 0 : parseNumber(cell(columns.volume));
    if (volume === undefined || volume < 0) return `volume ${shown(cell(columns.volume))} is no number from zero up`;
    candle.volume = volume;
  }
  return wrongOrder(candle) ?? candle;
}

/** Whether a cell says that there is no value, in the words of the sites and programs that write such files. */
function isEmpty(cell = ""): boolean {
  return /^(null|nan|n\/a)?$/i.test(cell.trim());
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
  const number = COMPACT_DATE.test(text) ? undefined : parseNumber(text);
  const isMilliseconds = number !== undefined && number >= LEAST_MILLISECONDS;
  const seconds = number === undefined ? isoSeconds(text) : isMilliseconds ? number / 1000 : number;
  const time = `time ${shown(text)}${isMilliseconds ? ", as milliseconds," : ""}`;
  if (seconds === undefined) return `${time} is no date, ISO date-time, Unix seconds or milliseconds`;
  if (seconds < 0) return `${time} is before 1970`;
  if (seconds > LATEST) return `${time} is after 9999`;
  return Number.isInteger(seconds) ? seconds : `${time} is not on a whole second`;
}

function isoSeconds(text: string): number | undefined {
  const match = ISO_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[];
  const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
  const sameDay = date.getUTCFullYear() === year && date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
  const real = sameDay && (hour ?? 0) < 24;
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

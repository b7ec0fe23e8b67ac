/** Charts and their candles. */
import { isDeepStrictEqual } from "node:util";
import type { InStatement } from "@libsql/client";
import { asc, desc, eq } from "drizzle-orm";
import { isSameSeries, proposeSeries, type SeriesKey } from "@/data/series";
import type { Candle, Chart } from "@/data/types";
import type { ChangedChart } from "./bodies";
import type { Database } from "./database";
import { RequestError } from "./http";
import { candles, charts } from "./schema";

const ROWS_A_STATEMENT = 4000; // of 6 numbers each; a statement takes 32,766

export function listCharts(db: Database): Promise<Chart[]> {
  return db.select().from(charts).orderBy(asc(charts.id));
}

/** The chart of that id; without one the newest. Throws `RequestError` (404). */
export async function findChart(db: Database, id: number | undefined): Promise<Chart> {
  const chosen = id === undefined ? undefined : eq(charts.id, id);
  const [chart] = await db.select().from(charts).where(chosen).orderBy(desc(charts.id)).limit(1);
  if (chart === undefined) throw new RequestError(404, id === undefined ? "There is no chart" : `There is no chart ${id}`);
  return chart;
}

/**
 * A new chart with its candles, all or nothing; a name that is taken gets a number. Throws `RequestError` (400) where a
 * chart of that name or series holds the very same candles.
 */
export async function createChart(db: Database, wantedName: string, rows: Candle[]): Promise<Chart> {
  const { pair, timeframe } = proposeSeries(wantedName, rows);
  await refuseAgain(db, { name: wantedName, pair, timeframe }, rows);
  const name = await freeName(db, wantedName);
  const insertChart = { sql: "INSERT INTO charts (name, pair, timeframe) VALUES (?, ?, ?)", args: [name, pair, timeframe] };
  const parts = Array.from({ length: Math.ceil(rows.length / ROWS_A_STATEMENT) }, (_, part) =>
    insertCandles(name, rows.slice(part * ROWS_A_STATEMENT, (part + 1) * ROWS_A_STATEMENT)),
  );
  await db.$client.batch([insertChart, ...parts], "write");
  const [chart] = await db.select().from(charts).where(eq(charts.name, name));
  if (chart === undefined) throw new Error(`chart ${name} is gone`);
  return chart;
}

async function refuseAgain(db: Database, wanted: SeriesKey & { name: string }, rows: Candle[]): Promise<void> {
  for (const chart of await listCharts(db)) {
    const isLike = chart.name === wanted.name || isSameSeries(chart, wanted);
    if (!isLike || (await db.$count(candles, eq(candles.chart_id, chart.id))) !== rows.length) continue;
    if (!isDeepStrictEqual(await readCandles(db, chart.id), rows)) continue;
    throw new RequestError(400, `Chart ${chart.id} (${chart.name}) holds these candles already`);
  }
}

/** Numbers are bound, not written: SQLite reads one of some thousand decimal texts as a neighbouring number. */
function insertCandles(chartName: string, rows: Candle[]): InStatement {
  const places = rows.map(() => "(?, ?, ?, ?, ?, ?)").join(", ");
  return {
    sql:
      "INSERT INTO candles (chart_id, time, open, high, low, close, volume) " +
      `SELECT charts.id, row.* FROM charts, (VALUES ${places}) AS row WHERE charts.name = ?`,
    args: [...rows.flatMap((row) => [row.time, row.open, row.high, row.low, row.close, row.volume ?? null]), chartName],
  };
}

async function freeName(db: Database, wanted: string): Promise<string> {
  const taken = new Set((await listCharts(db)).map((chart) => chart.name));
  let name = wanted;
  for (let number = 2; taken.has(name); number++) name = `${wanted} (${number})`;
  return name;
}

export async function changeChart(db: Database, id: number, change: ChangedChart): Promise<Chart> {
  await findChart(db, id);
  const sameName = (await listCharts(db)).find((chart) => chart.name === change.name && chart.id !== id);
  if (sameName !== undefined) throw new RequestError(400, `Another chart is named ${sameName.name}`);
  const [chart] = await db.update(charts).set(defined(change)).where(eq(charts.id, id)).returning();
  return chart ?? findChart(db, id);
}

export async function deleteChart(db: Database, id: number): Promise<void> {
  await findChart(db, id);
  await db.delete(charts).where(eq(charts.id, id));
}

/** The candles of a chart in order of time. */
export async function readCandles(db: Database, chartId: number): Promise<Candle[]> {
  const rows = await db.select().from(candles).where(eq(candles.chart_id, chartId)).orderBy(asc(candles.time));
  return rows.map(({ time, open, high, low, close, volume }) => {
    const candle = { time, open, high, low, close };
    return volume === null ? candle : { ...candle, volume };
  });
}

/** The fields that have a value, null included. */
export function defined<Fields extends object>(fields: Fields): { [Name in keyof Fields]: Exclude<Fields[Name], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]: Exclude<Fields[Name], undefined> };
}

/** Point annotations and drawn lines. */
import { desc, eq } from "drizzle-orm";
import type { Point } from "@/data/types";
import type { ChangedPoint, NewPoint } from "./bodies";
import { defined, findChart } from "./charts";
import type { Database } from "./database";
import { RequestError } from "./http";
import { refuseChanged } from "./row-conditions";
import { annotations } from "./schema";

type Row = typeof annotations.$inferSelect;

/** The points and lines of a chart, newest first. */
export async function listPoints(db: Database, chartId: number): Promise<Point[]> {
  const rows = await db
    .select()
    .from(annotations)
    .where(eq(annotations.chart_id, chartId))
    .orderBy(desc(annotations.timestamp), desc(annotations.id));
  return rows.map(toPoint);
}

/** Without a chart the point belongs to the newest one. */
export async function createPoint(db: Database, point: NewPoint): Promise<Point> {
  const chart = await findChart(db, point.chart_id);
  const [row] = await db
    .insert(annotations)
    .values({ ...defined(point), chart_id: chart.id })
    .returning();
  return found(row, "new");
}

export async function changePoint(db: Database, id: number, change: ChangedPoint): Promise<Point> {
  const [row] = await db.update(annotations).set(defined(change)).where(eq(annotations.id, id)).returning();
  return found(row, id);
}

/** Throws `RequestError` (412) where `ifMatch` is the tag of another state of the point. */
export async function deletePoint(db: Database, id: number, ifMatch: string | null): Promise<void> {
  const [row] = await db.select().from(annotations).where(eq(annotations.id, id));
  refuseChanged(ifMatch, found(row, id), `annotation ${id}`);
  await db.delete(annotations).where(eq(annotations.id, id));
}

function found(row: Row | undefined, id: number | string): Point {
  if (row === undefined) throw new RequestError(404, `There is no annotation ${id}`);
  return toPoint(row);
}

function toPoint({ id, timestamp, label_type, geometry, created_at }: Row): Point {
  return { id, timestamp, label_type, geometry, created_at };
}

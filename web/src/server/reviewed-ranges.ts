/** Stretches of a chart that somebody has finished. */
import { asc, eq } from "drizzle-orm";
import type { ReviewedRange } from "@/data/types";
import type { NewRange } from "./bodies";
import type { Database } from "./database";
import { RequestError } from "./http";
import { reviewedRanges } from "./schema";

type Row = typeof reviewedRanges.$inferSelect;

export async function listRanges(db: Database, chartId: number): Promise<ReviewedRange[]> {
  const rows = await db
    .select()
    .from(reviewedRanges)
    .where(eq(reviewedRanges.chart_id, chartId))
    .orderBy(asc(reviewedRanges.start_time), asc(reviewedRanges.id));
  return rows.map(toRange);
}

export async function createRange(db: Database, chartId: number, range: NewRange): Promise<ReviewedRange> {
  const start_time = Math.min(range.start_time, range.end_time);
  const end_time = Math.max(range.start_time, range.end_time);
  const [row] = await db.insert(reviewedRanges).values({ chart_id: chartId, start_time, end_time }).returning();
  if (row === undefined) throw new Error("the reviewed range was not stored");
  return toRange(row);
}

export async function deleteRange(db: Database, id: number): Promise<void> {
  const [row] = await db.delete(reviewedRanges).where(eq(reviewedRanges.id, id)).returning();
  if (row === undefined) throw new RequestError(404, `There is no reviewed range ${id}`);
}

function toRange({ id, chart_id, start_time, end_time }: Row): ReviewedRange {
  return { id, chart_id, start_time, end_time };
}

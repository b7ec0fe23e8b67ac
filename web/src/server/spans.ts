/** Span annotations. */
import { and, desc, eq } from "drizzle-orm";
import type { Span } from "@/data/types";
import type { ChangedSpan, NewSpan } from "./bodies";
import { defined, findChart } from "./charts";
import type { Database } from "./database";
import { RequestError } from "./http";
import { refuseChanged } from "./row-conditions";
import { spanAnnotations } from "./schema";

/** The spans of a chart, newest start first. */
export function listSpans(db: Database, chartId: number): Promise<Span[]> {
  return db
    .select()
    .from(spanAnnotations)
    .where(eq(spanAnnotations.chart_id, chartId))
    .orderBy(desc(spanAnnotations.start_time), desc(spanAnnotations.id));
}

export async function createSpan(db: Database, span: NewSpan): Promise<Span> {
  await findChart(db, span.chart_id);
  const [row] = await db.insert(spanAnnotations).values(startFirst(defined(span))).returning();
  return found(row, "new");
}

export async function changeSpan(db: Database, id: number, change: ChangedSpan): Promise<Span> {
  const [before] = await db.select().from(spanAnnotations).where(eq(spanAnnotations.id, id));
  const after = startFirst({ ...found(before, id), ...defined(change) });
  const [row] = await db.update(spanAnnotations).set(after).where(eq(spanAnnotations.id, id)).returning();
  return found(row, id);
}

/** Throws `RequestError` (412) where `ifMatch` is the tag of another state of the span. */
export async function deleteSpan(db: Database, id: number, ifMatch: string | null): Promise<void> {
  const [row] = await db.select().from(spanAnnotations).where(eq(spanAnnotations.id, id));
  refuseChanged(ifMatch, found(row, id), `span annotation ${id}`);
  await db.delete(spanAnnotations).where(eq(spanAnnotations.id, id));
}

export interface SpanChoice {
  source: string | undefined;
  label: string | undefined;
  chartId: number | undefined;
}

/** Deletes the spans of a source, a label or both, and tells how many. Throws `RequestError` (400) for neither. */
export async function deleteSpans(db: Database, { source, label, chartId }: SpanChoice): Promise<number> {
  if (source === undefined && label === undefined) {
    throw new RequestError(400, "Name a source or a label: deleting every span is not offered");
  }
  const chosen = and(
    source === undefined ? undefined : eq(spanAnnotations.source, source),
    label === undefined ? undefined : eq(spanAnnotations.label, label),
    chartId === undefined ? undefined : eq(spanAnnotations.chart_id, chartId),
  );
  return (await db.delete(spanAnnotations).where(chosen).returning()).length;
}

function startFirst<Row extends { start_time: number; end_time: number }>(row: Row): Row {
  const { start_time: start, end_time: end } = row;
  return end < start ? { ...row, start_time: end, end_time: start } : row;
}

function found(row: Span | undefined, id: number | string): Span {
  if (row === undefined) throw new RequestError(404, `There is no span annotation ${id}`);
  return row;
}

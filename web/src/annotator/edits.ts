/** What an edit does to stored rows. */
import type { Chart, Span } from "@/data/types";
import { api } from "./api";
import type { Edit, Kind, Rows } from "./history";

export type SpanFields = Pick<Span, "start_time" | "end_time" | "label"> & Partial<Span>;

export function newSpan(fields: SpanFields, chart: Chart): Edit {
  return { kind: "span", before: null, after: { ...fields, chart_id: chart.id } as Span };
}

/** Stores it, and answers the row as it is stored; null for one that is deleted. Throws `RouteError`. */
export async function send(edit: Edit, chart_id: number): Promise<Rows[Kind] | null> {
  const { kind, before, after } = edit;
  if (after === null) return remove(edit);
  if (kind === "span") return before === null ? api.addSpan(after) : api.changeSpan(before.id, changes(before, after));
  if (kind === "range") return api.addRange(after);
  return before === null ? api.addPoint({ ...after, chart_id }) : api.changePoint(before.id, changes(before, after));
}

async function remove({ kind, before }: Edit): Promise<null> {
  if (before === null) return null;
  if (kind === "span") await api.deleteSpan(before);
  else if (kind === "point") await api.deletePoint(before);
  else await api.deleteRange(before);
  return null;
}

export function changesNothing({ before, after }: Edit): boolean {
  return before !== null && after !== null && Object.keys(changes(before, after)).length === 0;
}

/** The fields that are others afterwards: what somebody else may have done to the rest stays. */
export function changes<Row extends object>(before: Row, after: Partial<Row>): Partial<Row> {
  const names = Object.keys(after) as (keyof Row)[];
  const changed = names.filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]));
  return Object.fromEntries(changed.map((name) => [name, after[name]])) as Partial<Row>;
}

export function replaced<Row extends { id: number }>(rows: readonly Row[], before: Row | null, after: Row | null): Row[] {
  const others = rows.filter((row) => row.id !== before?.id);
  return after === null ? others : [...others, after];
}

/** The labels that spans may have. */
import { and, asc, eq, isNull, max } from "drizzle-orm";
import type { SpanLabelType } from "@/data/types";
import type { ChangedLabelType, NewLabelType } from "./bodies";
import { defined } from "./charts";
import type { Database } from "./database";
import { RequestError } from "./http";
import { annotations, spanAnnotations, spanLabelTypes } from "./schema";

export function listLabelTypes(db: Database): Promise<SpanLabelType[]> {
  return db.select().from(spanLabelTypes).orderBy(asc(spanLabelTypes.sort_order), asc(spanLabelTypes.id));
}

export async function createLabelType(db: Database, wanted: NewLabelType): Promise<SpanLabelType> {
  refuseTaken(await listLabelTypes(db), wanted);
  const [last] = await db.select({ order: max(spanLabelTypes.sort_order) }).from(spanLabelTypes);
  await db.insert(spanLabelTypes).values({
    name: wanted.name,
    display_name: wanted.display_name ?? displayName(wanted.name),
    color: wanted.color,
    hotkey: wanted.hotkey ?? null,
    is_active: wanted.is_active,
    sort_order: wanted.sort_order ?? (last?.order ?? 0) + 1,
  });
  return found(await listLabelTypes(db), (type) => type.name === wanted.name, wanted.name);
}

/** Spans and points of the label take its new name, all or nothing. Throws `RequestError` (400, 404). */
export async function changeLabelType(db: Database, id: number, change: ChangedLabelType): Promise<SpanLabelType> {
  const existing = await listLabelTypes(db);
  const before = found(existing, (type) => type.id === id, id);
  refuseTaken(existing.filter((type) => type !== before), change);
  const name = change.name ?? before.name;
  const display_name = before.display_name === displayName(before.name) ? displayName(name) : before.display_name;
  const isPoint = and(eq(annotations.label_type, before.name), isNull(annotations.geometry));
  await db.batch([
    db.update(spanLabelTypes).set({ display_name, ...defined(change) }).where(eq(spanLabelTypes.id, id)),
    db.update(spanAnnotations).set({ label: name }).where(eq(spanAnnotations.label, before.name)),
    db.update(annotations).set({ label_type: name }).where(isPoint),
  ]);
  return found(await listLabelTypes(db), (type) => type.id === id, id);
}

function refuseTaken(others: SpanLabelType[], wanted: Pick<ChangedLabelType, "name" | "hotkey">): void {
  const { name, hotkey } = wanted;
  if (others.some((type) => type.name === name)) throw new RequestError(400, `There is a label ${name} already`);
  const owner = others.find((type) => type.hotkey !== null && type.hotkey === hotkey);
  if (owner !== undefined) throw new RequestError(400, `The hotkey ${hotkey} belongs to ${owner.name}`);
}

function found(types: SpanLabelType[], isIt: (type: SpanLabelType) => boolean, name: number | string): SpanLabelType {
  const type = types.find(isIt);
  if (type === undefined) throw new RequestError(404, `There is no label ${name}`);
  return type;
}

function displayName(name: string): string {
  return name.replaceAll("_", " ");
}

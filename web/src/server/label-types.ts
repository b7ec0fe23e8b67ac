/** The labels that spans may have. */
import { asc, eq, max } from "drizzle-orm";
import type { SpanLabelType } from "@/data/types";
import type { NewLabelType } from "./bodies";
import type { Database } from "./database";
import { RequestError } from "./http";
import { spanLabelTypes } from "./schema";

export function listLabelTypes(db: Database): Promise<SpanLabelType[]> {
  return db.select().from(spanLabelTypes).orderBy(asc(spanLabelTypes.sort_order), asc(spanLabelTypes.id));
}

export async function createLabelType(db: Database, wanted: NewLabelType): Promise<SpanLabelType> {
  const existing = await listLabelTypes(db);
  const hotkey = wanted.hotkey ?? null;
  const clash = existing.find((type) => type.name === wanted.name || (hotkey !== null && type.hotkey === hotkey));
  if (clash?.name === wanted.name) throw new RequestError(400, `There is a label ${wanted.name} already`);
  if (clash !== undefined) throw new RequestError(400, `The hotkey ${hotkey} belongs to ${clash.name}`);
  const [last] = await db.select({ order: max(spanLabelTypes.sort_order) }).from(spanLabelTypes);
  await db.insert(spanLabelTypes).values({
    name: wanted.name,
    display_name: wanted.display_name ?? wanted.name.replaceAll("_", " "),
    color: wanted.color,
    hotkey,
    is_active: wanted.is_active,
    sort_order: wanted.sort_order ?? (last?.order ?? 0) + 1,
  });
  const [row] = await db.select().from(spanLabelTypes).where(eq(spanLabelTypes.name, wanted.name));
  if (row === undefined) throw new Error(`label ${wanted.name} is gone`);
  return row;
}

/** Single rows as answers, and requests that count only while the row says what their sender knows. */
import { rowTag } from "@/data/row-tag";
import { RequestError } from "./http";

/** The row with its tag. */
export function taggedRow(row: object, status = 200): Response {
  return Response.json(row, { status, headers: { ETag: rowTag(row) } });
}

/** Throws `RequestError` (412) unless the row has a tag of `If-Match`; without that header every row will do. */
export function refuseChanged(ifMatch: string | null, row: object, name: string): void {
  if (ifMatch === null || ifMatch === "*") return;
  if (ifMatch.split(/\s*,\s*/).includes(rowTag(row))) return;
  throw new RequestError(412, `Somebody has changed ${name} meanwhile: it is not deleted`);
}

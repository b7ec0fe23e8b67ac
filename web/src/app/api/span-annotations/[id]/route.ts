import { changedSpan } from "@/server/bodies";
import { writing } from "@/server/database";
import { only, pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";
import { taggedRow } from "@/server/row-conditions";
import { changeSpan, deleteSpan } from "@/server/spans";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedSpan);
  const id = await pathId(context);
  return taggedRow(await writing((db) => changeSpan(db, id, change)));
});

export const DELETE = route(async (request, context: Params) => {
  const id = await pathId(context);
  const ifMatch = request.headers.get("if-match");
  await writing((db) => deleteSpan(db, id, ifMatch));
  return Response.json({ success: true });
});

export const { GET, POST, PUT, OPTIONS } = only("PATCH", "DELETE");

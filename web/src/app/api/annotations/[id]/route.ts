import { changedPoint } from "@/server/bodies";
import { writing } from "@/server/database";
import { only, pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";
import { changePoint, deletePoint } from "@/server/points";
import { taggedRow } from "@/server/row-conditions";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedPoint);
  const id = await pathId(context);
  return taggedRow(await writing((db) => changePoint(db, id, change)));
});

export const DELETE = route(async (request, context: Params) => {
  const id = await pathId(context);
  const ifMatch = request.headers.get("if-match");
  await writing((db) => deletePoint(db, id, ifMatch));
  return Response.json({ success: true });
});

export const { GET, POST, PUT, OPTIONS } = only("PATCH", "DELETE");

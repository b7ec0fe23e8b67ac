import { changedPoint } from "@/server/bodies";
import { writing } from "@/server/database";
import { pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";
import { changePoint, deletePoint } from "@/server/points";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedPoint);
  const id = await pathId(context);
  return Response.json(await writing((db) => changePoint(db, id, change)));
});

export const DELETE = route(async (_request, context: Params) => {
  const id = await pathId(context);
  await writing((db) => deletePoint(db, id));
  return Response.json({ success: true });
});

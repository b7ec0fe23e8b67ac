import { changedPoint } from "@/server/bodies";
import { database } from "@/server/database";
import { pathId, readJson, route, type Params } from "@/server/http";
import { changePoint, deletePoint } from "@/server/points";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedPoint);
  return Response.json(await changePoint(await database(), await pathId(context), change));
});

export const DELETE = route(async (_request, context: Params) => {
  await deletePoint(await database(), await pathId(context));
  return Response.json({ success: true });
});

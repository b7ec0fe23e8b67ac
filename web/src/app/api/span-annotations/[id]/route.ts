import { changedSpan } from "@/server/bodies";
import { database } from "@/server/database";
import { pathId, readJson, route, type Params } from "@/server/http";
import { changeSpan, deleteSpan } from "@/server/spans";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedSpan);
  return Response.json(await changeSpan(await database(), await pathId(context), change));
});

export const DELETE = route(async (_request, context: Params) => {
  await deleteSpan(await database(), await pathId(context));
  return Response.json({ success: true });
});

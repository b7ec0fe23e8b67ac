import { changedSpan } from "@/server/bodies";
import { writing } from "@/server/database";
import { pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";
import { changeSpan, deleteSpan } from "@/server/spans";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedSpan);
  const id = await pathId(context);
  return Response.json(await writing((db) => changeSpan(db, id, change)));
});

export const DELETE = route(async (_request, context: Params) => {
  const id = await pathId(context);
  await writing((db) => deleteSpan(db, id));
  return Response.json({ success: true });
});

import { changedLabelType } from "@/server/bodies";
import { writing } from "@/server/database";
import { only, pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";
import { changeLabelType } from "@/server/label-types";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedLabelType);
  const id = await pathId(context);
  return Response.json(await writing((db) => changeLabelType(db, id, change)));
});

export const { GET, POST, PUT, DELETE, OPTIONS } = only("PATCH");

import { changedChart } from "@/server/bodies";
import { changeChart, deleteChart } from "@/server/charts";
import { database } from "@/server/database";
import { pathId, readJson, route, type Params } from "@/server/http";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedChart);
  return Response.json(await changeChart(await database(), await pathId(context), change));
});

export const DELETE = route(async (_request, context: Params) => {
  await deleteChart(await database(), await pathId(context));
  return Response.json({ success: true });
});

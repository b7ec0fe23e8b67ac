import { changedChart } from "@/server/bodies";
import { changeChart, deleteChart } from "@/server/charts";
import { writing } from "@/server/database";
import { only, pathId, route, type Params } from "@/server/http";
import { readJson } from "@/server/json";

export const PATCH = route(async (request, context: Params) => {
  const change = await readJson(request, changedChart);
  const id = await pathId(context);
  return Response.json(await writing((db) => changeChart(db, id, change)));
});

export const DELETE = route(async (_request, context: Params) => {
  const id = await pathId(context);
  await writing((db) => deleteChart(db, id));
  return Response.json({ success: true });
});

export const { GET, POST, PUT, OPTIONS } = only("PATCH", "DELETE");

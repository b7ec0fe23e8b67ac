import { newRange } from "@/server/bodies";
import { findChart } from "@/server/charts";
import { database, writing } from "@/server/database";
import { only, queryNumber, RequestError, route, taggedJson } from "@/server/http";
import { readJson } from "@/server/json";
import { createRange, deleteRange, listRanges } from "@/server/reviewed-ranges";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return taggedJson(request, await listRanges(db, chart.id));
});

export const POST = route(async (request) => {
  const range = await readJson(request, newRange);
  const chartId = range.chart_id ?? queryNumber(request, "chartId");
  const stored = await writing(async (db) => createRange(db, (await findChart(db, chartId)).id, range));
  return Response.json(stored, { status: 201 });
});

export const DELETE = route(async (request) => {
  const id = queryNumber(request, "id");
  if (id === undefined) throw new RequestError(400, "Name the range by id");
  await writing((db) => deleteRange(db, id));
  return Response.json({ success: true });
});

export const { PUT, PATCH, OPTIONS } = only("GET", "POST", "DELETE");

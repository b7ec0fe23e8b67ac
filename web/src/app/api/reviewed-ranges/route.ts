import { newRange } from "@/server/bodies";
import { findChart } from "@/server/charts";
import { database } from "@/server/database";
import { queryNumber, readJson, RequestError, route, taggedJson } from "@/server/http";
import { createRange, deleteRange, listRanges } from "@/server/reviewed-ranges";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return taggedJson(request, await listRanges(db, chart.id));
});

export const POST = route(async (request) => {
  const db = await database();
  const range = await readJson(request, newRange);
  const chart = await findChart(db, range.chart_id ?? queryNumber(request, "chartId"));
  return Response.json(await createRange(db, chart.id, range), { status: 201 });
});

export const DELETE = route(async (request) => {
  const id = queryNumber(request, "id");
  if (id === undefined) throw new RequestError(400, "Name the range by id");
  await deleteRange(await database(), id);
  return Response.json({ success: true });
});

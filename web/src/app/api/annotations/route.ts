import { newPoint } from "@/server/bodies";
import { findChart } from "@/server/charts";
import { database, writing } from "@/server/database";
import { only, queryNumber, route, taggedJson } from "@/server/http";
import { readJson } from "@/server/json";
import { createPoint, listPoints } from "@/server/points";
import { taggedRow } from "@/server/row-conditions";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return taggedJson(request, await listPoints(db, chart.id));
});

export const POST = route(async (request) => {
  const point = await readJson(request, newPoint);
  const chart_id = point.chart_id ?? queryNumber(request, "chartId");
  return taggedRow(await writing((db) => createPoint(db, { ...point, chart_id })), 201);
});

export const { PUT, PATCH, DELETE, OPTIONS } = only("GET", "POST");

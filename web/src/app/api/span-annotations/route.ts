import { newSpan } from "@/server/bodies";
import { findChart } from "@/server/charts";
import { database, writing } from "@/server/database";
import { queryNumber, route, taggedJson } from "@/server/http";
import { readJson } from "@/server/json";
import { taggedRow } from "@/server/row-conditions";
import { createSpan, deleteSpans, listSpans } from "@/server/spans";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return taggedJson(request, await listSpans(db, chart.id));
});

export const POST = route(async (request) => {
  const span = await readJson(request, newSpan);
  return taggedRow(await writing((db) => createSpan(db, span)), 201);
});

export const DELETE = route(async (request) => {
  const query = new URL(request.url).searchParams;
  const choice = {
    source: query.get("source") ?? undefined,
    label: query.get("label") ?? undefined,
    chartId: queryNumber(request, "chartId"),
  };
  const deleted = await writing((db) => deleteSpans(db, choice));
  return Response.json({ success: true, deleted });
});

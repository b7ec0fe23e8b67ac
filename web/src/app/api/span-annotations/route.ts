import { newSpan } from "@/server/bodies";
import { findChart } from "@/server/charts";
import { database, writing } from "@/server/database";
import { only, queryNumber, queryText, route, taggedJson } from "@/server/http";
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
  const choice = {
    source: queryText(request, "source"),
    label: queryText(request, "label"),
    chartId: queryNumber(request, "chartId"),
  };
  const deleted = await writing((db) => deleteSpans(db, choice));
  return Response.json({ success: true, deleted });
});

export const { PUT, PATCH, OPTIONS } = only("GET", "POST", "DELETE");

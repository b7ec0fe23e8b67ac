import { findChart, readCandles } from "@/server/charts";
import { database } from "@/server/database";
import { only, queryNumber, route, taggedJson } from "@/server/http";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return taggedJson(request, await readCandles(db, chart.id));
});

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");

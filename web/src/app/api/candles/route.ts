import { findChart, readCandles } from "@/server/charts";
import { database } from "@/server/database";
import { queryNumber, route } from "@/server/http";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return Response.json(await readCandles(db, chart.id));
});

import { exportedSpan } from "@/data/exports";
import { findChart } from "@/server/charts";
import { database } from "@/server/database";
import { only, queryNumber, route } from "@/server/http";
import { listSpans } from "@/server/spans";

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  return Response.json({ annotations: (await listSpans(db, chart.id)).map(exportedSpan) });
});

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");

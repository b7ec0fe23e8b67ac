import { bioCsv, exportName, trainingSpan, windowedCsv } from "@/data/exports";
import type { Chart } from "@/data/types";
import { findChart, readCandles } from "@/server/charts";
import { database, type Database } from "@/server/database";
import { only, queryNumber, RequestError, route } from "@/server/http";
import { listRanges } from "@/server/reviewed-ranges";
import { listSpans } from "@/server/spans";

const DEFAULT_PADDING = 10;
const FORMATS = ["json", "windowed", "bio"];

export const GET = route(async (request) => {
  const db = await database();
  const chart = await findChart(db, queryNumber(request, "chartId"));
  const format = new URL(request.url).searchParams.get("format") ?? "json";
  if (!FORMATS.includes(format)) throw new RequestError(400, `format must be one of ${FORMATS.join(", ")}`);
  if (format === "json") return exportJson(db, chart);
  return exportCsv(db, chart, format, queryNumber(request, "context_padding") ?? DEFAULT_PADDING);
});

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");

async function exportJson(db: Database, chart: Chart): Promise<Response> {
  const annotations = (await listSpans(db, chart.id)).map(trainingSpan);
  const reviewed_ranges = await listRanges(db, chart.id);
  return Response.json({ annotations, reviewed_ranges }, { headers: asFile(chart, "spans.json") });
}

async function exportCsv(db: Database, chart: Chart, format: string, padding: number): Promise<Response> {
  const [spans, candles] = [await listSpans(db, chart.id), await readCandles(db, chart.id)];
  const type = { "Content-Type": "text/csv; charset=utf-8" };
  if (format === "windowed") {
    return new Response(windowedCsv(spans, candles, padding), { headers: { ...type, ...asFile(chart, "spans.csv") } });
  }
  const { csv, losses } = bioCsv(spans, candles);
  const overlapping = { "X-Overlapping-Spans": String(losses.shortened.length + losses.lost.length) };
  const lost = { "X-Lost-Spans": losses.lost.map(({ id }) => id).join(", ") };
  return new Response(csv, { headers: { ...type, ...asFile(chart, "bio.csv"), ...overlapping, ...lost } });
}

function asFile(chart: Chart, ending: string): Record<string, string> {
  const name = exportName(chart, ending);
  const plain = name.replaceAll(/[^A-Za-z0-9._-]/g, "-");
  const exact = encodeURIComponent(name).replaceAll(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  const disposition = `attachment; filename="${plain}"`;
  return { "Content-Disposition": name === plain ? disposition : `${disposition}; filename*=UTF-8''${exact}` };
}

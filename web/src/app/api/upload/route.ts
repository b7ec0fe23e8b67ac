import { CandleCsvError, parseCandleCsv, type CandleFile } from "@/data/candle-csv";
import { createChart } from "@/server/charts";
import { writing } from "@/server/database";
import { only, readBytes, RequestError, route } from "@/server/http";

const UPLOAD_LIMIT = 64 << 20;

export const POST = route(async (request) => {
  const file = await uploadedFile(request);
  const { candles, notices } = readCandles(new Uint8Array(await file.arrayBuffer()));
  const chart = await writing((db) => createChart(db, chartName(file.name), candles));
  return Response.json({ success: true, count: candles.length, chart: { id: chart.id, name: chart.name }, notices });
});

export const { GET, PUT, PATCH, DELETE, OPTIONS } = only("POST");

async function uploadedFile(request: Request): Promise<File> {
  const bytes = await readBytes(request, UPLOAD_LIMIT);
  const type = request.headers.get("content-type") ?? "";
  const form = await new Response(bytes, { headers: { "Content-Type": type } }).formData().catch(() => {
    throw new RequestError(400, "Send one CSV file as multipart form data");
  });
  const files = [...form.values()].filter((value) => value instanceof File);
  const file = files[0];
  if (file === undefined || files.length > 1) throw new RequestError(400, `${files.length} files; send one CSV file`);
  return file;
}

function readCandles(bytes: Uint8Array): CandleFile {
  try {
    return parseCandleCsv(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof CandleCsvError) throw new RequestError(400, error.message);
    if (error instanceof TypeError) throw new RequestError(400, "the file is not text in UTF-8");
    throw error;
  }
}

function chartName(fileName: string): string {
  const plain = fileName.replaceAll(/[\p{Cc}/\\]/gu, "").replace(/\.csv$/i, "").trim();
  return plain.slice(0, 80) || "chart";
}

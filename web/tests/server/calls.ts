/** Calls of the routes' handlers on a database of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import * as spans from "@/app/api/span-annotations/route";
import * as upload from "@/app/api/upload/route";

type Handler = (request: Request, context: never) => Promise<Response>;

export interface Answer {
  status: number;
  body: never;
  headers: Headers;
}

export const CSV =
  "time,open,high,low,close\n" + Array.from({ length: 10 }, (_, row) => `${row * 3600},1,3,1,2`).join("\n");

/** Gives the tests of a file an empty database. */
export function beginEmpty(): void {
  const folder = mkdtempSync(path.join(tmpdir(), "annotator-"));
  beforeAll(() => {
    process.env["ANNOTATOR_DATABASE"] = path.join(folder, "annotator.db");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
}

export async function call(handler: Handler, method: string, url: string, body?: unknown, headers = {}): Promise<Answer> {
  const sent = body instanceof FormData || typeof body === "string" ? body : JSON.stringify(body);
  const init = { method, headers, ...(body === undefined ? {} : { body: sent }) };
  const id = /\/(\d+|x)(\?|$)/.exec(url)?.[1] ?? "";
  const context = { params: Promise.resolve({ id }) } as never;
  const response = await handler(new Request(`http://localhost:3000/api/${url}`, init), context);
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, body: (json ? JSON.parse(text) : text) as never, headers: response.headers };
}

export function file(text: string | Uint8Array<ArrayBuffer>, name = "EURUSD_1h.csv"): FormData {
  const form = new FormData();
  form.set("file", new File([text], name));
  return form;
}

let uploads = 0;

/** A chart of ten candles; the last one's close is no other chart's. */
export async function uploaded(name: string): Promise<number> {
  uploads += 1;
  const { body } = await call(upload.POST, "POST", "upload", file(CSV.replace(/2$/, String(2 + uploads / 1000)), name));
  return (body as { chart: { id: number } }).chart.id;
}

export async function stored(chart_id: number, more: object = {}): Promise<{ id: number }> {
  const wanted = { chart_id, start_time: 3600, end_time: 7200, label: "bull_flag", ...more };
  return (await call(spans.POST, "POST", "span-annotations", wanted)).body;
}

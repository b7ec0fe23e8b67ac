import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as points from "@/app/api/annotations/route";
import * as point from "@/app/api/annotations/[id]/route";
import * as candles from "@/app/api/candles/route";
import * as charts from "@/app/api/charts/route";
import * as chart from "@/app/api/charts/[id]/route";
import * as exportSpans from "@/app/api/export/spans/route";
import * as ranges from "@/app/api/reviewed-ranges/route";
import * as spans from "@/app/api/span-annotations/route";
import * as span from "@/app/api/span-annotations/[id]/route";
import * as exportJson from "@/app/api/span-annotations/export/route";
import * as labels from "@/app/api/span-label-types/route";
import * as upload from "@/app/api/upload/route";

type Handler = (request: Request, context: never) => Promise<Response>;
interface Answer {
  status: number;
  body: never;
  headers: Headers;
}

const folder = mkdtempSync(path.join(tmpdir(), "annotator-"));
const CSV = "time,open,high,low,close\n" + Array.from({ length: 10 }, (_, row) => `${row * 3600},1,3,1,2`).join("\n");

async function call(handler: Handler, method: string, url: string, body?: unknown, headers = {}): Promise<Answer> {
  const sent = body instanceof FormData || typeof body === "string" ? body : JSON.stringify(body);
  const init = { method, headers, ...(body === undefined ? {} : { body: sent }) };
  const id = /\/(\d+|x)(\?|$)/.exec(url)?.[1] ?? "";
  const context = { params: Promise.resolve({ id }) } as never;
  const response = await handler(new Request(`http://localhost:3000/api/${url}`, init), context);
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, body: (json ? JSON.parse(text) : text) as never, headers: response.headers };
}

function file(text: string | Uint8Array<ArrayBuffer>, name = "EURUSD_1h.csv"): FormData {
  const form = new FormData();
  form.set("file", new File([text], name));
  return form;
}

async function uploaded(name: string): Promise<number> {
  const { body } = await call(upload.POST, "POST", "upload", file(CSV, name));
  return (body as { chart: { id: number } }).chart.id;
}

async function stored(chart_id: number, more: object = {}): Promise<{ id: number }> {
  const wanted = { chart_id, start_time: 3600, end_time: 7200, label: "bull_flag", ...more };
  return (await call(spans.POST, "POST", "span-annotations", wanted)).body;
}

beforeAll(() => {
  process.env["ANNOTATOR_DATABASE"] = path.join(folder, "annotator.db");
});
afterAll(() => rmSync(folder, { recursive: true }));

it("says that there is no chart before the first upload", async () => {
  expect(await call(candles.GET, "GET", "candles")).toMatchObject({ status: 404, body: { error: "There is no chart" } });
});

describe("charts", () => {
  it("uploads a CSV as a chart with proposed pair and timeframe", async () => {
    const { status, body } = await call(upload.POST, "POST", "upload", file(CSV));
    expect({ status, body }).toEqual({
      status: 200,
      body: { success: true, count: 10, chart: { id: expect.any(Number), name: "EURUSD_1h" } },
    });
    const listed: object[] = (await call(charts.GET, "GET", "charts")).body;
    expect(listed).toMatchObject([{ name: "EURUSD_1h", pair: "EURUSD", timeframe: "1h" }]);
  });

  it("gives a second chart of the same name a number", async () => {
    const { body } = await call(upload.POST, "POST", "upload", file(CSV));
    expect(body).toMatchObject({ chart: { name: "EURUSD_1h (2)" } });
  });

  it("answers the candles in order, without volume where there is none", async () => {
    const id = await uploaded("order.csv");
    const rows: object[] = (await call(candles.GET, "GET", `candles?chartId=${id}`)).body;
    expect(rows).toHaveLength(10);
    expect(rows[1]).toEqual({ time: 3600, open: 1, high: 3, low: 1, close: 2 });
  });

  it("stores nothing of a file with a bad row", async () => {
    const before = (await call(charts.GET, "GET", "charts")).body;
    const { status, body } = await call(upload.POST, "POST", "upload", file(`${CSV}\nsoon,1,1,1,1`));
    expect({ status, body }).toEqual({
      status: 400,
      body: { error: 'row 11: time "soon" is no date, ISO date-time, Unix seconds or milliseconds' },
    });
    expect((await call(charts.GET, "GET", "charts")).body).toEqual(before);
  });

  it.each([
    ["no form", "text", "Send one CSV file as multipart form data"],
    ["no file", new FormData(), "0 files; send one CSV file"],
    ["no text", file(new Uint8Array([0xff, 0xfe, 0x00])), "the file is not text in UTF-8"],
  ])("refuses an upload with %s", async (_, body, error) => {
    expect(await call(upload.POST, "POST", "upload", body)).toMatchObject({ status: 400, body: { error } });
  });

  it("changes name, pair and timeframe", async () => {
    const id = await uploaded("change.csv");
    const change = { name: "changed", pair: "GBPUSD", timeframe: "4h" };
    expect(await call(chart.PATCH, "PATCH", `charts/${id}`, change)).toMatchObject({ status: 200, body: change });
  });

  it.each([
    [{}, "name at least one field to change"],
    [{ timeframe: "1 hour" }, "timeframe: a number and one of s, m, h, d, w, M, such as 15m or 1d"],
    [{ name: "EURUSD_1h (2)" }, "Another chart is named EURUSD_1h (2)"],
  ])("refuses to change a chart to %j", async (change, error) => {
    const id = await uploaded("refused.csv");
    expect(await call(chart.PATCH, "PATCH", `charts/${id}`, change)).toMatchObject({ status: 400, body: { error } });
  });

  it("deletes a chart with everything on it", async () => {
    const id = await uploaded("deleted.csv");
    const { id: spanId } = await stored(id);
    expect((await call(chart.DELETE, "DELETE", `charts/${id}`)).body).toEqual({ success: true });
    expect(await call(candles.GET, "GET", `candles?chartId=${id}`)).toMatchObject({
      status: 404,
      body: { error: `There is no chart ${id}` },
    });
    expect((await call(span.DELETE, "DELETE", `span-annotations/${spanId}`)).status).toBe(404);
  });
});

describe("points", () => {
  it("stores a point on a chart, and on the newest one by default", async () => {
    const [older, newest] = [await uploaded("older.csv"), await uploaded("newest.csv")];
    const wanted = { timestamp: 3600, label_type: "break_up" };
    await call(points.POST, "POST", "annotations", { ...wanted, chart_id: older });
    const { status, body } = await call(points.POST, "POST", "annotations", { ...wanted, geometry: { to: 7200 } });
    expect(status).toBe(201);
    expect((await call(points.GET, "GET", `annotations?chartId=${newest}`)).body).toEqual([body]);
    const onOlder: object[] = (await call(points.GET, "GET", `annotations?chartId=${older}`)).body;
    expect(onOlder).toEqual([{ id: expect.any(Number), ...wanted, geometry: null, created_at: expect.any(Number) }]);
  });

  it("changes and deletes a point", async () => {
    const { id }: { id: number } = (await call(points.POST, "POST", "annotations", { timestamp: 0, label_type: "x" })).body;
    const change = { label_type: "break_down", timestamp: 60 };
    expect(await call(point.PATCH, "PATCH", `annotations/${id}`, change)).toMatchObject({ status: 200, body: change });
    expect((await call(point.DELETE, "DELETE", `annotations/${id}`)).body).toEqual({ success: true });
    expect(await call(point.DELETE, "DELETE", `annotations/${id}`)).toMatchObject({
      status: 404,
      body: { error: `There is no annotation ${id}` },
    });
  });
});

describe("spans", () => {
  it("swaps a reversed span and stores every field", async () => {
    const id = await uploaded("spans.csv");
    const details = {
      confidence: 4,
      outcome: "win",
      notes: "steep pole",
      sub_spans: [{ label: "pole" }],
      color: "#26a69a",
      source: "model_corrected",
      model_prediction: { label: "wedge_up", confidence: 0.8, model_version: "3" },
    };
    const reversed = { chart_id: id, start_time: 7200, end_time: 3600, label: "bull_flag", ...details };
    const { status, body } = await call(spans.POST, "POST", "span-annotations", reversed);
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(Number),
      created_at: expect.any(Number),
      ...reversed,
      start_time: 3600,
      end_time: 7200,
    });
  });

  it("lists the newest start first, with empty details as null and people as source", async () => {
    const id = await uploaded("listed.csv");
    for (const start_time of [3600, 10_800, 7200]) await stored(id, { start_time, end_time: 14_400 });
    const rows: { start_time: number }[] = (await call(spans.GET, "GET", `span-annotations?chartId=${id}`)).body;
    expect(rows.map((row) => row.start_time)).toEqual([10_800, 7200, 3600]);
    const empty = { confidence: null, outcome: null, notes: null, sub_spans: null, color: null, model_prediction: null };
    expect(rows[0]).toMatchObject({ ...empty, source: "human" });
  });

  it("changes single fields, swapping where the end comes first", async () => {
    const { id } = await stored(await uploaded("changed.csv"), { notes: "kept" });
    const { body } = await call(span.PATCH, "PATCH", `span-annotations/${id}`, { start_time: 10_800 });
    expect(body).toMatchObject({ id, start_time: 7200, end_time: 10_800, notes: "kept" });
  });

  it("deletes by source and label, on one chart or all", async () => {
    const [first, second] = [await uploaded("first.csv"), await uploaded("second.csv")];
    for (const chartId of [first, second]) {
      await stored(chartId, { source: "talib", label: "doji" });
      await stored(chartId, { source: "talib", label: "hammer" });
    }
    const remove = async (query: string) => (await call(spans.DELETE, "DELETE", `span-annotations?${query}`)).body;
    expect(await remove(`source=talib&label=doji&chartId=${first}`)).toEqual({ success: true, deleted: 1 });
    expect(await remove("source=talib")).toEqual({ success: true, deleted: 3 });
  });

  it("does not delete every span", async () => {
    expect(await call(spans.DELETE, "DELETE", "span-annotations")).toMatchObject({
      status: 400,
      body: { error: "Name a source or a label: deleting every span is not offered" },
    });
  });

  it.each([
    [{ label: " " }, "label: Too small: expected string to have >=1 characters"],
    [{ label: "two\nlines" }, "label: one line of text"],
    [{ confidence: 7 }, "confidence: Too big: expected number to be <=5"],
    [{ start_time: 1.5 }, "start_time: Invalid input: expected int, received number"],
    [{ color: "url(x)<script>" }, "color: a CSS colour such as #26a69a"],
    [{ chart_id: 999 }, "There is no chart 999"],
  ])("refuses a span with %j", async (fault, error) => {
    const wanted = { chart_id: await uploaded("faults.csv"), start_time: 0, end_time: 3600, label: "x", ...fault };
    expect((await call(spans.POST, "POST", "span-annotations", wanted)).body).toEqual({ error });
  });
});

describe("exports", () => {
  it("exports spans as JSON of exactly these fields, of the newest chart by default", async () => {
    const { id } = await stored(await uploaded("exported.csv"), { notes: "not exported" });
    const { body } = await call(exportJson.GET, "GET", "span-annotations/export");
    const row = { id, start_time: 3600, end_time: 7200, label: "bull_flag", confidence: null, outcome: null, sub_spans: null };
    expect(body).toEqual({ annotations: [row] });
  });

  it("exports spans and reviewed ranges as a file that names the series", async () => {
    const chart_id = await uploaded("GBPUSD_1h.csv");
    const { id } = await stored(chart_id);
    await call(ranges.POST, "POST", `reviewed-ranges?chartId=${chart_id}`, { start_time: 36_000, end_time: 0 });
    const { body, headers } = await call(exportSpans.GET, "GET", `export/spans?chartId=${chart_id}&format=json`);
    expect(body).toMatchObject({ annotations: [{ id }], reviewed_ranges: [{ chart_id, start_time: 0, end_time: 36_000 }] });
    expect(headers.get("content-disposition")).toBe('attachment; filename="GBPUSD_1h.spans.json"');
  });

  it("exports windows with the padding asked for", async () => {
    const chart_id = await uploaded("windows.csv");
    const { id } = await stored(chart_id);
    const { body } = await call(exportSpans.GET, "GET", `export/spans?chartId=${chart_id}&format=windowed&context_padding=1`);
    expect(body).toContain(`\n${id},3600,7200,bull_flag,,,,human,,0,10800,2\n`);
  });

  it("exports tags and says how many spans overlap", async () => {
    const chart_id = await uploaded("tags.csv");
    await stored(chart_id);
    await stored(chart_id, { start_time: 7200, end_time: 10_800, label: "wedge_up" });
    const { body, headers } = await call(exportSpans.GET, "GET", `export/spans?chartId=${chart_id}&format=bio`);
    expect(body).toContain("7200,1,3,1,2,I-bull_flag\n10800,1,3,1,2,B-wedge_up\n14400,1,3,1,2,O\n");
    expect(headers.get("x-overlapping-spans")).toBe("1");
  });

  it("refuses an unknown format", async () => {
    expect((await call(exportSpans.GET, "GET", "export/spans?format=xml")).body).toEqual({
      error: "format must be one of json, windowed, bio",
    });
  });
});

describe("label types", () => {
  it("begins with the default labels in their order", async () => {
    const listed: { name: string; hotkey: string }[] = (await call(labels.GET, "GET", "span-label-types")).body;
    const defaults = ["bull_flag", "bear_flag", "head_and_shoulders", "double_bottom", "wedge_up", "wedge_down", "custom"];
    expect(listed.map((type) => type.name)).toEqual(defaults);
    expect(listed.map((type) => type.hotkey)).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
  });

  it("adds a label behind the others", async () => {
    const { status, body } = await call(labels.POST, "POST", "span-label-types", { name: "cup_and_handle", hotkey: "8" });
    expect(status).toBe(201);
    expect(body).toMatchObject({ display_name: "cup and handle", sort_order: 8, is_active: true, color: "#78909c" });
  });

  it.each([
    [{ name: "bull_flag" }, "There is a label bull_flag already"],
    [{ name: "new", hotkey: "1" }, "The hotkey 1 belongs to bull_flag"],
    [{ name: "new", hotkey: "n" }, "hotkey: one digit"],
    [{ name: "O" }, 'name: another name: "O" means no pattern'],
    [{ name: "two words" }, "name: a letter, then letters, digits, _ or -"],
  ])("refuses %j", async (wanted, error) => {
    expect(await call(labels.POST, "POST", "span-label-types", wanted)).toMatchObject({ status: 400, body: { error } });
  });
});

describe("reviewed ranges", () => {
  it("stores, lists and deletes a range", async () => {
    const chart_id = await uploaded("reviewed.csv");
    const { body } = await call(ranges.POST, "POST", "reviewed-ranges", { chart_id, start_time: 7200, end_time: 0 });
    const range = body as { id: number };
    expect(range).toEqual({ id: range.id, chart_id, start_time: 0, end_time: 7200 });
    const query = `reviewed-ranges?chartId=${chart_id}`;
    expect((await call(ranges.GET, "GET", query)).body).toEqual([range]);
    expect((await call(ranges.DELETE, "DELETE", `${query}&id=${range.id}`)).body).toEqual({ success: true });
    expect((await call(ranges.GET, "GET", query)).body).toEqual([]);
    expect((await call(ranges.DELETE, "DELETE", `${query}&id=${range.id}`)).body).toEqual({
      error: `There is no reviewed range ${range.id}`,
    });
  });

  it("does not delete a range that is not named", async () => {
    expect((await call(ranges.DELETE, "DELETE", "reviewed-ranges")).body).toEqual({ error: "Name the range by id" });
  });
});

describe("every route", () => {
  it.each([
    ["no JSON", "{", "The body is not JSON"],
    ["the wrong type", [], "Invalid input: expected object, received array"],
  ])("refuses a body that is %s", async (_, body, error) => {
    expect(await call(spans.POST, "POST", "span-annotations", body)).toMatchObject({ status: 400, body: { error } });
  });

  it("refuses a body over the limit", async () => {
    const notes = "x".repeat(1 << 20);
    expect(await call(spans.POST, "POST", "span-annotations", { notes })).toMatchObject({
      status: 413,
      body: { error: "The body has more than 1048576 bytes" },
    });
  });

  it.each([
    ["charts/x", chart.DELETE, '"x" is no id'],
    ["charts/999", chart.DELETE, "There is no chart 999"],
    ["span-annotations?chartId=abc", spans.DELETE, 'chartId "abc" is no whole number'],
  ])("refuses DELETE %s", async (url, handler, error) => {
    expect((await call(handler, "DELETE", url)).body).toEqual({ error });
  });

  it.each([
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-origin" }, 404],
    [{ origin: "http://elsewhere.example", host: "localhost:3000" }, 403],
    [{ origin: "null", host: "localhost:3000" }, 403],
    [{ origin: "http://localhost:3000", host: "localhost:3000" }, 404],
    [{}, 404],
  ])("lets pages of its own origin write: %j is %d", async (headers, status) => {
    expect((await call(chart.DELETE, "DELETE", "charts/999", undefined, headers)).status).toBe(status);
  });
});

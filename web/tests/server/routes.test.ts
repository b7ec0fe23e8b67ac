import { describe, expect, it } from "vitest";
import * as candles from "@/app/api/candles/route";
import * as charts from "@/app/api/charts/route";
import * as chart from "@/app/api/charts/[id]/route";
import * as span from "@/app/api/span-annotations/[id]/route";
import * as spans from "@/app/api/span-annotations/route";
import * as upload from "@/app/api/upload/route";
import { call, CSV, file, stored, uploaded, beginEmpty } from "./calls";

beginEmpty();

it("says that there is no chart before the first upload", async () => {
  expect(await call(candles.GET, "GET", "candles")).toMatchObject({ status: 404, body: { error: "There is no chart" } });
});

describe("charts", () => {
  it("uploads a CSV as a chart with proposed pair and timeframe", async () => {
    const { status, body } = await call(upload.POST, "POST", "upload", file(CSV));
    expect({ status, body }).toEqual({
      status: 200,
      body: { success: true, count: 10, chart: { id: expect.any(Number), name: "EURUSD_1h" }, notices: [] },
    });
    const listed: object[] = (await call(charts.GET, "GET", "charts")).body;
    expect(listed).toMatchObject([{ name: "EURUSD_1h", pair: "EURUSD", timeframe: "1h" }]);
  });

  it("gives a second chart of the same name a number", async () => {
    const { body } = await call(upload.POST, "POST", "upload", file(`${CSV}\n36000,1,3,1,2`));
    expect(body).toMatchObject({ chart: { name: "EURUSD_1h (2)" } });
  });

  it("takes uploads of one name at once", async () => {
    const of = (price: number) => file(`time,open,high,low,close\n0,${price},${price},${price},${price}`, "GBPUSD_1h.csv");
    const answers = await Promise.all([1, 2, 3].map((price) => call(upload.POST, "POST", "upload", of(price))));
    const names = answers.map(({ body }) => (body as { chart: { name: string } }).chart.name);
    expect(names.sort()).toEqual(["GBPUSD_1h", "GBPUSD_1h (2)", "GBPUSD_1h (3)"]);
  });

  it("refuses a file that is a chart already, by its name or its series", async () => {
    const { id } = (await call(upload.POST, "POST", "upload", file(CSV, "again.csv"))).body["chart"] as { id: number };
    const before = (await call(charts.GET, "GET", "charts")).body;
    const refused = { status: 400, body: { error: `Chart ${id} (again) holds these candles already` } };
    await call(chart.PATCH, "PATCH", `charts/${id}`, { pair: "AUDUSD" });
    expect(await call(upload.POST, "POST", "upload", file(CSV, "again.csv"))).toMatchObject(refused);
    expect(await call(upload.POST, "POST", "upload", file(CSV, "AUDUSD_1h.csv"))).toMatchObject(refused);
    expect((await call(charts.GET, "GET", "charts")).body).toHaveLength((before as unknown[]).length);
  });

  it("says what of a file was not taken as it stands", async () => {
    const rows = "0,1,1,1,1,5\n3600,null,null,null,null,null\n7200,1,1,1,1,";
    const { body } = await call(upload.POST, "POST", "upload", file(`time,open,high,low,close,volume\n${rows}`, "gaps.csv"));
    expect(body).toMatchObject({
      count: 2,
      notices: ["1 row without prices left out", "1 row without volume given volume 0"],
    });
  });

  it("proposes a pair that can be saved and predicted, however long the file's name is", async () => {
    const id = await uploaded(`${"x".repeat(90)}.csv`);
    const listed: { id: number; pair: string }[] = (await call(charts.GET, "GET", "charts")).body;
    const pair = listed.find((each) => each.id === id)?.pair;
    expect(pair).toBe("x".repeat(64));
    expect((await call(chart.PATCH, "PATCH", `charts/${id}`, { pair })).status).toBe(200);
  });

  it("stores nothing on a chart that is being deleted", async () => {
    const id = await uploaded("leaving.csv");
    const wanted = { chart_id: id, start_time: 0, end_time: 3600, label: "x" };
    const [gone, span, again] = await Promise.all([
      call(chart.DELETE, "DELETE", `charts/${id}`),
      call(spans.POST, "POST", "span-annotations", wanted),
      call(chart.DELETE, "DELETE", `charts/${id}`),
    ]);
    expect([gone.status, span.status, again.status]).toEqual([200, 404, 404]);
    expect(span.body).toEqual({ error: `There is no chart ${id}` });
  });

  it("answers the candles in order, without volume where there is none", async () => {
    const id = await uploaded("order.csv");
    const rows: object[] = (await call(candles.GET, "GET", `candles?chartId=${id}`)).body;
    expect(rows).toHaveLength(10);
    expect(rows[1]).toEqual({ time: 3600, open: 1, high: 3, low: 1, close: 2 });
  });

  it("keeps every digit of every number", async () => {
    let state = 1;
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const prices = Array.from({ length: 20_000 }, () => random() * 10 ** Math.floor(8 * random() - 3));
    const rows = prices.map((price, index) => [index * 60, price, price, price, price].join(","));
    const { body } = await call(upload.POST, "POST", "upload", file(`time,open,high,low,close\n${rows.join("\n")}`));
    const { id } = (body as { chart: { id: number } }).chart;
    const stored: { close: number }[] = (await call(candles.GET, "GET", `candles?chartId=${id}`)).body;
    expect(stored.map((candle) => candle.close)).toEqual(prices);
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
    [{ pair: "x".repeat(65) }, "pair: at most 64 characters"],
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
    ["localhost:3000", 200],
    ["annotator:3000", 200],
    ["192.168.1.7:3000", 200],
    ["[::1]:3000", 200],
    ["charts.example.org", 200],
    ["elsewhere.example:3000", 421],
  ])("reached by the name %s answers %d", async (host, status) => {
    process.env["ANNOTATOR_ALLOWED_HOSTS"] = "other.example.org, charts.example.org";
    expect((await call(charts.GET, "GET", "charts", undefined, { host })).status).toBe(status);
  });

  it("says by which name it is not reached", async () => {
    expect((await call(charts.GET, "GET", "charts", undefined, { host: "elsewhere.example" })).body).toEqual({
      error: "The annotator is not reached by the name elsewhere.example",
    });
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

import { describe, expect, it } from "vitest";
import * as points from "@/app/api/annotations/route";
import * as candles from "@/app/api/candles/route";
import * as point from "@/app/api/annotations/[id]/route";
import * as exportSpans from "@/app/api/export/spans/route";
import * as ranges from "@/app/api/reviewed-ranges/route";
import * as spans from "@/app/api/span-annotations/route";
import * as span from "@/app/api/span-annotations/[id]/route";
import * as exportJson from "@/app/api/span-annotations/export/route";
import * as labels from "@/app/api/span-label-types/route";
import * as label from "@/app/api/span-label-types/[id]/route";
import { rowTag } from "@/data/row-tag";
import { call, stored, uploaded, beginEmpty } from "./calls";

beginEmpty();

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

  it("keeps every one of several changes at once", async () => {
    const { id } = await stored(await uploaded("at-once.csv"));
    const changes = [{ notes: "steep" }, { outcome: "win" }, { label: "wedge_up" }, { start_time: 0 }];
    await Promise.all(changes.map((change) => call(span.PATCH, "PATCH", `span-annotations/${id}`, change)));
    const [row]: object[] = (await call(spans.GET, "GET", "span-annotations")).body;
    expect(row).toMatchObject({ notes: "steep", outcome: "win", label: "wedge_up", start_time: 0 });
  });

  it("refuses details that are nested deeper than readers take", async () => {
    const id = await uploaded("deep.csv");
    const nested = (levels: number) => {
      const sub_spans = `${"[".repeat(levels)}${"]".repeat(levels)}`;
      const text = `{"chart_id": ${id}, "start_time": 0, "end_time": 3600, "label": "x", "sub_spans": ${sub_spans}}`;
      return call(spans.POST, "POST", "span-annotations", text);
    };
    expect((await nested(31)).status).toBe(201);
    for (const levels of [32, 300_000]) {
      expect(await nested(levels)).toMatchObject({ status: 400, body: { error: "The body has more than 32 levels" } });
    }
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

describe("a row that its sender knows", () => {
  const rows = [
    ["annotations", points.POST, point, { timestamp: 0, label_type: "x" }, { label_type: "y" }, "annotation"],
    ["span-annotations", spans.POST, span, { start_time: 0, end_time: 60, label: "x" }, { notes: "y" }, "span annotation"],
  ] as const;

  it.each(rows)("of %s is deleted only while it says what its tag stands for", async (path, post, one, wanted, change, name) => {
    const chart_id = await uploaded(`${path}.csv`);
    const created = await call(post, "POST", path, { chart_id, ...wanted });
    const { id } = created.body as { id: number };
    const remove = (tag: string) => call(one.DELETE, "DELETE", `${path}/${id}`, undefined, { "If-Match": tag });
    const known = created.headers.get("etag") ?? "";
    const changed = await call(one.PATCH, "PATCH", `${path}/${id}`, change);
    const error = `Somebody has changed ${name} ${id} meanwhile: it is not deleted`;
    expect(await remove(known)).toMatchObject({ status: 412, body: { error } });
    expect(await remove(`${known}, ${changed.headers.get("etag")}`)).toMatchObject({ status: 200, body: { success: true } });
    expect((await remove("*")).status).toBe(404);
  });

  it("has the same tag when it is stored again, and another one for other content", () => {
    const row = { id: 1, created_at: 1, label: "x", sub_spans: [{ at: 1 }] };
    expect(rowTag({ sub_spans: [{ at: 1 }], label: "x", created_at: 2, id: 2 })).toBe(rowTag(row));
    expect(rowTag({ ...row, sub_spans: [{ at: 2 }] })).not.toBe(rowTag(row));
  });
});

describe("exports", () => {
  it("exports spans as JSON of exactly these fields, of the newest chart by default", async () => {
    const { id } = await stored(await uploaded("exported.csv"), { notes: "not exported" });
    const { body } = await call(exportJson.GET, "GET", "span-annotations/export");
    const row = { id, start_time: 3600, end_time: 7200, label: "bull_flag", confidence: null, outcome: null, sub_spans: null };
    expect(body).toEqual({ annotations: [row] });
  });

  it("exports whole spans and reviewed ranges as a file that names the series", async () => {
    const chart_id = await uploaded("GBPUSD_1h.csv");
    const said = { source: "model_confirmed", model_prediction: { label: "x", confidence: 1, model_version: "3" } };
    const judged = { ...said, notes: "steep", color: "#26a69a" };
    const { id } = await stored(chart_id, judged);
    await call(ranges.POST, "POST", `reviewed-ranges?chartId=${chart_id}`, { start_time: 36_000, end_time: 0 });
    const { body, headers } = await call(exportSpans.GET, "GET", `export/spans?chartId=${chart_id}&format=json`);
    expect(body).toMatchObject({ annotations: [{ id, ...judged }], reviewed_ranges: [{ chart_id, start_time: 0, end_time: 36_000 }] });
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

  it("adds a label once, however many ask for it at once", async () => {
    const add = () => call(labels.POST, "POST", "span-label-types", { name: "at_once" });
    const answers = await Promise.all([add(), add(), add()]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 400, 400]);
  });
});

describe("changed label types", () => {
  const add = async (name: string, more: object = {}) =>
    (await call(labels.POST, "POST", "span-label-types", { name, ...more })).body as { id: number };
  const change = (id: number, fields: object) => call(label.PATCH, "PATCH", `span-label-types/${id}`, fields);

  it("are renamed on every span and point, and not on lines", async () => {
    const [{ id }, chart_id] = [await add("old_name"), await uploaded("renamed.csv")];
    await stored(chart_id, { label: "old_name" });
    await stored(chart_id, { label: "older_name" });
    for (const geometry of [null, { to: 1 }]) {
      await call(points.POST, "POST", "annotations", { timestamp: 0, label_type: "old_name", chart_id, geometry });
    }
    const wanted = { name: "new_name", color: "#112233", hotkey: "9", is_active: false };
    expect(await change(id, wanted)).toMatchObject({ status: 200, body: { id, ...wanted, display_name: "new name" } });
    const named: { label: string }[] = (await call(spans.GET, "GET", `span-annotations?chartId=${chart_id}`)).body;
    expect(named.map((each) => each.label).sort()).toEqual(["new_name", "older_name"]);
    const marked: { label_type: string }[] = (await call(points.GET, "GET", `annotations?chartId=${chart_id}`)).body;
    expect(marked.map((each) => each.label_type).sort()).toEqual(["new_name", "old_name"]);
  });

  it("keep what is not named, their own name and hotkey too", async () => {
    const { id } = await add("kept", { hotkey: "0", display_name: "Kept!" });
    expect((await change(id, { name: "kept", hotkey: "0" })).body).toMatchObject({ display_name: "Kept!", is_active: true });
    expect((await change(id, { hotkey: null })).body).toMatchObject({ name: "kept", hotkey: null });
  });

  it.each([
    [{ name: "bull_flag" }, 400, "There is a label bull_flag already"],
    [{ hotkey: "1" }, 400, "The hotkey 1 belongs to bull_flag"],
    [{ name: "O" }, 400, 'name: another name: "O" means no pattern'],
    [{}, 400, "name at least one field to change"],
  ])("are refused %j", async (fields, status, error) => {
    const { id } = await add(`refused_${JSON.stringify(fields).length}`);
    expect(await change(id, fields)).toMatchObject({ status, body: { error } });
  });

  it("are there", async () => {
    expect(await change(9999, { is_active: false })).toMatchObject({ status: 404, body: { error: "There is no label 9999" } });
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

describe("unchanged data", () => {
  it.each([
    ["candles", candles.GET],
    ["annotations", points.GET],
    ["span-annotations", spans.GET],
    ["reviewed-ranges", ranges.GET],
  ])("of %s is not sent twice to a caller who names its tag", async (name, get) => {
    const chartId = await uploaded("tagged.csv");
    const url = `${name}?chartId=${chartId}`;
    const tag = (await call(get, "GET", url)).headers.get("etag") ?? "";
    expect(await call(get, "GET", url, undefined, { "If-None-Match": tag })).toMatchObject({ status: 304, body: "" });
    const other = await call(get, "GET", url, undefined, { "If-None-Match": 'W/"other"' });
    expect(other).toMatchObject({ status: 200 });
    expect(other.headers.get("etag")).toBe(tag);
  });

  it("has another tag once it changes", async () => {
    const chart_id = await uploaded("changing.csv");
    const tag = async () => (await call(spans.GET, "GET", `span-annotations?chartId=${chart_id}`)).headers.get("etag");
    const before = await tag();
    await stored(chart_id);
    expect(await tag()).not.toBe(before);
  });
});

import { expect, it } from "vitest";
import * as chart from "@/app/api/charts/[id]/route";
import * as exportSpans from "@/app/api/export/spans/route";
import { beginEmpty, call, stored, uploaded } from "./calls";

beginEmpty();

it("names the spans that BIO has no candle left for", async () => {
  const chart_id = await uploaded("tags.csv");
  await stored(chart_id, { start_time: 0, end_time: 10_800 });
  const { id } = await stored(chart_id, { label: "wedge_up" });
  const { headers } = await call(exportSpans.GET, "GET", `export/spans?chartId=${chart_id}&format=bio`);
  expect([headers.get("x-overlapping-spans"), headers.get("x-lost-spans")]).toEqual(["1", String(id)]);
});

it.each([
  ["BTC/USD", `attachment; filename="BTC-USD_1h.spans.json"`],
  ["Öl (WTI)", `attachment; filename="-l--WTI-_1h.spans.json"; filename*=UTF-8''%C3%96l%20%28WTI%29_1h.spans.json`],
])("an export of %s is called as it is wherever files can be", async (pair, disposition) => {
  const id = await uploaded(`${pair.length}.csv`);
  await call(chart.PATCH, "PATCH", `charts/${id}`, { pair });
  const { headers } = await call(exportSpans.GET, "GET", `export/spans?chartId=${id}`);
  expect(headers.get("content-disposition")).toBe(disposition);
});

import { describe, expect, it } from "vitest";
import { bioCsv, bioLosses, exportName, windowedCsv } from "@/data/exports";
import type { Candle, Span } from "@/data/types";

const candles: Candle[] = Array.from({ length: 8 }, (_, index) => ({
  time: index * 60,
  open: 1,
  high: 3,
  low: 1,
  close: 2,
}));

function span(id: number, first: number, last: number, label: string, more: Partial<Span> = {}): Span {
  return {
    id,
    chart_id: 1,
    start_time: first * 60,
    end_time: last * 60,
    label,
    confidence: null,
    outcome: null,
    notes: null,
    sub_spans: null,
    color: null,
    source: "human",
    model_prediction: null,
    created_at: 0,
    ...more,
  };
}

function tags(spans: Span[]): string[] {
  const [, ...rows] = bioCsv(spans, candles).csv.trim().split("\n");
  return rows.map((row) => row.split(",").at(-1) ?? "");
}

describe("one row a candle", () => {
  it("begins a span with B and goes on with I", () => {
    expect(tags([span(1, 1, 3, "flag"), span(2, 5, 5, "wedge")])).toEqual(
      ["O", "B-flag", "I-flag", "I-flag", "O", "B-wedge", "O", "O"],
    );
  });

  it("tells two adjoining spans of one label apart", () => {
    expect(tags([span(1, 0, 1, "flag"), span(2, 2, 3, "flag")]).slice(0, 4)).toEqual(
      ["B-flag", "I-flag", "B-flag", "I-flag"],
    );
  });

  it("leaves shared candles to the span that starts first and counts the other", () => {
    const overlapping = [span(2, 2, 5, "wedge"), span(1, 1, 3, "flag")];
    expect(tags(overlapping)).toEqual(["O", "B-flag", "I-flag", "I-flag", "B-wedge", "I-wedge", "O", "O"]);
    expect(bioCsv(overlapping, candles).losses).toEqual({ shortened: [overlapping[0]], lost: [] });
  });

  it("names the spans that no candle is left for", () => {
    const [covering, covered, outside] = [span(1, 1, 5, "flag"), span(2, 2, 4, "wedge"), span(3, 20, 22, "flag")];
    const spans = [covering, covered, outside, span(4, 2, 4, "O")];
    expect(bioLosses(spans, candles)).toEqual({ shortened: [], lost: [covered, outside] });
    expect(bioCsv(spans, candles).losses).toEqual(bioLosses(spans, candles));
  });

  it("keeps candles that were marked as no pattern outside", () => {
    expect(tags([span(1, 0, 7, "O")])).toEqual(Array(8).fill("O"));
  });

  it("has a column of volume where the candles have one", () => {
    expect(bioCsv([], [{ ...(candles[0] as Candle), volume: 7 }]).csv).toBe(
      "time,open,high,low,close,volume,label\n0,1,3,1,2,7,O\n",
    );
    expect(bioCsv([], candles.slice(0, 1)).csv).toBe("time,open,high,low,close,label\n0,1,3,1,2,O\n");
  });
});

describe("one row a span", () => {
  const header = [
    "id,start_time,end_time,label,confidence,outcome,sub_spans,source,model_prediction",
    "window_start,window_end,candle_count",
  ].join(",");

  it("puts candles of context around the span, as far as there are any", () => {
    const [head, near, middle] = windowedCsv([span(1, 1, 2, "flag"), span(2, 4, 5, "wedge")], candles, 2).split("\n");
    expect(head).toBe(header);
    expect(near).toBe("1,60,120,flag,,,,human,,0,240,2");
    expect(middle).toBe("2,240,300,wedge,,,,human,,120,420,2");
  });

  it("writes parts and predictions as JSON in one cell", () => {
    const more = { sub_spans: [{ label: "pole" }], confidence: 4, outcome: "win" as const, source: "model_corrected" };
    const judged = { model_prediction: { label: "wedge", confidence: 0.5, model_version: "3" } };
    const [, row] = windowedCsv([span(7, 0, 0, "flag", { ...more, ...judged })], candles, 0).split("\n");
    expect(row).toBe(
      '7,0,0,flag,4,win,"[{""label"":""pole""}]",model_corrected,' +
        '"{""label"":""wedge"",""confidence"":0.5,""model_version"":""3""}",0,0,1',
    );
  });
});

it.each([
  ["EURUSD", "EURUSD_1h.bio.csv"],
  ["BTC/USD", "BTC-USD_1h.bio.csv"],
  ["EUR USD", "EUR USD_1h.bio.csv"],
  ['a\\b:c*"d"', "a-b-c--d-_1h.bio.csv"],
])("an export of %s is called %s", (pair, name) => {
  expect(exportName({ pair, timeframe: "1h" }, "bio.csv")).toBe(name);
});

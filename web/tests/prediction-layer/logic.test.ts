import { describe, expect, it } from "vitest";
import { PredictionCache } from "@/prediction-layer/cache";
import { bandsOf, colorOf, lookOf, passing, runsOf, type Filters } from "@/prediction-layer/filters";
import { inSampleRange, withOutOfFold } from "@/prediction-layer/out-of-fold";
import { cutAnswer, planRequests, predictBody } from "@/prediction-layer/requests";
import { at, candle, model, prediction, row, series, span } from "./parts";

const LABELS = model().label_config;
const everything: Filters = { threshold: 0, ownThresholds: false, hidden: new Set() };

describe("the cache", () => {
  it("finds what covers the range, for the same series and model only", () => {
    const cache = new PredictionCache();
    const all = prediction(0, 99);
    cache.add("a", all);
    expect(cache.find("a", all.model, { start: at(10), end: at(20) })).toBe(all);
    expect(cache.find("a", all.model, { start: at(90), end: at(100) })).toBeUndefined();
    expect(cache.find("b", all.model, all.range)).toBeUndefined();
    expect(cache.find("a", "patterns 2 bb", all.range)).toBeUndefined();
  });

  it("holds 100 entries and lets the least recently used go", () => {
    const cache = new PredictionCache();
    const first = prediction(0, 0);
    cache.add("a", first);
    for (let index = 1; index < 100; index++) cache.add("a", prediction(index, index));
    cache.find("a", first.model, first.range);
    cache.add("a", prediction(100, 100));
    expect(cache.size).toBe(100);
    expect(cache.find("a", first.model, first.range)).toBe(first);
    expect(cache.find("a", first.model, { start: at(1), end: at(1) })).toBeUndefined();
  });

  it("forgets everything when cleared", () => {
    const cache = new PredictionCache();
    cache.add("a", prediction(0, 9));
    cache.clear();
    expect(cache.size).toBe(0);
  });
});

describe("the candles that are sent", () => {
  const { candles } = series(100);

  it("have context on both sides, as far as there are candles", () => {
    const middle = { start: at(40), end: at(49) };
    expect(planRequests(candles, middle, 10)).toEqual([{ first: 40, end: 50, askedFrom: 30, sentFrom: 20, sentEnd: 70 }]);
    expect(planRequests(candles, middle, 30)).toEqual([{ first: 40, end: 50, askedFrom: 10, sentFrom: 0, sentEnd: 100 }]);
  });

  it("go in parts that adjoin", () => {
    const parts = planRequests(candles, { start: at(0), end: at(99) }, 5, 40);
    expect(parts.map((part) => [part.first, part.end])).toEqual([[0, 40], [40, 80], [80, 100]]);
    expect(parts.map((part) => [part.sentFrom, part.sentEnd])).toEqual([[0, 50], [30, 90], [70, 100]]);
  });

  it("are none where the range holds none", () => {
    expect(planRequests(candles, { start: at(200), end: at(300) }, 5)).toEqual([]);
  });

  it("carry their columns, where to begin, and threshold 0", () => {
    const [part] = planRequests(candles, { start: at(3), end: at(3) }, 1);
    expect(part && predictBody(series(100), part)).toEqual({
      pair: "EURUSD",
      timeframe: "1m",
      candles: {
        time: [1, 2, 3, 4, 5].map(at),
        open: [1, 1, 1, 1, 1],
        high: [3, 3, 3, 3, 3],
        low: [1, 1, 1, 1, 1],
        close: [2, 2, 2, 2, 2],
      },
      predict_from: at(2),
      threshold: 0,
    });
  });

  it("carry volume only where every candle has one", () => {
    const part = { first: 0, end: 2, askedFrom: 0, sentFrom: 0, sentEnd: 2 };
    const [full, half] = [[{ ...candle(0), volume: 5 }, { ...candle(1), volume: 6 }], [{ ...candle(0), volume: 5 }, candle(1)]];
    expect(predictBody({ ...series(0), candles: full }, part).candles.volume).toEqual([5, 6]);
    expect(predictBody({ ...series(0), candles: half }, part).candles).not.toHaveProperty("volume");
  });

  it("are cut from the answer again; a span across two parts is in the first of them", () => {
    const answer = {
      model_name: "patterns",
      model_version: "1",
      run_id: "run-1",
      required_history: 1,
      insufficient_history: 0,
      candles: Array.from({ length: 10 }, (_, index) => row(index)),
      spans: [span(2, 4), span(5, 6), span(7, 9)],
    };
    const part = { first: 4, end: 7, askedFrom: 0, sentFrom: 0, sentEnd: 10 };
    const asFirst = cutAnswer(answer, series(10), part, true);
    expect(asFirst.candles.map((each) => each.time)).toEqual([4, 5, 6].map(at));
    expect(asFirst.spans).toEqual([span(2, 4), span(5, 6)]);
    expect(cutAnswer(answer, series(10), part, false).spans).toEqual([span(5, 6)]);
  });
});

describe("filters", () => {
  const mixed = prediction(0, 5, {
    rows: [row(0, "O", 0.9), row(1, "flag", 0.6), row(2, "flag", 0.8), row(3, "wedge", 0.75), row(4, null, null)],
  });
  const shown = (filters: Partial<Filters>) =>
    bandsOf(mixed, passing({ ...everything, ...filters }, LABELS)).map((band) => [band.label, band.start, band.end]);

  it("show a candle from the threshold on, and no pattern never", () => {
    expect(shown({})).toEqual([["flag", at(1), at(2)], ["wedge", at(3), at(3)]]);
    expect(shown({ threshold: 0.75 })).toEqual([["flag", at(2), at(2)], ["wedge", at(3), at(3)]]);
    expect(shown({ threshold: 1 })).toEqual([]);
  });

  it("leave a hidden label out", () => {
    expect(shown({ hidden: new Set(["flag"]) })).toEqual([["wedge", at(3), at(3)]]);
  });

  it("can use each label's own threshold", () => {
    expect(shown({ threshold: 1, ownThresholds: true })).toEqual([["flag", at(1), at(2)]]);
  });

  it("draw in-sample, provisional and unknown stretches as bands of their own", () => {
    const rows = [
      row(0, null, null, { status: "insufficient_history" }),
      row(1, "flag", 0.9, { status: "in_sample" }),
      row(2, "flag", 0.9),
      row(3, "flag", 0.9),
      row(4, "flag", 0.9, { provisional: true }),
    ];
    const bands = bandsOf(prediction(0, 4, { rows }), passing(everything, LABELS));
    expect(bands.map((band) => [band.label, band.look, band.start, band.end])).toEqual([
      [null, "insufficient_history", at(0), at(0)],
      ["flag", "in_sample", at(1), at(1)],
      ["flag", "ok", at(2), at(3)],
      ["flag", "provisional", at(4), at(4)],
    ]);
  });
});

describe("runs", () => {
  const all = passing(everything, LABELS);

  it("are the spans that pass, one marker each", () => {
    const told = prediction(0, 9, {
      rows: [row(5, "wedge", 0.7, { provisional: true })],
      spans: [span(0, 3), span(4, 5, "wedge", 0.7)],
    });
    expect(runsOf(told, all)).toEqual([
      { label: "flag", start: 0, end: at(3), confidence: 0.9, candleCount: 4, look: "ok" },
      { label: "wedge", start: at(4), end: at(5), confidence: 0.7, candleCount: 2, look: "provisional" },
    ]);
    expect(runsOf(told, passing({ ...everything, threshold: 0.8 }, LABELS))).toHaveLength(1);
  });

  it("are none where candles pass and no span does", () => {
    expect(runsOf(prediction(0, 1, { rows: [row(0), row(1)] }), all)).toEqual([]);
  });
});

describe("out-of-fold values", () => {
  const known = { status: "in_sample" } as const;
  const served = {
    model_name: "patterns",
    model_version: "1",
    run_id: "run-1",
    required_history: 0,
    insufficient_history: 0,
    candles: [row(0, "flag", 1, known), row(1, "flag", 1, known), row(2, "flag", 1, known), row(3, "wedge", 0.8)],
    spans: [span(0, 1, "flag", 1), span(2, 3, "flag", 1), span(3, 3, "wedge", 0.8)],
  };

  it("are wanted from the first to the last in-sample candle", () => {
    expect(inSampleRange(served.candles)).toEqual({ start: 0, end: at(2) });
    expect(inSampleRange([row(0)])).toBeUndefined();
  });

  it("take the place of in-sample values and of nothing else", () => {
    const stored = [row(0, "O", 0.6), row(1, "wedge", 0.4), row(2, null, null), row(3, "flag", 0.1)];
    const { candles } = withOutOfFold(served, { ...served, candles: stored, spans: [] });
    expect(candles.map((each) => [each.label, each.confidence, lookOf(each)])).toEqual([
      ["O", 0.6, "out_of_fold"],
      ["wedge", 0.4, "out_of_fold"],
      ["flag", 1, "in_sample"],
      ["wedge", 0.8, "ok"],
    ]);
  });

  it("bring the patterns that begin there, and the model's own begin elsewhere", () => {
    const stored = [row(0, "O", 0.6), row(1, "wedge", 0.4)];
    const said = [span(1, 2, "wedge", 0.4), span(2, 3, "wedge", 0.3)];
    const { spans } = withOutOfFold(served, { ...served, candles: stored, spans: said });
    expect(spans).toEqual([span(1, 2, "wedge", 0.4), span(2, 3, "flag", 1), span(3, 3, "wedge", 0.8)]);
  });
});

it("gives a label the model's colour, else always the same one", () => {
  expect(colorOf("flag", LABELS)).toBe("#112233");
  expect(colorOf("unknown", [])).toBe(colorOf("unknown", LABELS));
});

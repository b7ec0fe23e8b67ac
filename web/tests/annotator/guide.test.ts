import { beforeEach, expect, it } from "vitest";
import { chartKey } from "@/annotator/keyboard";
import type { Desk } from "@/annotator/desk";
import { ServiceError, type QuestionedLabel, type SimilarSpan, type Suggestion, type Suggestions } from "@/prediction-layer";
import { model } from "../prediction-layer/parts";
import { beginEmpty, uploaded } from "../server/calls";
import { connected, HOUR, openWindow, pattern, storedSpans } from "./app";

beginEmpty();
connected();

let asked: string[];
let charts = 0;
beforeEach(() => void (asked = []));

const place = (first: number, last: number) => ({ start_time: first * HOUR, end_time: last * HOUR });

function suggestion(first: number, last: number, more: Partial<Suggestion> = {}): Suggestion {
  return { pair: "", timeframe: "1h", ...place(first, last), label: "flag", confidence: 0.4, why: "uncertain", ...more };
}

function question(id: string, first: number, last: number, more: Partial<QuestionedLabel> = {}): QuestionedLabel {
  const known = { pair: "", timeframe: "1h", ...place(first, last), label: "flag", likely_label: "wedge", doubt: 0.9 };
  return { id, ...known, probabilities: { flag: 0.1, wedge: 0.8 }, similar: [], ...more };
}

const tells = (told: Partial<Suggestions>) => ({
  suggestions: ({ pair, timeframe }: { pair: string; timeframe: string }) => {
    asked.push(`${pair} ${timeframe}`);
    return Promise.resolve({ model_version: "1", suggestions: [], review: [], ...told });
  },
});

const refuses = (error: Error) => ({ suggestions: () => Promise.reject(error) });

/** A window on a chart of its own, of ten candles an hour apart, before a service that answers so. */
async function open(client: ReturnType<typeof tells> | ReturnType<typeof refuses>, predicted = [pattern("flag", 0, 0)]): Promise<Desk> {
  await uploaded(`G${(charts += 1)}_1h.csv`);
  return openWindow(predicted, client);
}

/** As a key on the chart, until what it does is done. */
async function press(desk: Desk, ...keys: string[]): Promise<void> {
  for (const key of keys) {
    expect(chartKey(desk, { key, shiftKey: false, repeat: false })).toBe(true);
    await desk.annotations.refresh();
  }
}

const firsts = (desk: Desk) => desk.guide.suggestions().map((each) => each.start_time / HOUR);

it("asks about the open chart once, and again when its series is another one", async () => {
  const desk = await open(tells({}));
  desk.layer.setThreshold(0.1);
  await desk.annotations.addSpan({ ...place(1, 2), label: "flag" });
  expect(asked).toEqual([`G${charts} 1h`]);
  await desk.annotations.changeChart({ pair: "RENAMED" });
  expect(asked).toEqual([`G${charts} 1h`, "RENAMED 1h"]);
});

it("asks again for another version, and forgets what the one before said", async () => {
  const client = { ...tells({ suggestions: [suggestion(1, 2)] }), modelInfo: () => Promise.resolve(model("1")) };
  const desk = await open(client);
  expect(firsts(desk)).toEqual([1]);
  client.modelInfo = () => Promise.resolve(model("2"));
  Object.assign(desk.layer.client, client, tells({ suggestions: [suggestion(5, 6)] }));
  await desk.layer.refresh();
  expect(asked).toHaveLength(2);
  expect(firsts(desk)).toEqual([5]);
});

it("g selects what to annotate next, which a label's digit stores and r marks as reviewed", async () => {
  const desk = await open(tells({ suggestions: [suggestion(5, 6), suggestion(1, 2), suggestion(8, 9)] }));
  await press(desk, "g");
  expect(desk.getState()).toMatchObject({ anchor: 5, cursor: 6, notice: "flag suggested" });
  expect(desk.guide.currentSuggestion()).toEqual(suggestion(5, 6));
  await press(desk, "1");
  expect(await storedSpans()).toMatchObject([{ ...place(5, 6), label: "bull_flag" }]);
  await press(desk, "g", "r");
  expect(desk.annotations.getState().ranges).toMatchObject([place(1, 2)]);
  expect(firsts(desk)).toEqual([8]);
  expect(desk.guide.currentSuggestion()).toBeUndefined();
  await press(desk, "g", "1", "g");
  expect(desk.getState().notice).toBe("Nothing is suggested");
});

it("g passes a suggestion over that is left as it is, and begins again behind the last", async () => {
  const desk = await open(tells({ suggestions: [suggestion(5, 6), suggestion(1, 2)] }));
  const seen: unknown[] = [];
  for (let times = 0; times < 3; times++) {
    await press(desk, "g");
    seen.push(desk.getState().anchor);
  }
  expect(seen).toEqual([5, 1, 5]);
});

it("a suggestion whose ends were moved is still the one that is selected", async () => {
  const desk = await open(tells({ suggestions: [suggestion(5, 6)] }));
  await press(desk, "g");
  desk.moveCursor(8, true);
  expect(desk.guide.currentSuggestion()).toEqual(suggestion(5, 6));
  desk.clear();
  expect(desk.guide.currentSuggestion()).toBeUndefined();
});

it("suggests nothing where a person has annotated, and nothing beside the chart; programs do not count", async () => {
  const suggestions = [suggestion(0, 1), suggestion(3, 4), suggestion(6, 7), suggestion(90, 95)];
  const desk = await open(tells({ suggestions }));
  expect(firsts(desk)).toEqual([0, 3, 6]);
  await desk.annotations.addSpan({ ...place(1, 2), label: "O", source: "model_corrected" });
  await desk.annotations.addPoint(4 * HOUR, "break_up");
  await desk.annotations.addSpan({ ...place(6, 7), label: "doji", source: "talib" });
  expect(firsts(desk)).toEqual([6]);
  await desk.annotations.undo();
  await desk.annotations.undo();
  expect(firsts(desk)).toEqual([3, 6]);
});

/** A chart with one annotated span that the service asks about, and its id. */
async function openWithQuestion(more: Partial<QuestionedLabel> = {}): Promise<{ desk: Desk; id: number }> {
  const review: QuestionedLabel[] = [];
  const desk = await open(tells({ review }));
  await desk.annotations.addSpan({ ...place(1, 3), label: "flag" });
  const id = desk.annotations.getState().spans[0]?.id ?? 0;
  review.push(question(`span:${id}`, 1, 3, more));
  return { desk, id };
}

it("l goes to a label to check, and k keeps it against the model", async () => {
  const { desk, id } = await openWithQuestion();
  await press(desk, "l");
  expect(desk.getState()).toMatchObject({ selected: { kind: "span", id }, cursor: 1 });
  await press(desk, "k");
  const model_prediction = { label: "wedge", confidence: 0.8, model_version: "1" };
  expect(await storedSpans()).toMatchObject([{ id, label: "flag", source: "model_corrected", model_prediction }]);
  expect(desk.getState().notice).toBe("flag stored as model_corrected");
  expect(desk.guide.questions()).toEqual([]);
  await press(desk, "l");
  expect(desk.getState().notice).toBe("No label is to be checked");
});

it("t takes the likely label, and undo puts the question back", async () => {
  const { desk, id } = await openWithQuestion();
  await press(desk, "l", "t");
  expect(await storedSpans()).toMatchObject([{ id, label: "wedge", source: "model_confirmed" }]);
  expect(desk.guide.questions()).toEqual([]);
  await desk.annotations.undo();
  expect(desk.guide.questions()).toHaveLength(1);
});

it("t says that nothing is there where that is likely", async () => {
  const { desk, id } = await openWithQuestion({ likely_label: "O", probabilities: { O: 0.7, flag: 0.3 } });
  await press(desk, "l", "t");
  expect(await storedSpans()).toMatchObject([{ id, label: "O", source: "model_confirmed", model_prediction: { confidence: 0.7 } }]);
});

it("a label's digit answers the question too, as does deleting", async () => {
  const { desk } = await openWithQuestion();
  await press(desk, "l", "2");
  expect(await storedSpans()).toMatchObject([{ label: "bear_flag", source: "human" }]);
  expect(desk.guide.questions()).toEqual([]);
  const { desk: other } = await openWithQuestion();
  await press(other, "l", "Delete");
  expect(other.guide.questions()).toEqual([]);
});

it("two keys in quick succession answer once", async () => {
  const { desk } = await openWithQuestion();
  await press(desk, "l");
  await Promise.all([desk.guide.keep(), desk.guide.relabel()]);
  expect(await storedSpans()).toMatchObject([{ label: "flag", source: "model_corrected" }]);
});

it("keys answer only the question that is selected", async () => {
  const { desk } = await openWithQuestion();
  await press(desk, "k");
  expect(desk.getState().notice).toBe("Go to a label to check first");
  expect(desk.guide.questions()).toHaveLength(1);
});

it("an id that names another annotation here asks nothing", async () => {
  const { desk, id } = await openWithQuestion();
  expect(desk.guide.questions()).toHaveLength(1);
  desk.guide.getState().told?.review.splice(0, 1, question(`span:${id}`, 7, 8), question("span:98765", 1, 3), question(`span:${id}`, 1, 3, { label: "O" }));
  expect(desk.guide.questions()).toEqual([]);
});

it("a point is kept until another version, or takes the likely label", async () => {
  const review: QuestionedLabel[] = [];
  const desk = await open(tells({ review }));
  for (const index of [2, 4]) {
    await desk.annotations.addPoint(index * HOUR, "break_up");
    const id = desk.annotations.getState().points.find((point) => point.timestamp === index * HOUR)?.id;
    review.push(question(`point:${id}`, index, index, { label: "break_up", likely_label: "break_down" }));
  }
  await press(desk, "l", "k");
  expect(desk.getState().notice).toBe("break_up kept");
  expect(desk.guide.questions()).toEqual([review[1]]);
  await press(desk, "l", "t");
  expect(desk.getState().notice).toBe("break_down stored");
  const labels = desk.annotations.getState().points.map(({ timestamp, label_type }) => [timestamp / HOUR, label_type]);
  expect(labels.sort()).toEqual([[2, "break_up"], [4, "break_down"]]);
  expect(desk.guide.questions()).toEqual([]);
  await desk.guide.ask();
  expect(desk.guide.questions()).toEqual([]);
});

const similar = (first: number, last: number, more: Partial<SimilarSpan>): SimilarSpan => {
  return { id: "span:1", pair: "", timeframe: "1h", ...place(first, last), label: "flag", distance: 0.1, ...more };
};

it("shows an annotation that is like another one, and leaves what is selected", async () => {
  const { desk, id } = await openWithQuestion();
  await press(desk, "l");
  await desk.guide.show(similar(6, 8, { pair: `G${charts}` }));
  expect(desk.getState()).toMatchObject({ selected: { kind: "span", id }, anchor: null, cursor: 6, notice: "flag, annotated" });
  await desk.guide.show(similar(60, 80, { pair: `G${charts}` }));
  expect(desk.getState().notice).toBe(`G${charts}_1h has no candles there`);
});

it("shows it on the chart of its series, where there is one", async () => {
  const desk = await open(tells({}));
  const before = charts;
  await uploaded(`G${(charts += 1)}_1h.csv`);
  await desk.annotations.refresh();
  await desk.guide.show(similar(6, 8, { pair: `G${charts}` }));
  expect(desk.annotations.getState().chart?.pair).toBe(`G${charts}`);
  expect(desk.getState().cursor).toBe(6);
  await desk.guide.show(similar(6, 8, { pair: `G${before}`, timeframe: "5m" }));
  expect(desk.getState().notice).toBe(`There is no chart of G${before} 5m`);
});

it("says what to do where the version has no suggestions", async () => {
  const detail = "demo: version 1 has no suggestions";
  const desk = await open(refuses(new ServiceError(detail, 404, false, "urn:candle-ml:problem:no-suggestions")));
  expect(desk.guide.getState().problem).toBe(
    "Version 1 was trained without suggestions: set suggest.enabled in config/pipeline.yaml to true and train again.",
  );
  expect(desk.guide.suggestions()).toEqual([]);
});

it("says what failed, and asks again once the service is back", async () => {
  const desk = await open(refuses(new ServiceError("Inference service unavailable", 503, true)));
  expect(desk.guide.getState().problem).toBe("Inference service unavailable.");
  const away = { modelInfo: () => Promise.reject(new ServiceError("Inference service unavailable", 503, true)) };
  Object.assign(desk.layer.client, tells({ suggestions: [suggestion(1, 2)] }), away);
  await desk.layer.refresh();
  expect(asked).toEqual([]);
  Object.assign(desk.layer.client, { modelInfo: () => Promise.resolve(model()) });
  await desk.layer.refresh();
  expect(firsts(desk)).toEqual([1]);
  expect(desk.guide.getState().problem).toBe("");
});

it("an answer about a chart that is no longer open is not shown", async () => {
  const answers: ((told: Suggestions) => void)[] = [];
  const slow = { suggestions: () => new Promise<Suggestions>((resolve) => answers.push(resolve)) };
  const desk = await open(slow as never);
  await desk.annotations.changeChart({ pair: "LATER" });
  answers[1]?.({ model_version: "1", suggestions: [suggestion(5, 6)], review: [] });
  answers[0]?.({ model_version: "1", suggestions: [suggestion(1, 2)], review: [] });
  await desk.annotations.refresh();
  expect(firsts(desk)).toEqual([5]);
});

it("asks for the examples of the prediction in question, and says why there are none", async () => {
  const spans = [{ ...pattern("flag", 1, 3), similar: [similar(6, 8, {})] }, pattern("wedge", 5, 7)];
  const desk = await open(tells({}), spans);
  desk.walk(1);
  expect(desk.examples.getState()).toMatchObject({ of: { label: "flag" }, similar: null });
  await desk.annotations.refresh();
  expect(desk.examples.getState().similar).toEqual([similar(6, 8, {})]);
  desk.walk(1);
  await desk.annotations.refresh();
  expect(desk.examples.getState()).toMatchObject({ of: { label: "wedge" }, similar: [] });
  desk.clear();
  expect(desk.examples.getState()).toMatchObject({ of: null, similar: null });
  Object.assign(desk.layer.client, { predict: () => Promise.reject(new ServiceError("include: similar is not known", 422, false)) });
  desk.look({ ...spans[0], start: 0, end: 9 * HOUR, confidence: 1, candleCount: 10, look: "ok", label: "flag" } as never);
  await desk.annotations.refresh();
  expect(desk.examples.getState().problem).toBe("include: similar is not known");
});

/** The whole loop on real parts: annotate, train, predict, see, judge, train again. The tests build on each other. */
import path from "node:path";
import { expect, test, type Page } from "@playwright/test";
import type { Span } from "@/data/types";
import type { Band, LayerState, PredictResponse, Run } from "@/prediction-layer";
import { bringDemo, closeStage, marksOf, openStage, type Stage } from "./demo";
import {
  blended,
  chartOf,
  click,
  drag,
  expectNamedAndReached,
  expectNotice,
  layerState,
  press,
  serve,
  shareOfColor,
  showCandles,
  storedSpans,
  timeOf,
} from "./page";
import { annotationsTrained, spansOfVersion, startService, type Running } from "./stack";

test.describe.configure({ mode: "serial", timeout: 900_000 });

const THRESHOLD = 0.3;
const PICTURES = process.env["PICTURES"] ?? "test-results";
const CANDLES = 3270;

let stage: Stage;
let project: string;
let port: number;
let annotator: Running;
let page: Page;
let service: Running | undefined;

test.beforeAll(async ({ browser }) => {
  stage = await openStage(browser);
  ({ project, port, annotator, page } = stage);
});
test.afterAll(async () => {
  await service?.stop();
  await closeStage(stage);
});

/** Index of the candle at a time. */
function indexOf(time: number): Promise<number> {
  return page.evaluate(
    (wanted) =>
      window.annotator?.desk.annotations.getState().candles.findIndex((candle) => candle.time === wanted) ?? -1,
    time,
  );
}

async function colorOf(label: string, opacity = 0.15): Promise<[number, number, number]> {
  const { model } = await layerState(page);
  return blended(model?.label_config.find((each) => each.name === label)?.color ?? "", opacity);
}

/** Indices and label of the first band that looks so and touches no other of its label. */
async function bandThatLooks(look: Band["look"]): Promise<{ label: string; first: number; last: number }> {
  const { bands, prediction } = await layerState(page);
  const indexes = new Map(prediction?.rows.map((row, index) => [row.time, index]));
  const places = bands.map(({ label, look, start, end }) => ({
    ...{ label: label ?? "", look },
    ...{ first: indexes.get(start) ?? -1, last: indexes.get(end) ?? -1 },
  }));
  const found = places.find((each, number) => {
    const [before, after] = [places[number - 1], places[number + 1]];
    const touches =
      (before?.last === each.first - 1 && before.label === each.label) ||
      (after?.first === each.last + 1 && after.label === each.label);
    return each.look === look && each.last - each.first >= 2 && !touches;
  });
  if (found === undefined) throw new Error(`nothing that is predicted looks ${look}`);
  return found;
}

async function predictVisible(from: number, to: number): Promise<LayerState["prediction"]> {
  await showCandles(page, from, to);
  await page.getByRole("button", { name: "Run on visible" }).click();
  const expected = [await timeOf(page, from + 2), await timeOf(page, to - 2)] as const;
  const covers = async () => {
    const range = (await layerState(page)).prediction?.range;
    return range !== undefined && range.start <= expected[0] && range.end >= expected[1];
  };
  await expect.poll(covers).toBe(true);
  return (await layerState(page)).prediction;
}

/** Shows a run, and answers the index of a candle in its middle. */
async function showRun(run: Run): Promise<number> {
  const [first, last] = [await indexOf(run.start), await indexOf(run.end)];
  await showCandles(page, first - 40, last + 40);
  return Math.floor((first + last) / 2);
}

async function showPredictions(): Promise<void> {
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(`${CANDLES} candles predicted`)).toBeVisible();
  await page.getByRole("slider", { name: "Threshold" }).fill(String(THRESHOLD));
}

let trained: number;

test("candles are uploaded, annotated by mouse and keyboard, and marked as reviewed", async () => {
  const { annotations, reviewed_ranges } = marksOf(project, "AAPL_1d");
  const inOrder = annotations.toSorted((left, right) => left.start_time - right.start_time);
  const [byMouse, byKeys] = [inOrder[0], inOrder.at(-1)];
  if (byMouse === undefined || byKeys === undefined) throw new Error("nothing is marked");
  await bringDemo(page, annotator.url, project, "AAPL_1d", [byMouse, byKeys]);
  await page.reload();
  await expect(chartOf(page)).toHaveAccessibleName(`Chart of AAPL 1d, ${CANDLES} candles`);
  const count = annotations.length + reviewed_ranges.length;
  await expect(page.getByText(`Annotations (${count - 2})`)).toBeVisible();

  const [first, last] = [await indexOf(byMouse.start_time), await indexOf(byMouse.end_time)];
  await showCandles(page, first - 40, last + 40);
  await page.getByRole("radio", { name: "Spans" }).check();
  await page.getByRole("combobox", { name: "Label", exact: true }).selectOption(byMouse.label);
  await drag(page, first, last);
  await expectNotice(page, `${byMouse.label} stored`);

  const [start, end] = [await indexOf(byKeys.start_time), await indexOf(byKeys.end_time)];
  const keys = { bull_flag: "1", bear_flag: "2", double_bottom: "4" }[byKeys.label] ?? "";
  const back = CANDLES - 1 - start;
  const steps = [...Array<string>(Math.floor(back / 20)).fill("PageUp"), ...Array<string>(back % 20).fill("ArrowLeft")];
  await press(page, "v", "End", ...steps, ...Array<string>(end - start).fill("Shift+ArrowRight"), keys);
  await expectNotice(page, `${byKeys.label} stored`);
  expect(await storedSpans(page)).toEqual(
    expect.arrayContaining([byMouse, byKeys].map(({ start_time, end_time, label }) => expect.objectContaining({ start_time, end_time, label }) as Span)),
  );

  await showCandles(page, 0, 60);
  await page.getByRole("radio", { name: "Mark reviewed" }).check();
  await drag(page, 2, 12);
  await expectNotice(page, "Marked as reviewed");
  await expect(page.getByText(`Annotations (${count + 1})`)).toBeVisible();
  await page.getByRole("radio", { name: "View", exact: true }).check();
});

test("a model is trained from the annotator's routes and shown", async () => {
  await expect(page.getByText("Inference service unavailable. Annotating goes on")).toBeVisible();
  trained = await annotationsTrained(project);
  service = await startService(project, port);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("definition").filter({ hasText: /^1$/ })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: "demo" })).toBeVisible();
  const row = page.getByRole("row", { name: /double_bottom/ });
  await expect(row.getByRole("checkbox")).toBeChecked();
  await expect(row.getByRole("cell")).toHaveText([/^\d+ %$/, /^\d+ %$/]);
});

test("predictions stand behind the candles in the label's colour, on their candles only", async () => {
  await showPredictions();
  const { label, first, last } = await bandThatLooks("ok");
  const color = await colorOf(label);
  await showCandles(page, first - 40, last + 40);
  for (const inside of [first, last]) expect(await shareOfColor(page, inside, color)).toBeGreaterThan(0.5);
  for (const outside of [first - 1, last + 1]) expect(await shareOfColor(page, outside, color)).toBeLessThan(0.02);
  await page.screenshot({ path: path.join(PICTURES, "annotator.png") });
});

test("candles that the model was trained on show what models said that were not", async () => {
  const { model, prediction } = await layerState(page);
  const address = `${service?.url}/model/out-of-fold?pair=AAPL&timeframe=1d&threshold=0`;
  const stored = (await (await fetch(address)).json()) as PredictResponse;
  const said = new Map(stored.candles.map((row) => [row.time, row]));
  const inSample = prediction?.rows.filter((row) => row.status === "in_sample") ?? [];
  const shown = inSample.filter((row) => row.outOfFold);
  expect(model?.model_info.model_version).toBe(stored.model_version);
  expect(shown.length).toBeGreaterThan(500);
  expect(shown.map((row) => [row.label, row.confidence])).toEqual(
    shown.map(({ time }) => [said.get(time)?.label, said.get(time)?.confidence]),
  );
  expect(inSample.filter((row) => !row.outOfFold && typeof said.get(row.time)?.label === "string")).toEqual([]);
});

test("what the model was trained on, and what it cannot know, look different", async () => {
  // Models of the first folds have seen few patterns and are sure of none.
  await page.getByRole("slider", { name: "Threshold" }).fill("0.1");
  for (const look of ["out_of_fold", "in_sample"] as const) {
    const { label, first, last } = await bandThatLooks(look);
    await showCandles(page, first - 40, last + 40);
    const share = async (opacity: number) => shareOfColor(page, first, await colorOf(label, opacity));
    expect(await share(0.15)).toBeLessThan(0.3);
    expect(await share(0.3)).toBeGreaterThan(0.1);
  }
  await page.getByRole("slider", { name: "Threshold" }).fill(String(THRESHOLD));
  const grey = blended("#9e9e9e", 0.5);
  const { prediction } = await layerState(page);
  const unknown = prediction?.rows.filter((row) => row.status === "insufficient_history").length ?? 0;
  await showCandles(page, unknown - 50, unknown + 50);
  expect(await shareOfColor(page, unknown - 2, grey)).toBeGreaterThan(0.005);
  expect(await shareOfColor(page, unknown + 1, grey)).toBeLessThan(0.005);
});

test("filters need no request", async () => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const before = await layerState(page);
  const { label, first } = await bandThatLooks("ok");
  const color = await colorOf(label);
  await showCandles(page, first - 40, first + 40);
  expect(await shareOfColor(page, first, color)).toBeGreaterThan(0.5);
  const box = page.getByRole("row", { name: label }).getByRole("checkbox");
  await box.uncheck();
  expect((await layerState(page)).runs.filter((each) => each.label === label)).toEqual([]);
  expect(await shareOfColor(page, first, color)).toBeLessThan(0.02);
  await box.check();
  await page.getByRole("slider", { name: "Threshold" }).fill("1");
  expect((await layerState(page)).runs).toEqual([]);
  await page.getByRole("slider", { name: "Threshold" }).fill(String(THRESHOLD));
  expect((await layerState(page)).runs).toEqual(before.runs);
  expect(asked.filter((url) => url.includes("predict"))).toEqual([]);
});

test("what is visible gets the same predictions as the whole chart", async () => {
  const visible: LayerState["prediction"][] = [];
  await page.reload();
  await expect(chartOf(page)).toHaveAccessibleName(/^Chart of AAPL/);
  await expect(page.getByRole("button", { name: "Predict all" })).toBeEnabled();
  for (const [from, to] of [[900, 1000], [1500, 1700], [3000, 3269]] as const) {
    visible.push(await predictVisible(from, to));
  }
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(`${CANDLES} candles predicted`)).toBeVisible();
  const all = (await layerState(page)).prediction;
  for (const part of visible) {
    const { start, end } = part?.range ?? { start: 0, end: 0 };
    expect(part?.rows).toEqual(all?.rows.filter((row) => row.time >= start && row.time <= end));
    expect(part?.spans).toEqual(all?.spans.filter((span) => span.end_time >= start && span.start_time <= end));
  }
  await page.getByRole("slider", { name: "Threshold" }).fill(String(THRESHOLD));
});

test("the chart is predicted by itself as it moves", async () => {
  const auto = page.getByRole("checkbox", { name: "Auto-predict" });
  await page.reload();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeEnabled();
  await auto.check();
  for (const [from, to] of [[2000, 2100], [2400, 2500]] as const) {
    await showCandles(page, from, to);
    const times = [await timeOf(page, from + 2), await timeOf(page, to - 2)] as const;
    const range = async () => (await layerState(page)).prediction?.range ?? { start: Infinity, end: -Infinity };
    await expect.poll(async () => (await range()).start <= times[0] && (await range()).end >= times[1]).toBe(true);
  }
  await auto.uncheck();
  await showPredictions();
});

test("predictions are confirmed, corrected and dismissed in two keys each", async () => {
  const judged = async (keyFor: (label: string) => string, notice: string) => {
    await press(page, "Escape", "n");
    const { focus } = await page.evaluate(() => ({ focus: window.annotator?.desk.getState().focus }));
    if (!focus) throw new Error("no disagreement");
    await page.keyboard.press(keyFor(focus.label));
    await expectNotice(page, notice);
    const isJudged = (span: Span) => span.model_prediction !== null && span.start_time === focus.start;
    return { focus, span: (await storedSpans(page)).find(isJudged) };
  };
  const confirmed = await judged(() => "c", "stored as model_confirmed");
  await page.screenshot({ path: path.join(PICTURES, "judging.png") });
  const { focus } = confirmed;
  const told = { label: focus.label, confidence: focus.confidence, model_version: "1" };
  const place = { start_time: focus.start, end_time: focus.end };
  expect(confirmed.span).toMatchObject({ ...place, label: focus.label, source: "model_confirmed", model_prediction: told });
  const other = (label: string) => (label === "bull_flag" ? "bear_flag" : "bull_flag");
  const corrected = await judged((label) => (other(label) === "bull_flag" ? "1" : "2"), "stored as model_corrected");
  expect(corrected.span).toMatchObject({ label: other(corrected.focus.label), source: "model_corrected" });
  const dismissed = await judged(() => "x", "O stored as model_corrected");
  expect(dismissed.span).toMatchObject({ label: "O", source: "model_corrected", end_time: dismissed.focus.end });
});

test("walking through corrections by keys stores none before Enter", async () => {
  await press(page, "Escape", "n");
  const count = (await storedSpans(page)).length;
  const choice = page.getByLabel("Correct to");
  await choice.focus();
  for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Correct", exact: true })).toBeFocused();
  expect(await storedSpans(page)).toHaveLength(count);
  await choice.press("Enter");
  await expectNotice(page, "stored as model_corrected");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => storedSpans(page)).toHaveLength(count);
});

test("what predictions add to the page has names and is reached by Tab", async () => {
  await press(page, "Escape", "n");
  await expect(page.getByRole("button", { name: "Confirm" })).toBeVisible();
  await expectNamedAndReached(page);
});

test("a click confirms and a modified click dismisses", async () => {
  await page.getByRole("radio", { name: "Judge" }).check();
  const doubts = () =>
    page.evaluate(() => window.annotator?.desk.disagreements().filter((each) => each.kind === "missed") ?? []);
  const [first, second] = await doubts();
  if (first === undefined || second === undefined) throw new Error("too few disagreements");
  await click(page, await showRun(first.run));
  await expectNotice(page, `${first.run.label} stored as model_confirmed`);
  await showRun(second.run);
  await click(page, await indexOf(second.run.end), ["Shift"]);
  await expectNotice(page, "O stored as model_corrected");
  const spans = await storedSpans(page);
  expect(spans.find((span) => span.start_time === first.run.start && span.source === "model_confirmed")).toBeDefined();
  expect(spans.find((span) => span.start_time === second.run.start && span.label === "O")).toBeDefined();
});

test("what was judged is used by the next training, and the new model takes over", async () => {
  const judged = (await storedSpans(page)).filter((span) => span.model_prediction !== null);
  expect(judged).toHaveLength(5);
  expect(await annotationsTrained(project, "--set", "registry.promote=always", "--set", "seed=1")).toBe(trained + 5);
  expect(await spansOfVersion(project, 2)).toEqual(expect.arrayContaining(judged.map((span) => span.id)));
  await expect
    .poll(async () => (await fetch(`${annotator.url}/api/model/info`)).text(), { timeout: 60_000 })
    .toContain('"model_version":"2"');
  await page.evaluate(() => void window.annotator?.desk.layer.refresh());
  await expect(page.getByRole("definition").filter({ hasText: /^2$/ })).toBeVisible();
  expect((await layerState(page)).prediction).toBeNull();
  expect((await predictVisible(900, 1000))?.modelVersion).toBe("2");
});

test("another version can be served again, and stays", async () => {
  await serve(page, "1");
});

test("the service may be killed and come back", async () => {
  await service?.stop("SIGKILL");
  service = undefined;
  await page.evaluate(() => void window.annotator?.desk.layer.refresh());
  await expect(page.getByText("Inference service unavailable. Annotating goes on")).toBeVisible();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeDisabled();
  await page.screenshot({ path: "test-results/offline.png" });
  service = await startService(project, port);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeEnabled();
});

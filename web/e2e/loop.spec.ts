/** The whole loop on real parts: annotate, train, predict, see, judge, train again. The tests build on each other. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, type Page } from "@playwright/test";
import type { Span } from "@/data/types";
import type { LayerState, Run } from "@/prediction-layer";
import {
  blended,
  chartOf,
  drag,
  click,
  expectNotice,
  layerState,
  press,
  shareOfColor,
  showCandles,
  storedSpans,
  upload,
} from "./page";
import { candleMl, createProject, freePort, startAnnotator, startService, temporaryFolder, type Running } from "./stack";

test.describe.configure({ mode: "serial", timeout: 300_000 });

const THRESHOLD = 0.3;
const PICTURES = process.env["PICTURES"] ?? "test-results";

let project: string;
let port: number;
let annotator: Running;
let service: Running | undefined;
let page: Page;
const { folder, remove } = temporaryFolder();

test.beforeAll(async ({ browser }) => {
  project = await createProject(folder);
  port = await freePort();
  annotator = await startAnnotator(folder, `http://127.0.0.1:${port}`);
  page = await browser.newPage();
  await page.goto(annotator.url);
});
test.afterAll(async () => {
  await service?.stop();
  await annotator.stop();
  await page.close();
  remove();
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

/** The first run that looks so, long enough to be seen. */
async function runThatLooks(look: Run["look"]): Promise<Run> {
  const { runs } = await layerState(page);
  const run = runs.find((each) => each.look === look && each.candleCount > 8);
  if (run === undefined) throw new Error(`nothing that is predicted looks ${look}`);
  return run;
}

async function predictVisible(from: number, to: number): Promise<LayerState["prediction"]> {
  await showCandles(page, from, to);
  await page.getByRole("button", { name: "Run on visible" }).click();
  const expected = [await timeOf(from + 2), await timeOf(to - 2)] as const;
  const covers = async () => {
    const range = (await layerState(page)).prediction?.range;
    return range !== undefined && range.start <= expected[0] && range.end >= expected[1];
  };
  await expect.poll(covers).toBe(true);
  return (await layerState(page)).prediction;
}

function timeOf(index: number): Promise<number> {
  return page.evaluate((wanted) => window.annotator?.desk.annotations.getState().candles[wanted]?.time ?? NaN, index);
}

/** Shows a run, and answers the index of a candle in its middle. */
async function showRun(run: Run): Promise<number> {
  const [first, last] = [await indexOf(run.start), await indexOf(run.end)];
  await showCandles(page, first - 40, last + 40);
  return Math.floor((first + last) / 2);
}

/** Puts what the annotator exports where training reads it. */
async function exportToProject(): Promise<void> {
  const answer = await fetch(`${annotator.url}/api/export/spans?format=json`);
  writeFileSync(path.join(project, "data", "annotations", "AAPL_1d.json"), await answer.text());
}

async function annotationsTrained(...options: string[]): Promise<number> {
  const said = await candleMl(project, "train", ...options);
  return Number(/(\d+) annotations/.exec(said)?.[1]);
}

let trained: number;

test("candles are uploaded and annotated by mouse and keyboard", async () => {
  const known = path.join(folder, "known.json");
  cpSync(path.join(project, "data", "annotations", "AAPL_1d.json"), known);
  await upload(page, path.join(project, "data", "candles", "AAPL_1d.csv"));
  await expect(chartOf(page)).toHaveAccessibleName(/^Chart of AAPL 1d, \d+ candles$/);
  const { annotations } = JSON.parse(readFileSync(known, "utf-8")) as { annotations: object[] };
  for (const annotation of annotations) {
    const answer = await page.request.post(`${annotator.url}/api/span-annotations`, { data: { chart_id: 1, ...annotation } });
    expect(answer.status()).toBe(201);
  }
  await page.reload();
  await expect(page.getByText(`Annotations (${annotations.length})`)).toBeVisible();
  await showCandles(page, 3100, 3200);
  await page.getByRole("radio", { name: "Spans" }).check();
  await page.getByRole("combobox", { name: "Label", exact: true }).selectOption("bear_flag");
  await drag(page, 3150, 3163);
  await expectNotice(page, "bear_flag stored");
  await press(page, "v", "End", "PageUp");
  for (let step = 0; step < 13; step++) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("1");
  await expectNotice(page, "bull_flag stored");
  await expect(page.getByText(`Annotations (${annotations.length + 2})`)).toBeVisible();
});

test("a model is trained from the annotations and shown", async () => {
  await expect(page.getByText("Inference service unavailable. Annotating goes on")).toBeVisible();
  await exportToProject();
  trained = await annotationsTrained();
  service = await startService(project, port);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("definition").filter({ hasText: /^1$/ })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: "demo" })).toBeVisible();
  const row = page.getByRole("row", { name: /double_bottom/ });
  await expect(row.getByRole("checkbox")).toBeChecked();
  await expect(row.getByRole("cell")).toHaveText([/^\d+ %$/, /^\d+ %$/]);
});

test("predictions stand behind the candles in the label's colour, on their candles only", async () => {
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(/^3270 candles predicted/)).toBeVisible();
  await page.getByLabel(/^Threshold 0/).fill(String(THRESHOLD));
  const run = await runThatLooks("ok");
  const color = await colorOf(run.label);
  const inside = await showRun(run);
  expect(await shareOfColor(page, inside, color)).toBeGreaterThan(0.5);
  expect(await shareOfColor(page, (await indexOf(run.end)) + 1, color)).toBeLessThan(0.02);
  expect(await shareOfColor(page, (await indexOf(run.start)) - 1, color)).toBeLessThan(0.02);
  await page.screenshot({ path: `${PICTURES}/predictions.png` });
});

test("what the model was trained on, and what it cannot know, look different", async () => {
  const known = await runThatLooks("in_sample");
  const inside = await showRun(known);
  expect(await shareOfColor(page, inside, await colorOf(known.label))).toBeLessThan(0.3);
  expect(await shareOfColor(page, inside, await colorOf(known.label, 0.3))).toBeGreaterThan(0.1);
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
  const run = await runThatLooks("ok");
  const [inside, color] = [await showRun(run), await colorOf(run.label)];
  const box = page.getByRole("row", { name: run.label }).getByRole("checkbox");
  await box.uncheck();
  expect((await layerState(page)).runs.filter((each) => each.label === run.label)).toEqual([]);
  expect(await shareOfColor(page, inside, color)).toBeLessThan(0.02);
  await box.check();
  await page.getByLabel(/^Threshold 0/).fill("1");
  expect((await layerState(page)).runs).toEqual([]);
  await page.getByLabel(/^Threshold 1/).fill(String(THRESHOLD));
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
  await expect(page.getByText(/^3270 candles predicted/)).toBeVisible();
  const all = (await layerState(page)).prediction;
  for (const part of visible) {
    const { start, end } = part?.range ?? { start: 0, end: 0 };
    expect(part?.rows).toEqual(all?.rows.filter((row) => row.time >= start && row.time <= end));
    expect(part?.spans).toEqual(all?.spans.filter((span) => span.end_time >= start && span.start_time <= end));
  }
  await page.getByLabel(/^Threshold 0/).fill(String(THRESHOLD));
});

test("the chart is predicted by itself as it moves", async () => {
  const auto = page.getByRole("checkbox", { name: "Auto-predict" });
  await page.reload();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeEnabled();
  await auto.check();
  for (const [from, to] of [[2000, 2100], [2400, 2500]] as const) {
    await showCandles(page, from, to);
    const times = [await timeOf(from + 2), await timeOf(to - 2)] as const;
    const range = async () => (await layerState(page)).prediction?.range ?? { start: Infinity, end: -Infinity };
    await expect.poll(async () => (await range()).start <= times[0] && (await range()).end >= times[1]).toBe(true);
  }
  await auto.uncheck();
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(/^3270 candles predicted/)).toBeVisible();
  await page.getByLabel(/^Threshold 0/).fill(String(THRESHOLD));
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
  await page.screenshot({ path: `${PICTURES}/judging.png` });
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
  await exportToProject();
  expect(await annotationsTrained("--set", "registry.promote=always", "--set", "seed=1")).toBe(trained + 5);
  await expect
    .poll(async () => (await fetch(`${annotator.url}/api/model/info`)).text(), { timeout: 60_000 })
    .toContain('"model_version":"2"');
  await page.evaluate(() => void window.annotator?.desk.layer.refresh());
  await expect(page.getByRole("definition").filter({ hasText: /^2$/ })).toBeVisible();
  expect((await layerState(page)).prediction).toBeNull();
  expect((await predictVisible(900, 1000))?.modelVersion).toBe("2");
});

test("another version can be served again", async () => {
  await page.getByLabel("Serve version").selectOption("1");
  await expect(page.getByRole("definition").filter({ hasText: /^1$/ })).toBeVisible();
});

test("the service may go away and come back", async () => {
  await service?.stop();
  service = undefined;
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText("Inference service unavailable. Annotating goes on")).toBeVisible();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeDisabled();
  await page.screenshot({ path: `${PICTURES}/offline.png` });
  service = await startService(project, port);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeEnabled();
});

/** What the model would have the person look at, on real parts. The tests build on each other. */
import { expect, test, type Locator, type Page } from "@playwright/test";
import type { QuestionedLabel, SimilarSpan, Suggestion, Suggestions } from "@/prediction-layer";
import { bringDemo, closeStage, marksOf, openStage, type Stage } from "./demo";
import { chartOf, expectNamedAndReached, expectNotice, layerState, press, storedSpans } from "./page";
import { annotationsTrained, startService, type Running } from "./stack";

test.describe.configure({ mode: "serial", timeout: 900_000 });

/** A day in the list as the page writes it. */
const day = (time: number) => new Date(time * 1000).toISOString().slice(0, 10);

let stage: Stage;
let project: string;
let port: number;
let annotator: Running;
let page: Page;
let service: Running | undefined;
let told: Suggestions;

test.beforeAll(async ({ browser }) => {
  stage = await openStage(browser);
  ({ project, port, annotator, page } = stage);
});
test.afterAll(async () => {
  await service?.stop();
  await closeStage(stage);
});

const panel = (name: RegExp) => page.getByRole("region", { name });
const toAnnotate = () => panel(/^Annotate next/);
const toCheck = () => panel(/^Labels to check/);

function entry({ label, start_time, end_time }: Suggestion | QuestionedLabel, within: Locator): Locator {
  return within.getByRole("button").filter({ hasText: label }).filter({ hasText: `${day(start_time)} to ${day(end_time)}` });
}

function example({ label, start_time }: SimilarSpan, within: Locator): Locator {
  return within.getByRole("button").filter({ hasText: `${label} ${day(start_time)}` });
}

/** First and last candle that are selected, as times; and the first and last in sight. */
function places(): Promise<{ selected: number[]; seen: number[]; cursor: number }> {
  return page.evaluate(() => {
    const { desk, view } = window.annotator ?? {};
    const { candles } = desk?.annotations.getState() ?? { candles: [] };
    const timeOf = (index: number) => candles[Math.max(0, Math.min(candles.length - 1, Math.round(index)))]?.time ?? NaN;
    const range = view?.chart.timeScale().getVisibleLogicalRange();
    const selection = desk?.selection();
    return {
      selected: selection ? [selection.first, selection.last].map(timeOf) : [],
      seen: range ? [range.from, range.to].map(timeOf) : [],
      cursor: timeOf(desk?.getState().cursor ?? NaN),
    };
  });
}

/** What the click opens elsewhere in the panels does not move the button. */
async function clickInPlace(button: Locator): Promise<void> {
  await button.scrollIntoViewIfNeeded();
  const before = await button.boundingBox();
  await button.click();
  expect(Math.abs(((await button.boundingBox())?.y ?? NaN) - (before?.y ?? NaN))).toBeLessThan(1);
}

async function expectSelected({ start_time, end_time }: Suggestion): Promise<void> {
  const { selected, seen } = await places();
  expect(selected).toEqual([start_time, end_time]);
  expect(seen[0]).toBeLessThanOrEqual(start_time);
  expect(seen[1]).toBeGreaterThanOrEqual(end_time);
}

function first<Entry>(list: readonly (Entry | undefined)[], what: string): Entry {
  const [found] = list;
  if (found === undefined) throw new Error(`there is no ${what}`);
  return found;
}

test("without a service the page says what to do", async () => {
  await expect(toAnnotate()).toContainText("Upload or open a chart first.");
  const wrong = marksOf(project, "MSFT_1d").annotations.filter((mark) => mark.label === "double_bottom").slice(0, 4);
  expect(wrong).toHaveLength(4);
  const chart = await bringDemo(page, annotator.url, project, "MSFT_1d", wrong);
  for (const mark of wrong) {
    const data = { chart_id: chart, ...mark, label: "bull_flag" };
    expect((await page.request.post(`${annotator.url}/api/span-annotations`, { data })).status()).toBe(201);
  }
  await page.reload();
  for (const lists of [toAnnotate(), toCheck()]) {
    await expect(lists).toContainText("The inference service does not answer: start it, and this fills by itself.");
  }
});

test("what the service suggests fills the lists by itself", async () => {
  await annotationsTrained(project);
  service = await startService(project, port);
  await page.getByRole("button", { name: "Try again" }).click();
  const all = (await (await fetch(`${service.url}/suggest?pair=MSFT&timeframe=1d&limit=100`)).json()) as Suggestions;
  // What TA-Lib found while the model was trained is no row of the annotator.
  told = { ...all, review: all.review.filter((each) => each.id.startsWith("span:")) };
  expect(told.suggestions.length).toBeGreaterThan(1);
  expect(told.review.length).toBeGreaterThan(1);
  await expect(toAnnotate().getByRole("heading")).toHaveText(`Annotate next (${told.suggestions.length})`);
  await expect(toCheck().getByRole("heading")).toHaveText(`Labels to check (${told.review.length})`);
  await expect(toAnnotate().getByRole("listitem")).toHaveCount(Math.min(20, told.suggestions.length));
  for (const each of told.suggestions.slice(0, 5)) {
    const why = { uncertain: "uncertain", explore: "unlike anything annotated" }[each.why];
    await expect(entry(each, toAnnotate())).toContainText(`${each.label} ${Math.round(each.confidence * 100)} %, ${why}`);
  }
  await expectNamedAndReached(page);
});

test("a suggestion is gone to by a click, and stored by one digit", async () => {
  const suggestion = first(told.suggestions, "suggestion");
  const button = entry(suggestion, toAnnotate());
  await clickInPlace(button);
  await expectSelected(suggestion);
  await expect(button).toHaveAttribute("aria-pressed", "true");
  await expect(chartOf(page)).toBeFocused();
  await page.screenshot({ path: "test-results/suggestion.png" });
  await page.keyboard.press("1");
  await expectNotice(page, "bull_flag stored");
  const { start_time, end_time } = suggestion;
  expect(await storedSpans(page)).toContainEqual(expect.objectContaining({ start_time, end_time, label: "bull_flag" }));
  await expect(button).toHaveCount(0);
  await expect(toAnnotate().getByRole("heading")).toHaveText(`Annotate next (${told.suggestions.length - 1})`);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(button).toBeVisible();
});

test("the next one is marked as reviewed by two keys, and another one stored as suggested", async () => {
  const [, second, third = first(told.suggestions, "suggestion")] = told.suggestions;
  await press(page, "g");
  await expectSelected(first([second], "second suggestion"));
  await press(page, "r");
  await expectNotice(page, "Marked as reviewed");
  await press(page, "g");
  await expectSelected(third);
  await toAnnotate().getByRole("button", { name: "Annotate as suggested" }).click();
  await expectNotice(page, `${third.label} stored`);
  await expect(toAnnotate().getByRole("heading")).toHaveText(`Annotate next (${told.suggestions.length - 2})`);
  for (let times = 0; times < 2; times++) await page.getByRole("button", { name: "Undo" }).click();
  await expect(toAnnotate().getByRole("heading")).toHaveText(`Annotate next (${told.suggestions.length})`);
});

test("a label to check is shown with what it is like, and kept", async () => {
  const question = first(told.review.filter((each) => each.similar.length > 0), "label with evidence");
  const button = entry(question, toCheck());
  await clickInPlace(button);
  expect((await places()).cursor).toBe(question.start_time);
  const evidence = toCheck().getByRole("list", { name: `Annotated ${question.likely_label} like it` });
  await expect(evidence.getByRole("listitem")).toHaveCount(question.similar.length);
  await page.screenshot({ path: "test-results/question.png" });
  await expectNamedAndReached(page);
  const here = question.similar.find((each) => each.pair === "MSFT");
  if (here !== undefined) {
    await example(here, evidence).click();
    expect((await places()).cursor).toBe(here.start_time);
    await expect(button).toHaveAttribute("aria-pressed", "true");
  }
  await toCheck().getByRole("button", { name: "Keep" }).click();
  await expectNotice(page, `${question.label} stored as model_corrected`);
  const kept = (await storedSpans(page)).find((span) => `span:${span.id}` === question.id);
  expect(kept).toMatchObject({ label: question.label, model_prediction: { label: question.likely_label, model_version: "1" } });
  await expect(button).toHaveCount(0);
});

test("the likely label is taken by two keys", async () => {
  await press(page, "l");
  const { selected } = await page.evaluate(() => ({ selected: window.annotator?.desk.getState().selected }));
  const question = first(told.review.filter((each) => each.id === `span:${selected?.id}`), "label to check");
  await press(page, "t");
  await expectNotice(page, `${question.likely_label} stored as model_confirmed`);
  const taken = (await storedSpans(page)).find((span) => span.id === selected?.id);
  expect(taken).toMatchObject({ label: question.likely_label, source: "model_confirmed" });
  await expect(toCheck().getByRole("heading")).toHaveText(`Labels to check (${told.review.length - 2})`);
});

test("a prediction is shown with the annotations that it is like, asked for when it is selected", async () => {
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().includes("/api/predict") && asked.push(request.postData() ?? "")));
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(/candles predicted/)).toBeVisible();
  await page.getByRole("slider", { name: "Threshold" }).fill("0.3");
  const { runs, prediction } = await layerState(page);
  expect(asked.filter((body) => body.includes("similar"))).toEqual([]);
  const rows = new Map(prediction?.rows.map((row) => [row.time, row]));
  const run = first(runs.filter((each) => rows.get(each.start)?.status === "ok"), "prediction of unknown candles");
  const count = asked.length;
  await page.evaluate((wanted) => window.annotator?.desk.look(wanted), run);
  const list = page.getByRole("list", { name: "Because you labelled these" });
  await expect(list.getByRole("button").first()).toContainText(run.label);
  expect(asked.slice(count).map((body) => JSON.parse(body) as object)).toMatchObject([{ include: ["similar"] }]);
  expect(asked.at(-1)?.length).toBeLessThan(asked[0]?.length ?? 0);
  await page.screenshot({ path: "test-results/examples.png" });
  const { similar } = await page.evaluate(() => ({ similar: window.annotator?.desk.examples.getState().similar ?? [] }));
  const elsewhere = similar.find((each) => each.pair !== "MSFT");
  const shown = elsewhere ?? first(similar, "example");
  await example(shown, list).click();
  await expect(chartOf(page)).toHaveAccessibleName(new RegExp(`^Chart of ${shown.pair} ${shown.timeframe},`));
  await expect.poll(async () => (await places()).cursor).toBe(shown.start_time);
  await expectNotice(page, `${shown.label}, annotated`);
});

test("a version without suggestions says how to get them", async () => {
  await annotationsTrained(project, "--set", "registry.promote=always", "--set", "suggest.enabled=false");
  await expect
    .poll(async () => (await fetch(`${annotator.url}/api/model/info`)).text(), { timeout: 60_000 })
    .toContain('"model_version":"2"');
  await page.evaluate(() => void window.annotator?.desk.layer.refresh());
  const text = "Version 2 was trained without suggestions: set suggest.enabled in config/pipeline.yaml to true and train again.";
  for (const lists of [toAnnotate(), toCheck()]) await expect(lists).toContainText(text);
});

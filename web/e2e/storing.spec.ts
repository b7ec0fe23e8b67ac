/** What is stored and when: nothing that was not meant, and nothing is lost that was. */
import { expect, test, type Page } from "@playwright/test";
import { chartOf, click, drag, expectNotice, placeOf, press, storedSpans } from "./page";
import { beginOnWaves } from "./waves";

const address = beginOnWaves();

/** Presses the mouse on a candle and drags it to another one, without letting go. */
async function beginDrag(page: Page, from: number, to: number): Promise<void> {
  const [start, end] = [await placeOf(page, from), await placeOf(page, to)];
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(end.x, end.y, { steps: 4 });
}

async function selectStored(page: Page): Promise<void> {
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await press(page, "v", "Enter");
}

test("walking through labels by keys stores none before Enter, and Escape goes back", async ({ page }) => {
  await selectStored(page);
  const written: string[] = [];
  page.on("request", (request) => request.method() === "GET" || written.push(request.method()));
  const label = page.getByLabel("Span label");
  const options = await label.getByRole("option").allTextContents();
  expect(options.slice(0, 4)).toEqual(["bull_flag", "bear_flag", "head_and_shoulders", "double_bottom"]);
  await label.focus();
  for (let step = 0; step < 2; step++) await page.keyboard.press("ArrowDown");
  await expect(label).toHaveValue("head_and_shoulders");
  await page.keyboard.press("Escape");
  await expect(label).toHaveValue("bull_flag");
  for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowDown");
  expect(written).toEqual([]);
  await page.keyboard.press("Enter");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ label: "double_bottom" }]);
  expect(await label.getByRole("option").allTextContents()).toEqual(options);
  expect(written).toEqual(["PATCH"]);
});

test("what keys have chosen is stored once on leaving", async ({ page }) => {
  await selectStored(page);
  const written: string[] = [];
  page.on("request", (request) => request.method() === "GET" || written.push(request.method()));
  await page.getByLabel("Confidence").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await expect(page.getByLabel("Outcome")).toBeFocused();
  await expect.poll(() => storedSpans(page)).toMatchObject([{ confidence: 2 }]);
  expect(written).toEqual(["PATCH"]);
});

test("walking through the labels of a point stores one", async ({ page }) => {
  await press(page, "End", "u");
  await expectNotice(page, "break_up stored");
  await press(page, "Enter");
  const label = page.getByLabel("Label of the point");
  await label.focus();
  for (let step = 0; step < 2; step++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  const points = () => page.evaluate(() => window.annotator?.desk.annotations.getState().points);
  await expect.poll(points).toMatchObject([{ label_type: "bull_flag" }]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(points).toMatchObject([{ label_type: "break_up" }]);
});

for (const [key, notice, stored] of [
  ["Escape", "", []],
  ["v", "", []],
  ["3", "head_and_shoulders stored", [{ first: 120, last: 125, label: "head_and_shoulders" }]],
] as const) {
  test(`a drag stores nothing when it is let go after the key ${key}`, async ({ page }) => {
    await press(page, "s");
    await beginDrag(page, 120, 125);
    await page.keyboard.press(key);
    await expectNotice(page, notice);
    const { x, y } = await placeOf(page, 130);
    await page.mouse.move(x, y);
    await page.mouse.up();
    await press(page, "s");
    await drag(page, 160, 165);
    await expectNotice(page, "bull_flag stored");
    expect(await storedSpans(page)).toMatchObject([...stored, { first: 160, last: 165, label: "bull_flag" }]);
  });
}

test("a drag whose key could not store it stores nothing when it is let go, and stays selected", async ({ page, context }) => {
  await press(page, "s");
  await context.setOffline(true);
  await beginDrag(page, 120, 125);
  await page.keyboard.press("3");
  await expect(page.getByRole("alert").first()).toContainText("The annotator does not answer");
  await context.setOffline(false);
  await page.mouse.up();
  await expectNotice(page, "6 candles selected");
  await press(page, "3");
  await expectNotice(page, "head_and_shoulders stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 120, last: 125, label: "head_and_shoulders" }]);
});

test("a drag after a click is a span of its own", async ({ page }) => {
  await press(page, "s");
  await click(page, 150);
  await drag(page, 160, 165);
  await expectNotice(page, "bull_flag stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 160, last: 165 }]);
});

test("a drag that leaves the chart ends at its edge", async ({ page }) => {
  await press(page, "s");
  const [start, edge] = [await placeOf(page, 190), await placeOf(page, 200)];
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(edge.x + 300, start.y);
  await page.mouse.up();
  await expectNotice(page, "bull_flag stored");
  const [{ first, last } = { first: 0, last: 0 }] = await storedSpans(page);
  expect(first).toBe(190);
  expect(last).toBeGreaterThanOrEqual(199);
  expect(last).toBeLessThanOrEqual(201);
});

test("a drag that the browser takes over stores nothing", async ({ page }) => {
  await press(page, "s");
  await beginDrag(page, 120, 125);
  await page.evaluate(() => window.dispatchEvent(new PointerEvent("pointercancel", { isPrimary: true })));
  await page.mouse.up();
  await drag(page, 160, 165);
  await expectNotice(page, "bull_flag stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 160, last: 165 }]);
});

test("a note that is being typed outlives a reload and an outage", async ({ page, context }) => {
  await selectStored(page);
  await page.getByLabel("Notes").fill("steep pole");
  await page.reload();
  await expect(chartOf(page)).toHaveAccessibleName("Chart of EURUSD 1h, 300 candles");
  await press(page, "End", "Enter");
  await expect(page.getByLabel("Notes")).toHaveValue("steep pole");
  expect(await storedSpans(page)).toMatchObject([{ notes: "steep pole" }]);
  await context.setOffline(true);
  await page.getByLabel("Notes").fill("steeper pole");
  await press(page, "Escape");
  await expect(page.getByRole("alert").first()).toContainText("The annotator does not answer");
  await context.setOffline(false);
  await press(page, "Enter");
  await expect(page.getByLabel("Notes")).toHaveValue("steeper pole");
  await page.getByLabel("Notes").press("Tab");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ notes: "steeper pole" }]);
});

test("a selection that cannot be stored stays", async ({ page, context }) => {
  await press(page, "End", "Shift+ArrowLeft", "Shift+ArrowLeft");
  await context.setOffline(true);
  await press(page, "2");
  await expect(page.getByRole("alert").first()).toContainText("The annotator does not answer");
  await expectNotice(page, "3 candles selected");
  await context.setOffline(false);
  await press(page, "2");
  await expectNotice(page, "bear_flag stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 297, last: 299 }]);
});

test("a window that is looked at again shows what was done in another, and undoing keeps it", async ({ page, context }) => {
  await selectStored(page);
  const other = await context.newPage();
  await other.goto(address());
  await expect(chartOf(other)).toHaveAccessibleName("Chart of EURUSD 1h, 300 candles");
  await press(other, "End", "Enter");
  await other.getByLabel("Notes").fill("theirs");
  await other.getByLabel("Notes").press("Tab");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ notes: "theirs" }]);
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(page.getByLabel("Notes")).toHaveValue("theirs");
  await press(page, "Control+z");
  await expect(page.getByRole("alert").first()).toContainText("meanwhile: it is not deleted");
  expect(await storedSpans(page)).toMatchObject([{ notes: "theirs" }]);
});

test("prices are told with the digits that they need", async ({ page }) => {
  await press(page, "Home");
  await expectNotice(page, "open 100.00, high 102.11, low 99.00, close 101.11");
});

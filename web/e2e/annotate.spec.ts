/** Annotating by mouse and keyboard, without an inference service. */
import { readFileSync } from "node:fs";
import { expect, test, type Locator } from "@playwright/test";
import { chartOf, click, drag, expectNamedAndReached, expectNotice, press, storedSpans, upload } from "./page";
import { beginOnWaves, HOUR, wave } from "./waves";

const address = beginOnWaves();

test("a drag makes a span from its first to its last candle", async ({ page }) => {
  await page.getByRole("radio", { name: "Spans" }).check();
  await page.getByRole("combobox", { name: "Label", exact: true }).selectOption("wedge_up");
  await drag(page, 120, 130);
  await expectNotice(page, "wedge_up stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 120, last: 130, label: "wedge_up", source: "human" }]);
});

test("two clicks make a span, in either order", async ({ page }) => {
  await page.getByRole("radio", { name: "Spans" }).check();
  await click(page, 150);
  await expectNotice(page, "1 candle selected");
  await click(page, 140);
  await expectNotice(page, "bull_flag stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 140, last: 150 }]);
});

test("Escape gives up a span that was begun", async ({ page }) => {
  await page.getByRole("radio", { name: "Spans" }).check();
  await click(page, 150);
  await page.keyboard.press("Escape");
  await drag(page, 160, 165);
  await expectNotice(page, "bull_flag stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 160, last: 165 }]);
});

test("a click in mode points makes a point", async ({ page }) => {
  await page.getByRole("radio", { name: "Points" }).check();
  await page.getByLabel("Point label").selectOption("break_down");
  await click(page, 133);
  await expectNotice(page, "break_down stored");
  const points = await page.evaluate(() => window.annotator?.desk.annotations.getState().points);
  expect(points).toMatchObject([{ timestamp: 133 * HOUR, label_type: "break_down", geometry: null }]);
});

test("everything can be annotated by keyboard alone", async ({ page }) => {
  await press(page, "Home", "PageDown", "ArrowRight");
  for (let step = 0; step < 7; step++) await page.keyboard.press("Shift+ArrowRight");
  await expectNotice(page, "8 candles selected");
  await page.keyboard.press("4");
  await expectNotice(page, "double_bottom stored");
  await press(page, "Home", "PageDown", "u");
  await expectNotice(page, "break_up stored");
  await press(page, "Home", "Shift+PageDown", "Shift+PageDown", "r");
  await expectNotice(page, "Marked as reviewed");
  expect(await storedSpans(page)).toMatchObject([{ first: 21, last: 28, label: "double_bottom" }]);
  const state = await page.evaluate(() => window.annotator?.desk.annotations.getState());
  expect(state?.points).toMatchObject([{ timestamp: 20 * HOUR, label_type: "break_up" }]);
  expect(state?.ranges).toMatchObject([{ start_time: 0, end_time: 40 * HOUR }]);
});

test("a span can be edited", async ({ page }) => {
  await press(page, "End", "Shift+ArrowLeft", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await page.keyboard.press("Enter");
  await page.getByLabel("Span label").selectOption("bear_flag");
  await page.getByLabel("Confidence").selectOption("4");
  await page.getByLabel("Outcome").selectOption("win");
  await page.getByLabel("Notes").fill("steep pole");
  await page.getByRole("button", { name: "Start earlier" }).click();
  await expect(page.getByText("1970-01-13 08:00 to 1970-01-13 11:00, source human")).toBeVisible();
  expect(await storedSpans(page)).toMatchObject([
    { first: 296, last: 299, label: "bear_flag", confidence: 4, outcome: "win", notes: "steep pole" },
  ]);
});

test("a point can be edited", async ({ page }) => {
  await press(page, "End", "u");
  await expectNotice(page, "break_up stored");
  await page.keyboard.press("Enter");
  await page.getByLabel("Label of the point").selectOption("break_down");
  const points = () => page.evaluate(() => window.annotator?.desk.annotations.getState().points);
  await expect.poll(points).toMatchObject([{ label_type: "break_down" }]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(points).toMatchObject([{ label_type: "break_up" }]);
});

test("what is changed and deleted on another page meanwhile is neither lost nor shown", async ({ page, context }) => {
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  const other = await context.newPage();
  await other.goto(address());
  await expect(chartOf(other)).toHaveAccessibleName("Chart of EURUSD 1h, 300 candles");
  for (const each of [page, other]) await press(each, "End", "Enter");
  await page.getByLabel("Notes").fill("steep pole");
  await page.getByLabel("Notes").press("Tab");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ notes: "steep pole" }]);
  await other.getByLabel("Outcome").selectOption("win");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ notes: "steep pole", outcome: "win", label: "bull_flag" }]);
  await press(other, "Delete");
  await expectNotice(other, "Deleted");
  await press(page, "2");
  await expect(page.getByRole("alert").first()).toContainText("There is no span annotation");
  await expect(page.getByText("Annotations (0)")).toBeVisible();
  await expect(page.getByLabel("Span label")).toBeHidden();
});

test("what was done is undone and redone, a deletion too", async ({ page }) => {
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await press(page, "Enter", "2");
  await expect(page.getByLabel("Span label")).toHaveValue("bear_flag");
  await press(page, "Delete");
  await expectNotice(page, "Deleted");
  expect(await storedSpans(page)).toEqual([]);
  await page.keyboard.press("Control+z");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ label: "bear_flag", first: 298, last: 299 }]);
  await page.keyboard.press("Control+z");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ label: "bull_flag" }]);
  await page.keyboard.press("Control+Shift+z");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ label: "bear_flag" }]);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => storedSpans(page)).toEqual([]);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
});

test("a new label gets its hotkey, and a refused one stays in the form", async ({ page }) => {
  const name = "cup_and_handle";
  await page.getByText("Labels", { exact: true }).click();
  await page.getByLabel("New label").fill(name);
  await page.getByLabel("Hotkey").fill("1");
  await page.getByRole("button", { name: "Add label" }).click();
  await expect(page.getByRole("alert").first()).toContainText("The hotkey 1 belongs to bull_flag");
  await expect(page.getByLabel("New label")).toHaveValue(name);
  await page.getByLabel("Hotkey").fill("8");
  await page.getByRole("button", { name: "Add label" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: name })).toContainText("8");
  await expect(page.getByLabel("New label")).toHaveValue("");
  await press(page, "End", "Shift+ArrowLeft", "8");
  await expectNotice(page, "cup_and_handle stored");
});

test("a label is renamed with its annotations, and put out of use", async ({ page }) => {
  await press(page, "End", "Shift+ArrowLeft", "7");
  await expectNotice(page, "custom stored");
  await page.getByText("Labels", { exact: true }).click();
  await page.getByRole("button", { name: "Change custom" }).click();
  const form = page.getByRole("listitem").filter({ hasText: "custom" });
  await form.getByLabel("Name").fill("triangle");
  await form.getByLabel("In use").uncheck();
  await form.getByRole("button", { name: "Save label" }).click();
  await expect(page.getByText("triangle (not in use)")).toBeVisible();
  await expect.poll(() => storedSpans(page)).toMatchObject([{ label: "triangle" }]);
  await expect(page.getByRole("combobox", { name: "Label", exact: true })).not.toContainText("triangle");
  await press(page, "Enter");
  await expect(page.getByLabel("Span label")).toHaveValue("triangle");
});

test("annotations are exported in three formats", async ({ page }) => {
  await press(page, "Home", "ArrowRight", "Shift+ArrowRight", "1");
  await expectNotice(page, "bull_flag stored");
  await page.getByText("Series and export").click();
  const exported = async (name: string) => {
    const waiting = page.waitForEvent("download");
    await page.getByRole("navigation", { name: "Export" }).getByRole("link", { name }).click();
    const download = await waiting;
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf-8") };
  };
  const json = await exported("JSON");
  expect(json.name).toBe("EURUSD_1h.spans.json");
  expect(JSON.parse(json.text)).toMatchObject({ annotations: [{ start_time: HOUR, end_time: 2 * HOUR }] });
  const windowed = await exported("Windowed CSV");
  expect(windowed.text.split("\n")[1]).toContain(`,${HOUR},${2 * HOUR},bull_flag,`);
  const bio = await exported("BIO CSV");
  expect(bio.text.split("\n").slice(1, 5).map((row) => row.split(",").at(-1))).toEqual(
    ["O", "B-bull_flag", "I-bull_flag", "O"],
  );
});

test("pair and timeframe are proposed and can be changed", async ({ page }) => {
  await page.getByText("Series and export").click();
  await page.getByLabel("Pair").fill("GBPUSD");
  await page.getByLabel("Timeframe").fill("4 hours");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("alert").first()).toContainText("timeframe: a number and one of s, m, h, d, w, M");
  await expect(page.getByLabel("Pair")).toHaveValue("GBPUSD");
  await expect(page.getByLabel("Timeframe")).toHaveValue("4 hours");
  await page.getByLabel("Timeframe").fill("4h");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(chartOf(page)).toHaveAccessibleName("Chart of GBPUSD 4h, 300 candles");
});

test("a file that is no table of candles is refused and changes nothing", async ({ page }) => {
  await upload(page, { name: "bad.csv", text: "time,open\n1,2" });
  await expect(page.getByText("no column high, low, close; the header must name")).toBeVisible();
  await expect(chartOf(page)).toHaveAccessibleName("Chart of EURUSD 1h, 300 candles");
});

test("without a service a banner says so, the controls rest, and annotating goes on", async ({ page }) => {
  await expect(page.getByText("Inference service unavailable. Annotating goes on")).toBeVisible();
  await expect(page.getByRole("button", { name: "Predict all" })).toBeDisabled();
  await press(page, "End", "Shift+ArrowLeft", "3");
  await expectNotice(page, "head_and_shoulders stored");
});

test("every control has a name and is reached by Tab", async ({ page }) => {
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await page.keyboard.press("Enter");
  for (const summary of await page.locator("summary").all()) await summary.click();
  await page.getByRole("button", { name: "Change wedge_down" }).click();
  await expectNamedAndReached(page);
});

test("the whole page is used by keyboard alone", async ({ page }) => {
  const tabTo = async (control: Locator) => {
    for (let step = 0; step < 60 && !(await control.evaluate((each) => each === document.activeElement)); step++) {
      await page.keyboard.press("Tab");
    }
    await expect(control).toBeFocused();
  };
  const choosing = page.waitForEvent("filechooser");
  await tabTo(page.getByLabel("Upload candles"));
  await page.keyboard.press("Enter");
  await (await choosing).setFiles({ name: "GBPUSD_1h.csv", mimeType: "text/csv", buffer: Buffer.from(wave(50)) });
  await expect(chartOf(page)).toHaveAccessibleName("Chart of GBPUSD 1h, 50 candles");
  await tabTo(page.getByRole("radio", { name: "View", exact: true }));
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("radio", { name: "Spans" })).toBeChecked();
  await tabTo(page.getByRole("combobox", { name: "Label", exact: true }));
  await page.keyboard.type("wedge_up");
  await tabTo(chartOf(page));
  for (const key of ["End", "Shift+ArrowLeft", "Shift+ArrowLeft", "Enter"]) await page.keyboard.press(key);
  await expectNotice(page, "wedge_up stored");
  expect(await storedSpans(page)).toMatchObject([{ first: 47, last: 49, label: "wedge_up" }]);
  await page.keyboard.press("v");
  await page.keyboard.press("Enter");
  await tabTo(page.getByLabel("Outcome"));
  await page.keyboard.type("loss");
  await page.keyboard.press("Enter");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ outcome: "loss" }]);
  await tabTo(page.getByRole("button", { name: "Delete annotation" }));
  await page.keyboard.press("Enter");
  await expect.poll(() => storedSpans(page)).toEqual([]);
  await page.keyboard.press("Control+z");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ outcome: "loss" }]);
});

test("keys of the chart do nothing where text is typed", async ({ page }) => {
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await page.keyboard.press("Enter");
  await page.getByLabel("Notes").fill("");
  await page.getByLabel("Notes").pressSequentially("xcr1");
  await page.keyboard.press("Backspace");
  await page.getByLabel("Notes").press("Tab");
  await expect.poll(() => storedSpans(page)).toMatchObject([{ notes: "xcr", label: "bull_flag" }]);
});

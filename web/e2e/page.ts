/** What the tests do on the page. Candles are named by their index. */
import { expect, type Locator, type Page } from "@playwright/test";
import type { LayerState } from "@/prediction-layer";
import type { Span } from "@/data/types";

export const chartOf = (page: Page): Locator => page.getByRole("application", { name: /^Chart of/ });

/** Uploads a file and, where it is taken, waits until its chart is the one that is shown; returns the chart's id. */
export async function upload(page: Page, file: string | { name: string; text: string }): Promise<number | undefined> {
  const input = page.getByLabel("Upload candles");
  const answered = page.waitForResponse((response) => response.url().endsWith("/api/upload"));
  if (typeof file === "string") await input.setInputFiles(file);
  else await input.setInputFiles({ name: file.name, mimeType: "text/csv", buffer: Buffer.from(file.text) });
  const answer = await answered;
  if (!answer.ok()) return undefined;
  const { chart } = (await answer.json()) as { chart: { id: number } };
  const shown = () => page.evaluate(() => window.annotator?.desk.annotations.getState().chart?.id);
  await expect.poll(shown).toBe(chart.id);
  return chart.id;
}

/** Shows these candles, and waits until they are drawn. */
export async function showCandles(page: Page, from: number, to: number): Promise<void> {
  await page.evaluate(
    async ([first, last]) => {
      window.annotator?.view.chart.timeScale().setVisibleLogicalRange({ from: first, to: last });
      for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    },
    [from, to] as const,
  );
}

export function timeOf(page: Page, index: number): Promise<number> {
  return page.evaluate((wanted) => window.annotator?.desk.annotations.getState().candles[wanted]?.time ?? NaN, index);
}

/** Where a candle is on the page, in the middle of the chart's height. */
export async function placeOf(page: Page, index: number): Promise<{ x: number; y: number }> {
  const x = await page.evaluate(
    (candle) => Number(window.annotator?.view.chart.timeScale().logicalToCoordinate(candle as never)),
    index,
  );
  const box = await chartOf(page).boundingBox();
  if (box === null) throw new Error("the chart is not on screen");
  return { x: box.x + x, y: box.y + box.height / 2 };
}

export async function drag(page: Page, from: number, to: number): Promise<void> {
  const [start, end] = [await placeOf(page, from), await placeOf(page, to)];
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, start.y, { steps: 4 });
  await page.mouse.move(end.x, end.y, { steps: 4 });
  await page.mouse.up();
}

export async function click(page: Page, index: number, modifiers: "Shift"[] = []): Promise<void> {
  const { x, y } = await placeOf(page, index);
  for (const key of modifiers) await page.keyboard.down(key);
  await page.mouse.click(x, y);
  for (const key of modifiers) await page.keyboard.up(key);
}

export async function press(page: Page, ...keys: string[]): Promise<void> {
  await chartOf(page).focus();
  for (const key of keys) await page.keyboard.press(key);
}

/** The spans that are stored, oldest start first, with candle indices in place of times. */
export async function storedSpans(page: Page): Promise<(Span & { first: number; last: number })[]> {
  return page.evaluate(async () => {
    const chart = window.annotator?.desk.annotations.getState().chart;
    const times = window.annotator?.desk.annotations.getState().candles.map((candle) => candle.time) ?? [];
    const spans = (await (await fetch(`/api/span-annotations?chartId=${chart?.id}`)).json()) as Span[];
    const numbered = spans.map((span) => ({
      ...span,
      first: times.indexOf(span.start_time),
      last: times.indexOf(span.end_time),
    }));
    return numbered.sort((left, right) => left.first - right.first || left.id - right.id);
  });
}

export async function layerState(page: Page): Promise<LayerState> {
  return page.evaluate(() => {
    const state = window.annotator?.desk.layer.getState();
    if (state === undefined) throw new Error("there is no layer");
    return { ...state, filters: { ...state.filters, hidden: new Set<string>() } };
  });
}

/** Serves another version in place of the one that an alias has moved to. */
export async function serve(page: Page, version: string): Promise<void> {
  const facts = page.getByRole("definition");
  await expect(facts.filter({ hasText: /^champion$/ })).toBeVisible();
  await page.getByLabel("Serve version").selectOption(version);
  await page.getByRole("button", { name: "Serve", exact: true }).click();
  await expect(facts.filter({ hasText: new RegExp(`^${version}$`) })).toBeVisible();
  await expect(facts.filter({ hasText: "nothing: pinned" })).toBeVisible();
}

/** The share of a candle's column on screen that has a colour, at most 3 steps off in each of red, green and blue. */
export async function shareOfColor(page: Page, index: number, color: [number, number, number]): Promise<number> {
  const { x } = await placeOf(page, index);
  const box = await chartOf(page).boundingBox();
  if (box === null) throw new Error("the chart is not on screen");
  const axis = await page.evaluate(() => window.annotator?.view.chart.timeScale().height() ?? 0);
  const clip = { x: Math.round(x), y: box.y + 2, width: 1, height: box.height - axis - 4 };
  const image = (await page.screenshot({ clip, scale: "css" })).toString("base64");
  return page.evaluate(
    async ({ data, wanted }) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      if (context === null) throw new Error("no canvas");
      context.drawImage(bitmap, 0, 0);
      const pixels = context.getImageData(0, 0, 1, bitmap.height).data;
      const rows = Array.from({ length: bitmap.height }, (_, row) => [...pixels.slice(4 * row, 4 * row + 3)]);
      const same = rows.filter((pixel) => pixel.every((value, part) => Math.abs(value - (wanted[part] ?? 0)) <= 3));
      return same.length / rows.length;
    },
    { data: image, wanted: color },
  );
}

/** A colour laid over white. */
export function blended(color: string, opacity: number): [number, number, number] {
  const parts = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  return parts.map((part) => Math.round(255 - opacity * (255 - part))) as [number, number, number];
}

export async function expectNotice(page: Page, text: string | RegExp): Promise<void> {
  await expect(page.locator("#where")).toContainText(text);
}

const CONTROLS = "button, input, select, textarea, a, summary, [tabindex]";

/** Every control that is shown: its name, as its markup, where it has none or where Tab does not reach it. */
export async function expectNamedAndReached(page: Page): Promise<void> {
  const controls = page.locator(CONTROLS).filter({ visible: true });
  for (const control of await controls.all()) await expect(control).toHaveAccessibleName(/\S/);
  const count = await controls.count();
  for (let step = 0; step <= count; step++) {
    await page.keyboard.press("Tab");
    await page.evaluate(() => document.activeElement?.setAttribute("data-reached", ""));
  }
  const missed = await page.evaluate((selector) => {
    const shown = [...document.querySelectorAll<HTMLElement>(selector)].filter((each) => each.checkVisibility() && !each.matches(":disabled"));
    // One of a group of radio buttons is reached; arrow keys go on from there.
    const isRadio = (each: HTMLElement) => each.matches("[type=radio]") && document.querySelector("[type=radio][data-reached]") !== null;
    return shown.filter((each) => !each.hasAttribute("data-reached") && !isRadio(each)).map((each) => each.outerHTML);
  }, CONTROLS);
  expect(missed).toEqual([]);
}

/** The annotator without an inference service, and for every test a chart of waves that holds nothing yet. */
import { expect, test } from "@playwright/test";
import { chartOf, showCandles, upload } from "./page";
import { freePort, startAnnotator, temporaryFolder, type Running } from "./stack";

export const HOUR = 3600;
const CANDLES = 300;

export function wave(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const [open, close] = [100 + 10 * Math.sin(index / 9), 100 + 10 * Math.sin((index + 1) / 9)];
    return [index * HOUR, open, Math.max(open, close) + 1, Math.min(open, close) - 1, close].join(",");
  });
  return ["time,open,high,low,close", ...rows].join("\n");
}

/** Gives every test of a file a page on such a chart; returns the annotator's address. */
export function beginOnWaves(): () => string {
  let annotator: Running;
  let temporary: ReturnType<typeof temporaryFolder>;
  test.beforeAll(async () => {
    temporary = temporaryFolder();
    annotator = await startAnnotator(temporary.folder, `http://127.0.0.1:${await freePort()}`);
  });
  test.afterAll(async () => {
    await annotator.stop();
    temporary.remove();
  });
  test.beforeEach(async ({ page, request }) => {
    const left = (await (await request.get(`${annotator.url}/api/charts`)).json()) as { id: number }[];
    for (const { id } of left) await request.delete(`${annotator.url}/api/charts/${id}`);
    await page.goto(annotator.url);
    await upload(page, { name: "EURUSD_1h.csv", text: wave(CANDLES) });
    await expect(chartOf(page)).toHaveAccessibleName("Chart of EURUSD 1h, 300 candles");
    await showCandles(page, 100, 200);
  });
  return () => annotator.url;
}

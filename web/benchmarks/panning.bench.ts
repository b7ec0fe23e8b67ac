/** Frames a second while a chart of 20,000 candles, all of them predicted, is dragged. */
import { loadavg } from "node:os";
import { expect, test, type CDPSession, type Page } from "@playwright/test";
import { chartOf, layerState, showCandles, upload } from "../e2e/page";
import {
  candleMl,
  createProject,
  freePort,
  startAnnotator,
  startService,
  temporaryFolder,
} from "../e2e/stack";

const CANDLES = 20_000;
const DAY = 86_400;
const DRAGS = 40;

/** A random walk that is the same every time. */
function walk(): string {
  let [state, close] = [12345, 100];
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const rows = Array.from({ length: CANDLES }, (_, index) => {
    const open = close;
    close = open * (1 + 0.02 * (random() - 0.499));
    const high = Math.max(open, close) * (1 + 0.005 * random());
    return [index * DAY, open, high, Math.min(open, close) * (1 - 0.005 * random()), close, 1000].join(",");
  });
  return ["time,open,high,low,close,volume", ...rows].join("\n");
}

/** Milliseconds that the page's main thread has computed since it began: its own, however busy the machine is. */
async function computed(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return 1000 * (metrics.find((metric) => metric.name === "TaskDuration")?.value ?? NaN);
}

/** Milliseconds of each frame while the mouse drags the chart to and fro. */
async function framesWhileDragging(page: Page): Promise<number[]> {
  const box = await chartOf(page).boundingBox();
  if (box === null) throw new Error("the chart is not on screen");
  const [left, right, y] = [box.x + 60, box.x + box.width - 160, box.y + box.height / 2];
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { frameTimes: times });
    const tick = (time: number) => {
      times.push(time);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  await page.mouse.move(right, y);
  await page.mouse.down();
  for (let drag = 0; drag < DRAGS; drag++) await page.mouse.move(drag % 2 === 0 ? left : right, y, { steps: 15 });
  await page.mouse.up();
  const times = await page.evaluate(() => (window as unknown as { frameTimes: number[] }).frameTimes);
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

function summary(frames: number[]): string {
  const sorted = [...frames].sort((left, right) => left - right);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(1);
  const mean = frames.reduce((sum, frame) => sum + frame, 0) / frames.length;
  return `${(1000 / mean).toFixed(1)} frames a second, frame median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`;
}

test("panning", async ({ page }) => {
  const { folder, remove } = temporaryFolder();
  const [project, port] = [await createProject(folder), await freePort()];
  await candleMl(project, "train");
  const service = await startService(project, port);
  const annotator = await startAnnotator(folder, service.url);
  await page.goto(annotator.url);
  let start = Date.now();
  await upload(page, { name: "WALK_1d.csv", text: walk() });
  await expect(chartOf(page)).toHaveAccessibleName(`Chart of WALK 1d, ${CANDLES} candles`);
  console.log(`upload and load of ${CANDLES} candles: ${Date.now() - start} ms`);
  start = Date.now();
  await page.getByRole("button", { name: "Predict all" }).click();
  await expect(page.getByText(new RegExp(`^${CANDLES} candles predicted`))).toBeVisible({ timeout: 60_000 });
  console.log(`predict all: ${Date.now() - start} ms`);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  for (const threshold of ["0.7", "0.2", "0"]) {
    await page.getByRole("slider", { name: "Threshold" }).fill(threshold);
    const { runs, bands } = await layerState(page);
    for (const visible of [200, 2000]) {
      await showCandles(page, CANDLES / 2 - visible, CANDLES / 2);
      const before = await computed(session);
      const frames = await framesWhileDragging(page);
      const each = ((await computed(session)) - before) / frames.length;
      const shown = `threshold ${threshold}: ${runs.length} runs, ${bands.length} bands, ${visible} visible`;
      console.log(`${shown}: ${summary(frames)}, computing ${each.toFixed(1)} ms a frame; load ${loadavg()[0]?.toFixed(1)}`);
    }
  }
  await service.stop();
  await annotator.stop();
  remove();
});

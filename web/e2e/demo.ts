/** The demo's five charts and what a person marked on them, brought into the annotator. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, type Browser, type Page } from "@playwright/test";
import { upload } from "./page";
import { createProject, freePort, startAnnotator, temporaryFolder, type Running } from "./stack";

export interface Marked {
  start_time: number;
  end_time: number;
  label: string;
}

interface Marks {
  annotations: Marked[];
  reviewed_ranges: Pick<Marked, "start_time" | "end_time">[];
}

export interface Stage {
  temporary: ReturnType<typeof temporaryFolder>;
  project: string;
  /** Where the annotator expects the service. */
  port: number;
  annotator: Running;
  page: Page;
}

/** A new project that is trained from an annotator, and a page on that; no service runs yet. */
export async function openStage(browser: Browser): Promise<Stage> {
  const temporary = temporaryFolder();
  const project = await createProject(temporary.folder);
  const port = await freePort();
  const annotator = await startAnnotator(temporary.folder, `http://127.0.0.1:${port}`);
  trainFromAnnotator(project, annotator.url);
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  await page.goto(annotator.url);
  return { temporary, project, port, annotator, page };
}

export async function closeStage({ temporary, annotator, page }: Stage): Promise<void> {
  await annotator.stop();
  await page.close();
  temporary.remove();
}

/** The project reads candles and annotations from the annotator instead of its own files. */
function trainFromAnnotator(project: string, url: string): void {
  const file = path.join(project, "config", "pipeline.yaml");
  const files = / {4}- use: candle-files[\s\S]*path: data\/annotations\n/;
  const text = readFileSync(file, "utf-8");
  expect(text).toMatch(files);
  writeFileSync(file, text.replace(files, `    - use: annotator-api\n      url: ${url}\n`));
}

/** Uploads each chart on the page, the named one last, and stores what is marked by the routes; returns that one's id. */
export async function bringDemo(page: Page, url: string, project: string, last: string, kept: Marked[]): Promise<number | undefined> {
  const names = readdirSync(path.join(project, "data", "candles")).map((file) => path.basename(file, ".csv"));
  names.sort((left, right) => Number(left === last) - Number(right === last));
  let chart_id: number | undefined;
  for (const name of names) {
    chart_id = await upload(page, path.join(project, "data", "candles", `${name}.csv`));
    const { annotations, reviewed_ranges } = marksOf(project, name);
    const isKept = (mark: Marked) => kept.some((each) => each.start_time === mark.start_time);
    for (const mark of annotations.filter((each) => !isKept(each))) await post(page, `${url}/api/span-annotations`, { chart_id, ...mark });
    for (const range of reviewed_ranges) await post(page, `${url}/api/reviewed-ranges`, { chart_id, ...range });
  }
  return chart_id;
}

export function marksOf(project: string, name: string): Marks {
  return JSON.parse(readFileSync(path.join(project, "data", "annotations", `${name}.json`), "utf-8")) as Marks;
}

async function post(page: Page, url: string, data: object): Promise<void> {
  expect((await page.request.post(url, { data })).status()).toBe(201);
}

/** The real parts: the built annotator, and a candle-ml project with its service. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const START_TIMEOUT = 180_000;
const NEXT = path.join("node_modules", "next", "dist", "bin", "next");
const CANDLE_ML = path.resolve(process.env["CANDLE_ML"] ?? "../.venv/bin/candle-ml");

export interface Running {
  url: string;
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), "annotator-e2e-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The built annotator with an empty database, in front of the service at `inference`. */
export async function startAnnotator(folder: string, inference: string): Promise<Running> {
  const port = await freePort();
  const env = { ...process.env, ANNOTATOR_DATABASE: path.join(folder, "annotator.db"), INFERENCE_API_URL: inference };
  const args = [NEXT, "start", "--hostname", "127.0.0.1", "--port", String(port)];
  return running(spawn(process.execPath, args, { env, stdio: "ignore" }), port, "/api/charts");
}

/** A project with real daily candles and annotations. */
export async function createProject(folder: string): Promise<string> {
  await promisify(execFile)(CANDLE_ML, ["init", "--demo", "project"], { cwd: folder });
  return path.join(folder, "project");
}

/** What the command says. */
export async function candleMl(project: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(CANDLE_ML, args, { cwd: project });
  return stdout + stderr;
}

/** Trains from what is in the annotator, and returns how many annotations there were. */
export async function annotationsTrained(project: string, ...options: string[]): Promise<number> {
  const said = await candleMl(project, "train", "--set", "evaluation.out_of_fold=true", ...options);
  return Number(/(\d+) annotations/.exec(said)?.[1]);
}

/** Ids of the spans that a version was made of. */
export async function spansOfVersion(project: string, version: number): Promise<number[]> {
  const { annotations } = JSON.parse(await candleMl(project, "trace", String(version), "--json")) as {
    annotations: { fitted: string[]; others: string[] }[];
  };
  const ids = annotations.flatMap(({ fitted, others }) => [...fitted, ...others]);
  return ids.flatMap((id) => (id.startsWith("span:") ? [Number(id.split(":")[1])] : []));
}

export async function startService(project: string, port: number): Promise<Running> {
  const child = spawn(CANDLE_ML, ["serve", "--port", String(port)], { cwd: project, stdio: "ignore" });
  return running(child, port, "/ready");
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function running(child: ChildProcess, port: number, path: string): Promise<Running> {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + START_TIMEOUT;
  while (!(await answers(url + path))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(" ")} ended with ${child.exitCode}`);
    if (Date.now() > until) {
      await stop();
      throw new Error(`${url} does not answer`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { url, stop };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

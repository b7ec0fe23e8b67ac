import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createClient, ServiceError } from "@/prediction-layer";
import type { PredictBody } from "@/prediction-layer/requests";
import { model, series } from "./parts";

let server: Server;
let base: string;
let lines: string[] = [];
let answer: (response: ServerResponse) => void = () => undefined;

const body = (): PredictBody => ({
  pair: "EURUSD",
  timeframe: "1m",
  candles: { time: [], open: [], high: [], low: [], close: [] },
  predict_from: 0,
  threshold: 0,
});
const alive = () => new AbortController().signal;

function respond(status: number, content: unknown) {
  answer = (response) => response.writeHead(status).end(typeof content === "string" ? content : JSON.stringify(content));
}

async function failure(work: Promise<unknown>): Promise<Partial<ServiceError>> {
  const error: unknown = await work.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  if (!(error instanceof ServiceError)) throw error;
  return { message: error.message, status: error.status, offline: error.offline };
}

beforeAll(async () => {
  server = createServer((request, response) => {
    lines.push(`${request.method} ${request.url}`);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it("asks the proxy routes", async () => {
  const client = createClient(base);
  lines = [];
  respond(200, { models: [] });
  await client.modelInfo();
  await client.models();
  await client.loadModel({ version: "3" });
  await client.predict(body(), alive());
  await client.outOfFold(series(0), { start: 1, end: 2 }, alive());
  expect(lines).toEqual([
    "GET /api/model/info",
    "GET /api/models",
    "POST /api/model/load",
    "POST /api/predict?rows=all",
    "GET /api/model/out-of-fold?pair=EURUSD&timeframe=1m&start=1&end=2&threshold=0",
  ]);
});

it("answers what the service answered", async () => {
  respond(200, model());
  expect(await createClient(base).modelInfo()).toEqual(model());
});

it.each([
  ["the proxy's own 503", 503, { error: "Inference service unavailable" }, "Inference service unavailable", true],
  ["a problem of the service", 503, { type: "urn:x", error: "the queue is full" }, "the queue is full", false],
  ["a wrong request", 422, { type: "urn:x", error: "no pair" }, "no pair", false],
  ["no JSON", 500, "<html>", "The service answered 500", false],
  ["a success that is no JSON", 200, "<html>", "The service answered 200", false],
])("tells %s", async (_, status, content, message, offline) => {
  respond(status, content);
  expect(await failure(createClient(base).modelInfo())).toEqual({ message, status, offline });
});

it("tells that the app itself is away", async () => {
  const failing = createClient(base, () => Promise.reject(new TypeError("fetch failed")));
  expect(await failure(failing.modelInfo())).toEqual({ message: "The annotator does not answer", status: 0, offline: true });
});

it("ends an aborted request without an error of the service", async () => {
  answer = () => undefined;
  const stop = new AbortController();
  const pending = createClient(base).predict(body(), stop.signal);
  stop.abort();
  await expect(pending).rejects.toThrow("This operation was aborted");
});

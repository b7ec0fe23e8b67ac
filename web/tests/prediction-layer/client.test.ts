import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, ServiceError } from "@/prediction-layer";
import type { PredictBody } from "@/prediction-layer/requests";
import { model, questioned, row, series, similar, span, suggested } from "./parts";

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

const prediction = () => ({ model_version: "1", run_id: "run-1", candles: [row(0), row(1, null, null)], spans: [span(0, 1)] });
const told = () => ({ model_version: "1", suggestions: [suggested(1, 2)], review: [questioned(1, 3, 4, { similar: [similar(2, 5, 6)] })] });
const listed = { version: "1", model_type: "xgboost", trained_at: 0, aliases: ["champion"] };

it("asks the proxy routes", async () => {
  const client = createClient(base);
  lines = [];
  respond(200, { models: [listed] });
  await client.models();
  await client.loadModel({ version: "3" });
  respond(200, model());
  await client.modelInfo();
  respond(200, prediction());
  await client.predict(body(), alive());
  await client.outOfFold(series(0), { start: 1, end: 2 }, alive());
  respond(200, told());
  await client.suggestions({ pair: "A&B", timeframe: "1m" }, alive());
  expect(lines).toEqual([
    "GET /api/models",
    "POST /api/model/load",
    "GET /api/model/info",
    "POST /api/predict?rows=all",
    "GET /api/model/out-of-fold?pair=EURUSD&timeframe=1m&start=1&end=2&threshold=0",
    "GET /api/suggest?pair=A%26B&timeframe=1m&limit=100",
  ]);
});

it("answers what the service answered", async () => {
  respond(200, model());
  expect(await createClient(base).modelInfo()).toEqual(model());
  respond(200, prediction());
  expect(await createClient(base).predict(body(), alive())).toEqual(prediction());
  respond(200, told());
  expect(await createClient(base).suggestions(series(0), alive())).toEqual(told());
});

describe("an answer that is not a candle-ml service's", () => {
  const altogether = "it is something else altogether";
  const info = model();

  it.each<[unknown, string]>([
    ["<html>", altogether],
    ["null", altogether],
    [[], altogether],
    [{}, "model_info is missing or wrong"],
    [{ ...info, model_info: { ...info.model_info, run_id: 7 } }, "model_info.run_id is missing or wrong"],
    [{ ...info, model_info: { ...info.model_info, label_names: ["flag", 7] } }, "model_info.label_names[1] is missing or wrong"],
    [{ ...info, metrics: { ...info.metrics, per_class: { flag: null } } }, "metrics.per_class.flag is missing or wrong"],
    [{ ...info, label_config: null }, "label_config is missing or wrong"],
    [{ ...info, required_history: null }, "required_history is missing or wrong"],
    [{ ...info, follows: {} }, "follows is missing or wrong"],
  ])("about the model: %j", async (content, part) => {
    respond(200, content);
    const message = `The answer to /model/info is not that of a candle-ml service: ${part}`;
    expect(await failure(createClient(base).modelInfo())).toEqual({ message, status: 200, offline: false });
  });

  it.each<[unknown, string]>([
    [{}, "model_version is missing or wrong"],
    [{ ...prediction(), candles: null }, "candles is missing or wrong"],
    [{ ...prediction(), candles: [row(0), { ...row(1), status: "fine" }] }, "candles[1].status is missing or wrong"],
    [{ ...prediction(), spans: [{ ...span(0, 1), end_time: "later" }] }, "spans[0].end_time is missing or wrong"],
    [{ ...prediction(), spans: [{ ...span(0, 1), similar: [{}] }] }, "spans[0].similar[0].id is missing or wrong"],
  ])("to a prediction: %j", async (content, part) => {
    respond(200, content);
    const message = `The answer to /predict is not that of a candle-ml service: ${part}`;
    expect(await failure(createClient(base).predict(body(), alive()))).toMatchObject({ message });
  });

  it.each<[unknown, string]>([
    [{ ...told(), suggestions: null }, "suggestions is missing or wrong"],
    [{ ...told(), suggestions: [{ ...suggested(1, 2), why: "bored" }] }, "suggestions[0].why is missing or wrong"],
    [{ ...told(), review: [questioned(1, 3, 4, { doubt: "much" })] }, "review[0].doubt is missing or wrong"],
    [{ ...told(), review: [questioned(1, 3, 4, { probabilities: { O: null } })] }, "review[0].probabilities.O is missing or wrong"],
  ])("to what to annotate next: %j", async (content, part) => {
    respond(200, content);
    const message = `The answer to /suggest is not that of a candle-ml service: ${part}`;
    expect(await failure(createClient(base).suggestions(series(0), alive()))).toMatchObject({ message });
  });

  it("with the versions", async () => {
    respond(200, { models: [listed, { ...listed, aliases: null }] });
    const message = "The answer to /models is not that of a candle-ml service: models[1].aliases is missing or wrong";
    expect(await failure(createClient(base).models())).toMatchObject({ message });
  });
});

it.each([
  ["the proxy's own 503", 503, { error: "Inference service unavailable" }, "Inference service unavailable", true],
  ["a problem of the service", 503, { type: "urn:x", error: "the queue is full" }, "the queue is full", false],
  ["a wrong request", 422, { type: "urn:x", error: "no pair" }, "no pair", false],
  ["no JSON", 500, "<html>", "The service answered 500", false],
  ["an error that is no text", 500, { error: {} }, "The service answered 500", false],
  ["the proxy's refusal of what it was answered", 502, { error: "no JSON object" }, "no JSON object", false],
  ["a gateway that cannot reach the annotator", 502, "<html>", "The service answered 502", true],
])("tells %s", async (_, status, content, message, offline) => {
  respond(status, content);
  expect(await failure(createClient(base).modelInfo())).toEqual({ message, status, offline });
});

it("tells which problem of the service it is", async () => {
  respond(404, { type: "urn:candle-ml:problem:no-suggestions", error: "version 2 has no suggestions" });
  const error: unknown = await createClient(base).suggestions(series(0), alive()).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ type: "urn:candle-ml:problem:no-suggestions", status: 404, offline: false });
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

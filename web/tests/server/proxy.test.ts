import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as info from "@/app/api/model/info/route";
import * as load from "@/app/api/model/load/route";
import * as outOfFold from "@/app/api/model/out-of-fold/route";
import * as models from "@/app/api/models/route";
import * as detect from "@/app/api/patterns/detect/route";
import * as batch from "@/app/api/predict/batch/route";
import * as predict from "@/app/api/predict/route";
import * as suggest from "@/app/api/suggest/route";
import { inferenceHealth } from "@/server/inference-health";

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

const ROW = { time: 0, label: "bull_flag", confidence: 0.9, status: "ok", provisional: false };
const EMPTY = { time: 60, label: null, confidence: null, status: "insufficient_history", provisional: false };
const PROBLEM = { type: "urn:candle-ml:problem:invalid", title: "The request is not valid", status: 422, detail: "no pair" };

let upstream: Server;
let seen: Seen[] = [];
let answer: (response: ServerResponse) => void;

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function respond(status: number, content: unknown, headers: Record<string, string> = {}) {
  answer = (response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof content === "string" ? content : JSON.stringify(content));
  };
}

/** Tells what comes to it by `told`, which is of one test: a request that was given up may come in later. */
function receiver(told: Seen[]) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      told.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  };
}

function post(path: string, body: string, init: RequestInit = {}): Request {
  return new Request(`http://localhost:3000/api/${path}`, { method: "POST", body, ...init });
}

function get(path: string): Request {
  return new Request(`http://localhost:3000/api/${path}`);
}

async function told(response: Response): Promise<{ status: number; body: unknown }> {
  return { status: response.status, body: await response.json() };
}

beforeAll(async () => {
  const closed = createServer();
  nowhere = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));
});
beforeEach(async () => {
  seen = [];
  upstream = createServer(receiver(seen));
  vi.stubEnv("INFERENCE_API_URL", await listen(upstream));
});
afterEach(() => {
  upstream.close();
  upstream.closeAllConnections();
  vi.restoreAllMocks();
});

let nowhere: string;

/** Runs with other settings, silently: the log of an unreachable service is not under test. */
async function withSettings<Result>(settings: Record<string, string>, work: () => Promise<Result>): Promise<Result> {
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  Object.assign(process.env, settings);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe("what is sent on", () => {
  it.each([
    ["POST /predict", () => predict.POST(post("predict", '{"pair":"x"}'), {})],
    ["POST /predict/batch", () => batch.POST(post("predict/batch", '{"pair":"x"}'), {})],
    ["POST /model/load", () => load.POST(post("model/load", '{"pair":"x"}'), {})],
    ["POST /patterns/detect", () => detect.POST(post("patterns/detect", '{"pair":"x"}'), {})],
    ["GET /model/info", () => info.GET(get("model/info?secret=1"), {})],
    ["GET /models", () => models.GET(get("models"), {})],
    ["GET /suggest", () => suggest.GET(get("suggest?secret=1"), {})],
  ])("%s goes to the same path of the service, its body unchanged", async (line, call) => {
    respond(200, { fine: true });
    expect(await told(await call())).toEqual({ status: 200, body: { fine: true } });
    const [method, url] = line.split(" ");
    expect(seen).toMatchObject([{ method, url, body: method === "POST" ? '{"pair":"x"}' : "" }]);
  });

  it("passes only the named query parameters on", async () => {
    respond(200, {});
    await outOfFold.GET(get("model/out-of-fold?pair=A%26B&timeframe=1d&start=1&end=2&version=9"), {});
    await suggest.GET(get("suggest?pair=A%26B&timeframe=1d&limit=20&series=x"), {});
    const [stored, suggested] = seen.map(({ url }) => url);
    expect(stored).toBe("/model/out-of-fold?pair=A%26B&timeframe=1d&start=1&end=2");
    expect(suggested).toBe("/suggest?pair=A%26B&timeframe=1d&limit=20");
  });

  it("adds the key, and passes no header of the caller on", async () => {
    respond(200, {});
    const headers = { authorization: "Bearer mine", cookie: "a=b", "x-api-key": "mine" };
    await withSettings({ INFERENCE_API_KEY: "secret" }, () => predict.POST(post("predict", "{}", { headers }), {}));
    expect(seen[0]?.headers).toMatchObject({ authorization: "Bearer secret", "content-type": "application/json" });
    expect(seen[0]?.headers).not.toHaveProperty("cookie");
    expect(seen[0]?.headers).not.toHaveProperty("x-api-key");
  });

  it("sends no key where none is set", async () => {
    respond(200, {});
    await predict.POST(post("predict", "{}", { headers: { authorization: "Bearer mine" } }), {});
    expect(seen[0]?.headers).not.toHaveProperty("authorization");
  });

  it("refuses a body over the limit before it is sent", async () => {
    const call = () => predict.POST(post("predict", "x".repeat(101)), {});
    const response = await withSettings({ INFERENCE_BODY_LIMIT: "100" }, call);
    expect(await told(response)).toEqual({ status: 413, body: { error: "The body has more than 100 bytes" } });
    expect(seen).toEqual([]);
  });

  it("stops waiting when the caller does", async () => {
    const stopped = new Promise<void>((resolve) => {
      answer = (response) => response.on("close", resolve);
    });
    const caller = new AbortController();
    const pending = predict.POST(post("predict", "{}", { signal: caller.signal }), {});
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    caller.abort();
    await stopped;
    expect((await pending).status).toBe(503);
  });
});

describe("rows of a prediction", () => {
  const content = { spans: [], candles: [EMPTY, ROW], insufficient_history: 1 };

  it("drops rows with a null label for callers of the old row type", async () => {
    respond(200, content);
    const { body } = await told(await predict.POST(post("predict", "{}"), {}));
    expect(body).toEqual({ ...content, candles: [ROW] });
  });

  it("drops them in every result of a batch, and leaves its problems", async () => {
    respond(200, { results: [content, PROBLEM] });
    const { body } = await told(await batch.POST(post("predict/batch", "{}"), {}));
    expect(body).toEqual({ results: [{ ...content, candles: [ROW] }, PROBLEM] });
  });

  it("keeps them for callers that ask for all", async () => {
    respond(200, content);
    expect(await told(await predict.POST(post("predict?rows=all", "{}"), {}))).toEqual({ status: 200, body: content });
    expect(seen[0]?.url).toBe("/predict");
  });
});

describe("errors", () => {
  it("passes a problem on with its status and its detail as error", async () => {
    respond(422, PROBLEM, { "Content-Type": "application/problem+json" });
    const response = await predict.POST(post("predict", "{}"), {});
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await told(response)).toEqual({ status: 422, body: { ...PROBLEM, error: "no pair" } });
  });

  it("passes on when to try again", async () => {
    respond(503, { ...PROBLEM, status: 503, detail: "the queue is full" }, { "Retry-After": "2" });
    const response = await predict.POST(post("predict", "{}"), {});
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await told(response)).toMatchObject({ status: 503, body: { error: "the queue is full" } });
  });

  it.each([
    [500, "Inference service failed with status 500; its log says why"],
    [404, "Inference service failed with status 404; INFERENCE_API_URL may name another server"],
    [403, "The service refuses the key; set INFERENCE_API_KEY to the one that it was started with"],
  ])("says what to do where the service answers %d and no problem", async (status, error) => {
    respond(status, "<h1>Traceback: /srv/app.py</h1>");
    expect(await told(await info.GET(get("model/info"), {}))).toEqual({ status, body: { error } });
  });

  it("says which setting the key belongs to where the service refuses it", async () => {
    const problem = { ...PROBLEM, status: 401, detail: "no key; X-API-Key: the key" };
    respond(401, problem);
    const error = "The service refuses the key; set INFERENCE_API_KEY to the one that it was started with";
    expect(await told(await info.GET(get("model/info"), {}))).toEqual({ status: 401, body: { ...problem, error } });
  });

  it.each(["<html>", "", "null", "[]", '"fine"'])("passes no success on that is no JSON object: %j", async (text) => {
    respond(200, text);
    const error = "Inference service answers no JSON object; INFERENCE_API_URL may name another server";
    expect(await told(await info.GET(get("model/info"), {}))).toEqual({ status: 502, body: { error } });
    expect(await told(await predict.POST(post("predict", "{}"), {}))).toEqual({ status: 502, body: { error } });
  });

  it("follows no redirect", async () => {
    respond(302, "", { Location: "http://169.254.169.254/" });
    const { status, body } = await told(await info.GET(get("model/info"), {}));
    expect({ status, body }).toEqual({
      status: 502,
      body: { error: "Inference service redirects; its address is not the right one" },
    });
    expect(seen).toHaveLength(1);
  });

  it.each([
    ["predict", () => predict.POST(post("predict", "{}"), {})],
    ["predict/batch", () => batch.POST(post("predict/batch", "{}"), {})],
    ["model/info", () => info.GET(get("model/info"), {})],
    ["suggest", () => suggest.GET(get("suggest"), {})],
  ])("%s says 503 and no address where the service cannot be reached", async (_, call) => {
    const response = await withSettings({ INFERENCE_API_URL: nowhere }, call);
    expect(await told(response)).toEqual({ status: 503, body: { error: "Inference service unavailable" } });
  });

  it("says 503 where a prediction takes too long and 504 where a batch does", async () => {
    answer = () => undefined;
    const settings = { INFERENCE_API_TIMEOUT: "50", INFERENCE_BATCH_TIMEOUT: "60" };
    const [one, many] = await withSettings(settings, () =>
      Promise.all([predict.POST(post("predict", "{}"), {}), batch.POST(post("predict/batch", "{}"), {})]),
    );
    expect(await told(one)).toEqual({ status: 503, body: { error: "Inference service unavailable" } });
    expect(await told(many)).toEqual({ status: 504, body: { error: "Batch prediction timed out" } });
  });

  it("refuses pages of another origin", async () => {
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await load.POST(post("model/load", "{}", { headers }), {})).status).toBe(403);
    expect(seen).toEqual([]);
  });
});

describe("health of the service", () => {
  const alive = () => new AbortController().signal;

  it("is ready where the service says so, asked with the key", async () => {
    respond(200, { status: "ready", checks: [] });
    const health = await withSettings({ INFERENCE_API_KEY: "secret" }, () => inferenceHealth(alive()));
    expect(health).toEqual({ status: "ready", detail: "predicts" });
    expect(seen).toMatchObject([{ url: "/ready", headers: { authorization: "Bearer secret" } }]);
  });

  it("names the parts that are away", async () => {
    const checks = [{ name: "model", ok: true, detail: "" }, { name: "tracking", ok: false, detail: "does not answer" }];
    respond(200, { status: "degraded", checks });
    expect(await inferenceHealth(alive())).toEqual({ status: "degraded", detail: "tracking: does not answer" });
  });

  it("says why the service cannot predict", async () => {
    respond(503, { ...PROBLEM, detail: "no model is registered: train one" });
    expect(await inferenceHealth(alive())).toEqual({ status: "not_ready", detail: "no model is registered: train one" });
  });

  it("says what to do where the key is refused", async () => {
    respond(401, "<html>");
    expect(await inferenceHealth(alive())).toEqual({
      status: "not_ready",
      detail: "The service refuses the key; set INFERENCE_API_KEY to the one that it was started with",
    });
  });

  it("is unavailable where nothing, or something else, answers", async () => {
    const away = await withSettings({ INFERENCE_API_URL: nowhere }, () => inferenceHealth(alive()));
    expect(away).toEqual({ status: "unavailable", detail: "Inference service unavailable" });
    for (const other of ["<html>", "{}", "[]", "null", { status: "degraded", checks: 7 }]) {
      respond(200, other);
      expect(await inferenceHealth(alive())).toEqual({ status: "unavailable", detail: "Inference service unavailable" });
    }
  });
});

/** The proxy routes of the app, with every failure as one kind of error. */
import type { OutOfFold } from "./out-of-fold";
import type { PredictBody } from "./requests";
import { anything, modelInfoResponse, modelList, outOfFold, predictResponse, suggestions, type Shape } from "./shapes";
import type { ModelInfoResponse, PredictResponse, RegisteredModel, Series, Suggestions, TimeRange } from "./types";

/** `offline` says that no service answered; otherwise the service said `message`, or answered what it should not. */
export class ServiceError extends Error {
  override name = "ServiceError";

  constructor(
    message: string,
    readonly status: number,
    readonly offline: boolean,
    /** Which problem of the service it is, where it is one: `urn:candle-ml:problem:...`. */
    readonly type = "",
  ) {
    super(message);
  }
}

/** Of each kind: one that is done makes room for the next. */
const MOST_SUGGESTIONS = "100";

export interface PredictionClient {
  predict(body: PredictBody, signal: AbortSignal): Promise<PredictResponse>;
  outOfFold(series: Series, range: TimeRange, signal: AbortSignal): Promise<OutOfFold>;
  suggestions(series: Pick<Series, "pair" | "timeframe">, signal: AbortSignal): Promise<Suggestions>;
  modelInfo(): Promise<ModelInfoResponse>;
  models(): Promise<RegisteredModel[]>;
  loadModel(choice: ModelChoice): Promise<void>;
}

/** A version is served until another one is chosen; an alias is followed wherever it goes. */
export type ModelChoice = { version: string } | { alias: string };

/** A client of the routes below `base`, such as `/api`. */
export function createClient(base = "/api", send: typeof fetch = (input, init) => fetch(input, init)): PredictionClient {
  const get = <Answer>(path: string, shape: Shape, signal?: AbortSignal) =>
    ask<Answer>(send, base, path, shape, signal === undefined ? {} : { signal });
  const post = <Answer>(path: string, shape: Shape, body: unknown, signal?: AbortSignal) =>
    ask<Answer>(send, base, path, shape, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    predict: (body, signal) => post("/predict?rows=all", predictResponse, body, signal),
    outOfFold: (series, range, signal) =>
      get(`/model/out-of-fold?${outOfFoldQuery(series, range)}`, outOfFold, signal),
    suggestions: ({ pair, timeframe }, signal) =>
      get(`/suggest?${new URLSearchParams({ pair, timeframe, limit: MOST_SUGGESTIONS })}`, suggestions, signal),
    modelInfo: () => get("/model/info", modelInfoResponse),
    models: async () => (await get<{ models: RegisteredModel[] }>("/models", modelList)).models,
    loadModel: async (choice) => void (await post("/model/load", anything, choice)),
  };
}

function outOfFoldQuery({ pair, timeframe }: Series, { start, end }: TimeRange): URLSearchParams {
  return new URLSearchParams({ pair, timeframe, start: String(start), end: String(end), threshold: "0" });
}

async function ask<Answer>(
  send: typeof fetch,
  base: string,
  path: string,
  shape: Shape,
  init: RequestInit,
): Promise<Answer> {
  const response = await send(base + path, init).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new ServiceError("The annotator does not answer", 0, true);
  });
  const content: unknown = await response.json().catch(() => null);
  if (!response.ok) throw refusal(response.status, content);
  const wrong = shape(content);
  if (wrong === undefined) return content as Answer;
  const part = wrong === "" ? "it is something else altogether" : `${wrong.replace(/^\./, "")} is missing or wrong`;
  const route = path.replace(/\?.*/, "");
  throw new ServiceError(`The answer to ${route} is not that of a candle-ml service: ${part}`, response.status, false);
}

function refusal(status: number, content: unknown): ServiceError {
  const { error, type } = (content ?? {}) as { error?: unknown; type?: unknown };
  // A problem of the service has a type; the proxy's own "unavailable" has none, and a gateway before it sends no JSON.
  const offline = type === undefined && (status === 503 || (content === null && (status === 502 || status === 504)));
  const message = typeof error === "string" ? error : `The service answered ${status}`;
  return new ServiceError(message, status, offline, typeof type === "string" ? type : "");
}

/** The proxy routes of the app, with every failure as one kind of error. */
import type { OutOfFold } from "./out-of-fold";
import type { PredictBody } from "./requests";
import type { ModelInfoResponse, PredictResponse, RegisteredModel, Series, TimeRange } from "./types";

/** `offline` says that no service answered; otherwise the service said `message`. */
export class ServiceError extends Error {
  override name = "ServiceError";

  constructor(
    message: string,
    readonly status: number,
    readonly offline: boolean,
  ) {
    super(message);
  }
}

export interface PredictionClient {
  predict(body: PredictBody, signal: AbortSignal): Promise<PredictResponse>;
  outOfFold(series: Series, range: TimeRange, signal: AbortSignal): Promise<OutOfFold>;
  modelInfo(): Promise<ModelInfoResponse>;
  models(): Promise<RegisteredModel[]>;
  loadModel(choice: ModelChoice): Promise<void>;
}

/** A version is served until another one is chosen; an alias is followed wherever it goes. */
export type ModelChoice = { version: string } | { alias: string };

/** A client of the routes below `base`, such as `/api`. */
export function createClient(base = "/api", send: typeof fetch = (input, init) => fetch(input, init)): PredictionClient {
  const get = <Answer>(path: string, signal?: AbortSignal) =>
    ask<Answer>(send, base + path, signal === undefined ? {} : { signal });
  const post = <Answer>(path: string, body: unknown, signal?: AbortSignal) =>
    ask<Answer>(send, base + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    predict: (body, signal) => post("/predict?rows=all", body, signal),
    outOfFold: (series, range, signal) => get(`/model/out-of-fold?${outOfFoldQuery(series, range)}`, signal),
    modelInfo: () => get("/model/info"),
    models: async () => (await get<{ models: RegisteredModel[] }>("/models")).models,
    loadModel: async (choice) => void (await post("/model/load", choice)),
  };
}

function outOfFoldQuery({ pair, timeframe }: Series, { start, end }: TimeRange): URLSearchParams {
  return new URLSearchParams({ pair, timeframe, start: String(start), end: String(end), threshold: "0" });
}

async function ask<Answer>(send: typeof fetch, url: string, init: RequestInit): Promise<Answer> {
  const response = await send(url, init).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new ServiceError("The annotator does not answer", 0, true);
  });
  const content = (await response.json().catch(() => null)) as (Answer & { error?: string; type?: string }) | null;
  if (response.ok && content !== null) return content;
  // A problem of the service has a type; the proxy's own "unavailable" has none.
  const offline = (response.status === 502 || response.status === 503) && content?.type === undefined;
  throw new ServiceError(content?.error ?? `The service answered ${response.status}`, response.status, offline);
}

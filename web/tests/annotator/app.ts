/** The page's state before the app's own routes, with a connection that can be slow or break. */
import { afterAll, beforeAll, vi } from "vitest";
import { Annotations } from "@/annotator/annotations";
import { Desk } from "@/annotator/desk";
import * as points from "@/app/api/annotations/route";
import * as point from "@/app/api/annotations/[id]/route";
import * as candles from "@/app/api/candles/route";
import * as charts from "@/app/api/charts/route";
import * as chart from "@/app/api/charts/[id]/route";
import * as ranges from "@/app/api/reviewed-ranges/route";
import * as spans from "@/app/api/span-annotations/route";
import * as span from "@/app/api/span-annotations/[id]/route";
import * as labels from "@/app/api/span-label-types/route";
import * as label from "@/app/api/span-label-types/[id]/route";
import type { Span } from "@/data/types";
import { PredictionLayer, ServiceError, type PredictionClient, type PredictionSpan } from "@/prediction-layer";
import { model } from "../prediction-layer/parts";
import { call, uploaded } from "../server/calls";

type Handlers = Partial<Record<string, (request: Request, context: never) => Promise<Response>>>;

const ROUTES: Record<string, Handlers> = {
  annotations: points,
  "annotations/id": point,
  candles,
  charts,
  "charts/id": chart,
  "reviewed-ranges": ranges,
  "span-annotations": spans,
  "span-annotations/id": span,
  "span-label-types": labels,
  "span-label-types/id": label,
} as never;

export const HOUR = 3600;

/** What happens to requests that write: they wait, do not arrive, or their answer does not. */
export class Connection {
  broken: "request" | "answer" | null = null;
  isHolding = false;
  private held: Promise<void> | null = null;

  /** The next request that writes waits until what this returns is called. */
  hold(): () => void {
    let release = () => {};
    this.held = new Promise((resolve) => (release = resolve));
    return release;
  }

  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const [, name = "", id] = /^\/api\/([a-z-]+)(?:\/(\d+))?/.exec(url) ?? [];
    const { method = "GET" } = init;
    const handler = ROUTES[id === undefined ? name : `${name}/id`]?.[method];
    if (handler === undefined) throw new Error(`no route ${method} ${url}`);
    const writes = method !== "GET";
    if (writes) await this.untilReleased();
    if (writes && this.broken === "request") throw new TypeError("the connection broke");
    const context = { params: Promise.resolve({ id }) } as never;
    const answer = await handler(new Request(`http://localhost:3000${url}`, init), context);
    if (writes && this.broken === "answer") throw new TypeError("the connection broke");
    return answer;
  };

  private async untilReleased(): Promise<void> {
    const { held } = this;
    this.held = null;
    this.isHolding = held !== null;
    await held;
  }
}

/** Lets the code of the page reach the routes. */
export function connected(): Connection {
  const connection = new Connection();
  beforeAll(() => void vi.stubGlobal("fetch", connection.fetch));
  afterAll(() => void vi.unstubAllGlobals());
  return connection;
}

/** A window on the newest chart, where a model says what it is told to. */
export async function openWindow(predicted: PredictionSpan[] = [], more: Partial<PredictionClient> = {}): Promise<Desk> {
  const layer = new PredictionLayer({ client: { ...saying(predicted), ...more } });
  const desk = new Desk(new Annotations(), layer);
  await desk.annotations.load();
  if (predicted.length > 0) await layer.predictAll();
  return desk;
}

/** A window on a chart of its own, of ten candles an hour apart. */
export async function openNewChart(name: string, predicted: PredictionSpan[] = []): Promise<Desk> {
  await uploaded(`${name}.csv`);
  return openWindow(predicted);
}

export function pattern(label: string, first: number, last: number): PredictionSpan {
  return { label, start_time: first * HOUR, end_time: last * HOUR, avg_confidence: 0.9, candle_count: last - first + 1 };
}

/** The spans of the newest chart: those of the window's chart. */
export async function storedSpans(): Promise<Span[]> {
  return (await call(spans.GET, "GET", "span-annotations")).body;
}

/** As another window would. */
export async function changeElsewhere(id: number, change: Partial<Span>): Promise<void> {
  await call(span.PATCH, "PATCH", `span-annotations/${id}`, change);
}

function saying(predicted: PredictionSpan[]): PredictionClient {
  const { model_version, run_id, model_name } = model().model_info;
  const told = { model_version, run_id, model_name, required_history: 0, insufficient_history: 0 };
  return {
    predict: () => Promise.resolve({ ...told, spans: predicted, candles: [] }),
    outOfFold: () => Promise.reject(new Error("nothing is in sample")),
    suggestions: () => Promise.reject(new ServiceError("There is no such route", 404, false)),
    modelInfo: () => Promise.resolve(model()),
    models: () => Promise.resolve([]),
    loadModel: () => Promise.resolve(),
  };
}

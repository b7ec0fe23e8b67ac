/** The app's own routes, from the browser. */
import { rowTag } from "@/data/row-tag";
import type { Candle, Chart, Point, ReviewedRange, Span, SpanLabelType } from "@/data/types";

export type NewSpan = Pick<Span, "chart_id" | "start_time" | "end_time" | "label"> & Partial<Span>;
export type NewPoint = Pick<Point, "timestamp" | "label_type"> & { chart_id: number };
export type NewRange = Pick<ReviewedRange, "chart_id" | "start_time" | "end_time">;
export type NewLabel = Pick<SpanLabelType, "name" | "color" | "hotkey" | "is_active">;
export interface Uploaded {
  count: number;
  chart: { id: number; name: string };
  notices: string[];
}

export const api = {
  charts: () => ask<Chart[]>("GET", "/charts"),
  changeChart: (id: number, change: Partial<Chart>) => ask<Chart>("PATCH", `/charts/${id}`, change),
  deleteChart: (id: number) => ask<unknown>("DELETE", `/charts/${id}`),
  candles: (chartId: number) => ask<Candle[]>("GET", `/candles?chartId=${chartId}`),
  labels: () => ask<SpanLabelType[]>("GET", "/span-label-types"),
  addLabel: (label: NewLabel) => ask<SpanLabelType>("POST", "/span-label-types", label),
  changeLabel: (id: number, change: Partial<NewLabel>) => ask<SpanLabelType>("PATCH", `/span-label-types/${id}`, change),
  spans: (chartId: number) => ask<Span[]>("GET", `/span-annotations?chartId=${chartId}`),
  addSpan: (span: NewSpan) => ask<Span>("POST", "/span-annotations", span),
  changeSpan: (id: number, change: Partial<Span>) => ask<Span>("PATCH", `/span-annotations/${id}`, change),
  /** For a page that goes: it is sent to the end, and nobody is left to be told how it went. */
  leaveNotes: (id: number, notes: string | null) =>
    void ask("PATCH", `/span-annotations/${id}`, { notes }, { keepalive: true }).catch(() => undefined),
  deleteSpan: (span: Span) => ask<unknown>("DELETE", `/span-annotations/${span.id}`, undefined, asKnown(span)),
  points: (chartId: number) => ask<Point[]>("GET", `/annotations?chartId=${chartId}`),
  addPoint: (point: NewPoint) => ask<Point>("POST", "/annotations", point),
  changePoint: (id: number, change: Partial<Point>) => ask<Point>("PATCH", `/annotations/${id}`, change),
  deletePoint: (point: Point) => ask<unknown>("DELETE", `/annotations/${point.id}`, undefined, asKnown(point)),
  ranges: (chartId: number) => ask<ReviewedRange[]>("GET", `/reviewed-ranges?chartId=${chartId}`),
  addRange: (range: NewRange) => ask<ReviewedRange>("POST", "/reviewed-ranges", range),
  deleteRange: ({ id }: ReviewedRange) => ask<unknown>("DELETE", `/reviewed-ranges?id=${id}`),
  upload: (file: File) => {
    const form = new FormData();
    form.set("file", file);
    return ask<Uploaded>("POST", "/upload", form);
  },
};

/** What a route says, and its status; 0 where there was no answer. */
export class RouteError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Only while the row says what is known of it here. */
function asKnown(row: object): RequestInit {
  return { headers: { "If-Match": rowTag(row) } };
}

/** The answer's JSON. Throws `RouteError`. */
async function ask<Answer>(method: string, path: string, body?: object, more: RequestInit = {}): Promise<Answer> {
  const json = body !== undefined && !(body instanceof FormData);
  const response = await fetch(`/api${path}`, {
    method,
    ...(json ? { headers: { "Content-Type": "application/json" } } : {}),
    ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as FormData) }),
    ...more,
  }).catch(() => {
    throw new RouteError("The annotator does not answer", 0);
  });
  const content = (await response.json().catch(() => ({}))) as Answer & { error?: string };
  if (!response.ok) throw new RouteError(content.error ?? `The annotator answered ${response.status}`, response.status);
  return content;
}

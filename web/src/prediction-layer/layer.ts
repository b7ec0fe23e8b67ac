/** The state of the prediction layer and everything that changes it; it knows no framework and draws nothing. */
import { PredictionCache } from "./cache";
import { ServiceError, type ModelChoice, type PredictionClient } from "./client";
import { bandsOf, passing, runsOf, type Band, type Filters, type Run } from "./filters";
import { cachedOrAsked, ModelChangedError, modelKey } from "./predicting";
import { similarTo } from "./similar";
import { rowsWithin } from "./times";
import type { ModelInfoResponse, Prediction, RegisteredModel, Series, SimilarSpan, TimeRange } from "./types";

/** `failing`: something answers, but refuses or says what cannot be used. */
export type ServiceState = "checking" | "ready" | "no_model" | "failing" | "offline";

export interface LayerState {
  service: ServiceState;
  /** Why predictions are not to be had; empty where they are. */
  serviceDetail: string;
  model: ModelInfoResponse | null;
  models: readonly RegisteredModel[];
  filters: Filters;
  /** Whether the visible range is predicted whenever it changes. */
  auto: boolean;
  progress: { done: number; total: number } | null;
  error: string | null;
  prediction: Prediction | null;
  bands: readonly Band[];
  runs: readonly Run[];
}

export interface LayerOptions {
  client: PredictionClient;
  threshold?: number;
  cacheEntries?: number;
  /** Milliseconds between two looks at the service. */
  pollEvery?: number;
  /** Milliseconds that the view must rest before it is predicted by itself. */
  settleFor?: number;
}

export class PredictionLayer {
  private state: LayerState;
  private readonly listeners = new Set<() => void>();
  private readonly cache: PredictionCache;
  /** Answers with similar spans: other ones than those that are shown. */
  private readonly examples: PredictionCache;
  readonly client: PredictionClient;
  private series: Series | null = null;
  private view: TimeRange | null = null;
  private running: AbortController | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private looks = { begun: 0, answered: 0 };

  constructor(private readonly options: LayerOptions) {
    this.client = options.client;
    this.cache = new PredictionCache(options.cacheEntries);
    this.examples = new PredictionCache(options.cacheEntries);
    const filters = { threshold: options.threshold ?? 0.7, ownThresholds: false, hidden: new Set<string>() };
    const nothing = { model: null, models: [], progress: null, error: null, prediction: null, bands: [], runs: [] };
    this.state = { service: "checking", serviceDetail: "", filters, auto: false, ...nothing };
  }

  readonly getState = (): LayerState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Looks at the service now and from then on; returns what stops it. */
  start(): () => void {
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), this.options.pollEvery ?? 30_000);
    return () => {
      clearInterval(this.timer);
      clearTimeout(this.settling);
      this.running?.abort();
    };
  }

  /** Shows another series, or none. What was predicted for the one before stays in the cache. */
  setSeries(series: Series | null): void {
    if (series?.id === this.series?.id) return;
    this.series = series;
    this.drop();
    this.settle();
  }

  /** The host tells which candles are on screen. */
  viewChanged(view: TimeRange | null): void {
    this.view = view;
    this.settle();
  }

  private settle(): void {
    if (!this.state.auto) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.predictAround(), this.options.settleFor ?? 150);
  }

  setThreshold(threshold: number): void {
    this.filter({ ...this.state.filters, threshold });
  }

  useOwnThresholds(ownThresholds: boolean): void {
    this.filter({ ...this.state.filters, ownThresholds });
  }

  showLabel(label: string, shown: boolean): void {
    const hidden = new Set(this.state.filters.hidden);
    if (shown) hidden.delete(label);
    else hidden.add(label);
    this.filter({ ...this.state.filters, hidden });
  }

  setAuto(auto: boolean): void {
    this.change({ auto });
    if (auto) void this.predictAround();
  }

  /** Predicts the candles on screen. */
  async predictVisible(): Promise<void> {
    await this.meetModel();
    if (this.view !== null) await this.predict(this.view);
  }

  async predictAll(): Promise<void> {
    await this.meetModel();
    const [first, last] = [this.series?.candles[0], this.series?.candles.at(-1)];
    if (first !== undefined && last !== undefined) await this.predict({ start: first.time, end: last.time });
  }

  /** The person's own annotations that are like a pattern, asked for its candles alone. Throws `ServiceError`. */
  async similarTo(run: Run, signal: AbortSignal): Promise<readonly SimilarSpan[]> {
    const { series, client, examples } = this;
    const { model } = this.state;
    if (series === null || model === null) return [];
    const range = { start: run.start, end: run.end };
    const wanted = { client, cache: examples, signal, series, range, model, similar: true, onProgress: () => undefined };
    try {
      return similarTo(run, await cachedOrAsked(wanted));
    } catch (error) {
      if (!(error instanceof ModelChangedError)) throw error;
      await this.refresh();
      return [];
    }
  }

  /** The first look at the service may still be on its way. */
  private async meetModel(): Promise<void> {
    if (this.state.model === null) await this.refresh();
  }

  /** Looks whether the service answers, and with which model; a look that a later one has overtaken tells nothing. */
  async refresh(): Promise<void> {
    const look = ++this.looks.begun;
    try {
      const model = await this.client.modelInfo();
      if (!this.counts(look)) return;
      this.adopt(model);
    } catch (error) {
      return this.counts(look) ? this.explain(error) : undefined;
    }
    await this.listModels();
  }

  private counts(look: number): boolean {
    if (look < this.looks.answered) return false;
    this.looks.answered = look;
    return true;
  }

  /** Predicting goes on without the list, so that a registry that is away is a remark only. */
  private async listModels(): Promise<void> {
    try {
      this.change({ models: await this.client.models() });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      this.change({ serviceDetail: `The versions cannot be listed: ${error.message}` });
    }
  }

  /** Asks the service to serve another model; on failure the one before keeps serving. */
  async loadModel(choice: ModelChoice): Promise<void> {
    try {
      await this.client.loadModel(choice);
      this.change({ error: null });
      await this.refresh();
    } catch (error) {
      this.report(error);
    }
  }

  /** Half a screen more on both sides, so that a small move asks for nothing. */
  private async predictAround(): Promise<void> {
    const { series, view } = this;
    if (series === null || view === null || this.state.service !== "ready") return;
    if (this.state.prediction !== null && contains(this.state.prediction.range, view)) return;
    const [first, stop] = rowsWithin(series.candles, view.start, view.end);
    const margin = Math.ceil((stop - first) / 2);
    const start = series.candles[Math.max(0, first - margin)]?.time ?? view.start;
    const end = series.candles[Math.min(series.candles.length, stop + margin) - 1]?.time ?? view.end;
    await this.predict({ start, end });
  }

  /** A newer call ends this one: an answer that comes late is never shown. */
  private async predict(wanted: TimeRange, again = true): Promise<void> {
    const { series } = this;
    const { model } = this.state;
    if (series === null || model === null || isEmpty(series, wanted)) return;
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.change({ error: null, progress: { done: 0, total: 0 } });
    try {
      const shared = { client: this.client, cache: this.cache, signal: running.signal };
      const onProgress = (done: number, total: number) => this.change({ progress: { done, total } });
      const prediction = await cachedOrAsked({ ...shared, series, range: wanted, model, onProgress });
      if (!running.signal.aborted) this.show(prediction);
    } catch (error) {
      if (running.signal.aborted) return;
      this.change({ progress: null });
      if (!(error instanceof ModelChangedError)) return this.report(error);
      await this.refresh();
      if (again && this.series === series) await this.predict(wanted, false);
    }
  }

  private show(prediction: Prediction): void {
    this.change({ progress: null, prediction });
    this.filter(this.state.filters);
  }

  /** Another model: nothing that the one before said is shown or kept. */
  private adopt(model: ModelInfoResponse): void {
    const before = this.state.model;
    this.change({ service: "ready", serviceDetail: "", model });
    if (before !== null && modelKey(before) === modelKey(model)) return;
    this.cache.clear();
    this.examples.clear();
    this.drop();
    if (this.state.auto) void this.predictAround();
  }

  private drop(): void {
    this.running?.abort();
    this.running = null;
    this.change({ progress: null, error: null, prediction: null, bands: [], runs: [] });
  }

  private filter(filters: Filters): void {
    const { prediction, model } = this.state;
    const passes = passing(filters, model?.label_config ?? []);
    const bands = prediction === null ? [] : bandsOf(prediction, passes);
    const runs = prediction === null ? [] : runsOf(prediction, passes);
    this.change({ filters, bands, runs });
  }

  /** Why a look at the service found no model. */
  private explain(error: unknown): void {
    if (!(error instanceof ServiceError) || error.offline) return this.report(error);
    this.change({ service: error.status === 503 ? "no_model" : "failing", serviceDetail: error.message });
  }

  private report(error: unknown): void {
    if (!(error instanceof ServiceError)) throw error;
    if (error.offline) this.change({ service: "offline", serviceDetail: error.message, progress: null });
    else this.change({ error: error.message });
  }

  private change(part: Partial<LayerState>): void {
    this.state = { ...this.state, ...part };
    for (const listener of this.listeners) listener();
  }
}

function contains(outer: TimeRange, inner: TimeRange): boolean {
  return outer.start <= inner.start && outer.end >= inner.end;
}

/** A view may still be that of the series before. */
function isEmpty({ candles }: Series, { start, end }: TimeRange): boolean {
  const [first, stop] = rowsWithin(candles, start, end);
  return first === stop;
}

/** The charts and what is annotated on the open one, with every edit stored at once and undoable; what works is true. */
import { Store } from "@/data/store";
import type { Candle, Chart, Point, ReviewedRange, Span, SpanLabelType } from "@/data/types";
import type { Feedback } from "@/prediction-layer";
import { api, RouteError, type NewLabel } from "./api";
import { changes, changesNothing, newSpan, replaced, send, type SpanFields } from "./edits";
import { History, type Edit, type Kind, type Rows } from "./history";

export interface AnnotationsState {
  charts: readonly Chart[];
  chart: Chart | null;
  candles: readonly Candle[];
  spans: readonly Span[];
  points: readonly Point[];
  ranges: readonly ReviewedRange[];
  labels: readonly SpanLabelType[];
  /** What was not taken of the file that the open chart was just made of. */
  notices: readonly string[];
  loading: boolean;
  error: string | null;
  canUndo: boolean;
  canRedo: boolean;
}

const NOTHING = { chart: null, candles: [], spans: [], points: [], ranges: [], notices: [] };

export class Annotations extends Store<AnnotationsState> {
  private readonly history = new History();
  private queue: Promise<unknown> = Promise.resolve();
  private looking: Promise<void> | null = null;

  constructor() {
    super({ ...NOTHING, charts: [], labels: [], loading: true, error: null, canUndo: false, canRedo: false });
  }

  /** Charts and labels; opens the newest chart. */
  load(): Promise<boolean> {
    return this.succeeds(() => this.reread());
  }

  open(chartId: number): Promise<boolean> {
    return this.succeeds(() => this.read(chartId));
  }

  upload(file: File): Promise<boolean> {
    return this.succeeds(async () => {
      const { chart, notices } = await api.upload(file);
      this.change({ charts: await api.charts() });
      await this.read(chart.id, notices);
    });
  }

  changeChart(change: Partial<Pick<Chart, "name" | "pair" | "timeframe">>): Promise<boolean> {
    return this.succeeds(async () => {
      const { chart } = this.getState();
      if (chart === null) return;
      const changed = await api.changeChart(chart.id, change);
      this.change({ chart: changed, charts: await api.charts() });
    });
  }

  deleteChart(): Promise<boolean> {
    return this.succeeds(async () => {
      const { chart } = this.getState();
      if (chart === null) return;
      await api.deleteChart(chart.id);
      const charts = await api.charts();
      this.change({ charts });
      await this.read(charts.at(-1)?.id);
    });
  }

  addLabel(label: NewLabel): Promise<boolean> {
    return this.succeeds(async () => {
      await api.addLabel(label);
      this.change({ labels: await api.labels() });
    });
  }

  /** A new name goes to the annotations too, so that no edit from before can be undone. */
  changeLabel(id: number, change: Partial<NewLabel>): Promise<boolean> {
    return this.succeeds(async () => {
      await api.changeLabel(id, change);
      this.history.clear();
      await this.reread();
    });
  }

  addSpan(fields: SpanFields): Promise<boolean> {
    return this.edit((chart) => newSpan(fields, chart));
  }

  addPoint(timestamp: number, label_type: string): Promise<boolean> {
    return this.edit(() => ({ kind: "point", before: null, after: { timestamp, label_type } as Point }));
  }

  addRange(start_time: number, end_time: number): Promise<boolean> {
    const range = { start_time, end_time };
    return this.edit((chart) => ({ kind: "range", before: null, after: { ...range, chart_id: chart.id } as ReviewedRange }));
  }

  changeSpan(id: number, fields: Partial<Span>): Promise<boolean> {
    return this.edit(() => this.changeOfSpan(id, fields));
  }

  changePoint(id: number, fields: Partial<Point>): Promise<boolean> {
    return this.edit(() => {
      const before = this.getState().points.find((point) => point.id === id);
      return before === undefined ? null : { kind: "point", before, after: { ...before, ...fields } };
    });
  }

  /** Stores what is decided in view of what others have stored by then; undefined where that is nothing, or fails. */
  judge(decide: () => Feedback | undefined): Promise<Feedback | undefined> {
    return this.onOpenChart(async (chart) => {
      this.take(await rowsOf(chart.id));
      const feedback = decide();
      if (feedback === undefined) return undefined;
      const { fields } = feedback;
      await this.store("id" in feedback ? this.changeOfSpan(feedback.id, fields) : newSpan(feedback.fields, chart));
      return feedback;
    });
  }

  remove(kind: Kind, id: number): Promise<boolean> {
    return this.edit(() => {
      const { spans, points, ranges } = this.getState();
      const before = { span: spans, point: points, range: ranges }[kind].find((row) => row.id === id);
      return before === undefined ? null : ({ kind, before, after: null } as Edit);
    });
  }

  undo(): Promise<boolean> {
    return this.succeeds(async () => {
      const edit = this.history.nextUndo();
      if (edit === undefined) return;
      await this.apply(edit).catch(whereRefused(() => this.history.forgetUndo()));
      this.history.undone();
    });
  }

  redo(): Promise<boolean> {
    return this.succeeds(async () => {
      const edit = this.history.nextRedo();
      if (edit === undefined) return;
      await this.apply(edit).catch(whereRefused(() => this.history.forgetRedo()));
      this.history.redone();
    });
  }

  /** Shows what others have stored meanwhile; what cannot be read now is read at the next look. */
  refresh(): Promise<void> {
    this.looking ??= this.inTurn(() => this.reread())
      .catch(() => undefined)
      .finally(() => {
        this.looking = null;
        this.settle();
      });
    return this.looking;
  }

  dismissError(): void {
    this.change({ error: null });
  }

  private async read(chartId: number | undefined, notices: readonly string[] = []): Promise<void> {
    this.history.clear();
    const chart = this.getState().charts.find((each) => each.id === chartId) ?? null;
    if (chart === null) return this.change(NOTHING);
    this.change({ loading: true });
    const { id } = chart;
    const [candles, rows] = await Promise.all([api.candles(id), rowsOf(id)]);
    this.change({ chart, candles, notices, ...rows });
  }

  /** Charts, labels and annotations as they are stored now; the newest chart where the open one is gone. */
  private async reread(): Promise<void> {
    const [charts, labels] = await Promise.all([api.charts(), api.labels()]);
    this.take({ charts, labels });
    const chart = charts.find((each) => each.id === this.getState().chart?.id);
    if (chart === undefined) await this.read(charts.at(-1)?.id);
    else this.take({ chart, ...(await rowsOf(chart.id)) });
  }

  /** What is read and says the same changes nothing. */
  private take(read: Partial<AnnotationsState>): void {
    const news = changes(this.getState(), read);
    if (Object.keys(news).length > 0) this.change(news);
  }

  private async edit(make: (chart: Chart) => Edit | null): Promise<boolean> {
    const done = await this.onOpenChart(async (chart) => {
      await this.store(make(chart));
      return true;
    });
    return done === true;
  }

  private changeOfSpan(id: number, fields: Partial<Span>): Edit | null {
    const before = this.getState().spans.find((span) => span.id === id);
    return before === undefined ? null : { kind: "span", before, after: { ...before, ...fields } };
  }

  private async store(edit: Edit | null): Promise<void> {
    if (edit === null || changesNothing(edit)) return;
    const stored = await this.apply(edit);
    // What an edit changes is what its undo puts back: not what others have changed meanwhile.
    this.history.record(edit.before === null ? ({ ...edit, after: stored } as Edit) : edit);
  }

  /** Makes the stored rows those after the edit, and returns the row as it is stored. */
  private async apply(edit: Edit): Promise<Rows[Kind] | null> {
    const stored = await send(edit, this.getState().chart?.id ?? 0);
    if (edit.before === null && edit.after?.id !== undefined && stored !== null) {
      this.history.renumber(edit.kind, edit.after.id, stored.id);
    }
    const { spans, points, ranges } = this.getState();
    if (edit.kind === "span") this.change({ spans: replaced(spans, edit.before, stored as Span | null) });
    if (edit.kind === "point") this.change({ points: replaced(points, edit.before, stored as Point | null) });
    if (edit.kind === "range") this.change({ ranges: replaced(ranges, edit.before, stored as ReviewedRange | null) });
    return stored;
  }

  /** Work on the chart that is open when it is asked for. */
  private onOpenChart<Result>(work: (chart: Chart) => Promise<Result>): Promise<Result | undefined> {
    const asked = this.getState().chart;
    return this.attempt(async () => {
      const { chart } = this.getState();
      if (chart?.id !== asked?.id) throw new Error("Another chart was opened meanwhile: nothing is stored");
      return chart === null ? undefined : work(chart);
    });
  }

  private async succeeds(work: () => Promise<void>): Promise<boolean> {
    const done = await this.attempt(async () => {
      await work();
      return true;
    });
    return done === true;
  }

  /** A failure is shown, and answered by undefined. */
  private async attempt<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    const done = this.inTurn(() => work().catch((failure: unknown) => this.lookAgain(failure)));
    try {
      const result = await done;
      this.change({ error: null });
      return result;
    } catch (error) {
      this.change({ error: error instanceof Error ? error.message : String(error) });
      return undefined;
    } finally {
      this.settle();
    }
  }

  /** One after the other, so that an undo finds what it undoes. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.queue.then(work);
    this.queue = done.catch(() => undefined);
    return done;
  }

  /** Nothing tells what of it was stored, nor what others did: all is read again, where that is possible. */
  private async lookAgain(failure: unknown): Promise<never> {
    if (!(failure instanceof RouteError)) throw failure;
    if (failure.status === 404) this.history.clear();
    await this.reread().catch(() => undefined);
    throw failure;
  }

  private settle(): void {
    this.change({ loading: false, canUndo: this.history.canUndo, canRedo: this.history.canRedo });
  }
}

async function rowsOf(chartId: number): Promise<Pick<AnnotationsState, "spans" | "points" | "ranges">> {
  const [spans, points, ranges] = await Promise.all([api.spans(chartId), api.points(chartId), api.ranges(chartId)]);
  return { spans, points, ranges };
}

/** Somebody has changed the row since: asked again, it would be refused again. */
function whereRefused(forget: () => void): (failure: unknown) => never {
  return (failure) => {
    if (failure instanceof RouteError && failure.status === 412) forget();
    throw failure;
  };
}

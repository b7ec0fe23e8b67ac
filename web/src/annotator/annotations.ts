/** The charts and what is annotated on the open one, with every edit stored at once and undoable. */
import { Store } from "@/data/store";
import type { Candle, Chart, Point, ReviewedRange, Span, SpanLabelType } from "@/data/types";
import { api, RouteError, type NewLabel } from "./api";
import { History, type Edit, type Kind, type Rows } from "./history";

export interface AnnotationsState {
  charts: readonly Chart[];
  chart: Chart | null;
  candles: readonly Candle[];
  spans: readonly Span[];
  points: readonly Point[];
  ranges: readonly ReviewedRange[];
  labels: readonly SpanLabelType[];
  loading: boolean;
  error: string | null;
  canUndo: boolean;
  canRedo: boolean;
}

const NOTHING = { chart: null, candles: [], spans: [], points: [], ranges: [] };

export class Annotations extends Store<AnnotationsState> {
  private readonly history = new History();
  private queue: Promise<unknown> = Promise.resolve();

  constructor() {
    super({ ...NOTHING, charts: [], labels: [], loading: true, error: null, canUndo: false, canRedo: false });
  }

  /** Charts and labels; opens the newest chart. */
  load(): Promise<void> {
    return this.attempt(async () => {
      const [charts, labels] = await Promise.all([api.charts(), api.labels()]);
      this.change({ charts, labels });
      await this.read(charts.at(-1)?.id);
    });
  }

  open(chartId: number): Promise<void> {
    return this.attempt(() => this.read(chartId));
  }

  upload(file: File): Promise<void> {
    return this.attempt(async () => {
      const { chart } = await api.upload(file);
      this.change({ charts: await api.charts() });
      await this.read(chart.id);
    });
  }

  changeChart(change: Partial<Pick<Chart, "name" | "pair" | "timeframe">>): Promise<void> {
    return this.attempt(async () => {
      const { chart } = this.getState();
      if (chart === null) return;
      const changed = await api.changeChart(chart.id, change);
      this.change({ chart: changed, charts: await api.charts() });
    });
  }

  deleteChart(): Promise<void> {
    return this.attempt(async () => {
      const { chart } = this.getState();
      if (chart === null) return;
      await api.deleteChart(chart.id);
      const charts = await api.charts();
      this.change({ charts });
      await this.read(charts.at(-1)?.id);
    });
  }

  addLabel(label: NewLabel): Promise<void> {
    return this.attempt(async () => {
      await api.addLabel(label);
      this.change({ labels: await api.labels() });
    });
  }

  addSpan(fields: Pick<Span, "start_time" | "end_time" | "label"> & Partial<Span>): Promise<void> {
    return this.edit((chart) => ({ kind: "span", before: null, after: { ...fields, chart_id: chart.id } as Span }));
  }

  addPoint(timestamp: number, label_type: string): Promise<void> {
    return this.edit(() => ({ kind: "point", before: null, after: { timestamp, label_type } as Point }));
  }

  addRange(start_time: number, end_time: number): Promise<void> {
    const range = { start_time, end_time };
    return this.edit((chart) => ({ kind: "range", before: null, after: { ...range, chart_id: chart.id } as ReviewedRange }));
  }

  changeSpan(id: number, fields: Partial<Span>): Promise<void> {
    return this.edit(() => {
      const before = this.getState().spans.find((span) => span.id === id);
      return before === undefined ? null : { kind: "span", before, after: { ...before, ...fields } };
    });
  }

  changePoint(id: number, fields: Partial<Point>): Promise<void> {
    return this.edit(() => {
      const before = this.getState().points.find((point) => point.id === id);
      return before === undefined ? null : { kind: "point", before, after: { ...before, ...fields } };
    });
  }

  remove(kind: Kind, id: number): Promise<void> {
    return this.edit(() => {
      const { spans, points, ranges } = this.getState();
      const before = { span: spans, point: points, range: ranges }[kind].find((row) => row.id === id);
      return before === undefined ? null : ({ kind, before, after: null } as Edit);
    });
  }

  undo(): Promise<void> {
    return this.attempt(async () => {
      const edit = this.history.nextUndo();
      if (edit === undefined) return;
      await this.apply(edit);
      this.history.undone();
    });
  }

  redo(): Promise<void> {
    return this.attempt(async () => {
      const edit = this.history.nextRedo();
      if (edit === undefined) return;
      await this.apply(edit);
      this.history.redone();
    });
  }

  dismissError(): void {
    this.change({ error: null });
  }

  private async read(chartId: number | undefined): Promise<void> {
    this.history.clear();
    const chart = this.getState().charts.find((each) => each.id === chartId) ?? null;
    if (chart === null) return this.change(NOTHING);
    this.change({ loading: true });
    const { id } = chart;
    const [candles, rows] = await Promise.all([api.candles(id), rowsOf(id)]);
    this.change({ chart, candles, ...rows });
  }

  /** Shows no longer what somebody else has deleted, which is why the work failed. */
  private async lookAgain(failure: unknown): Promise<never> {
    if (failure instanceof RouteError && failure.status === 404) {
      const charts = await api.charts();
      this.change({ charts });
      const chart = charts.find((each) => each.id === this.getState().chart?.id);
      this.history.clear();
      if (chart === undefined) await this.read(charts.at(-1)?.id);
      else this.change({ chart, ...(await rowsOf(chart.id)) });
    }
    throw failure;
  }

  private edit(make: (chart: Chart) => Edit | null): Promise<void> {
    return this.attempt(async () => {
      const { chart } = this.getState();
      const edit = chart === null ? null : make(chart);
      if (edit === null || changesNothing(edit)) return;
      const stored = await this.apply(edit);
      // What an edit changes is what its undo puts back: not what others have changed meanwhile.
      this.history.record(edit.before === null ? ({ ...edit, after: stored } as Edit) : edit);
    });
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

  /** One after the other, so that an undo finds what it undoes; a failure is shown and changes nothing. */
  private attempt(work: () => Promise<void>): Promise<void> {
    const done = this.queue.then(() => work().catch((error: unknown) => this.lookAgain(error))).then(
      () => this.change({ error: null }),
      (error: unknown) => this.change({ error: error instanceof Error ? error.message : String(error) }),
    );
    this.queue = done;
    return done.then(() => {
      this.change({ loading: false, canUndo: this.history.canUndo, canRedo: this.history.canRedo });
    });
  }
}

async function rowsOf(chartId: number): Promise<Pick<AnnotationsState, "spans" | "points" | "ranges">> {
  const [spans, points, ranges] = await Promise.all([api.spans(chartId), api.points(chartId), api.ranges(chartId)]);
  return { spans, points, ranges };
}

async function send({ kind, before, after }: Edit, chart_id: number): Promise<Rows[Kind] | null> {
  if (after === null) {
    if (before !== null) await { span: api.deleteSpan, point: api.deletePoint, range: api.deleteRange }[kind](before.id);
    return null;
  }
  if (kind === "span") return before === null ? api.addSpan(after) : api.changeSpan(before.id, changes(before, after));
  if (kind === "range") return api.addRange(after);
  return before === null ? api.addPoint({ ...after, chart_id }) : api.changePoint(before.id, changes(before, after));
}

function changesNothing({ before, after }: Edit): boolean {
  return before !== null && after !== null && Object.keys(changes(before, after)).length === 0;
}

/** The fields that an edit changes: what somebody else may have done to the others stays. */
function changes<Row extends object>(before: Row, after: Row): Partial<Row> {
  const names = Object.keys(after) as (keyof Row)[];
  const changed = names.filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]));
  return Object.fromEntries(changed.map((name) => [name, after[name]])) as Partial<Row>;
}

function replaced<Row extends { id: number }>(rows: readonly Row[], before: Row | null, after: Row | null): Row[] {
  const others = rows.filter((row) => row.id !== before?.id);
  return after === null ? others : [...others, after];
}

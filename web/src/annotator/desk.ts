/** What the user is doing: mode, cursor, selection, and the prediction in question. */
import { Store } from "@/data/store";
import type { Candle, Chart, Point } from "@/data/types";
import {
  confirmed,
  corrected,
  disagreements,
  dismissed,
  type Disagreement,
  type Feedback,
  type HumanSpan,
  type PredictionLayer,
  type Run,
  type Series,
} from "@/prediction-layer";
import type { Annotations, AnnotationsState } from "./annotations";
import type { Kind } from "./history";
import { indexOfTime, type IndexRange } from "./places";

export type Mode = "browse" | "spans" | "points" | "reviewed" | "judge";

export interface Target {
  kind: Kind;
  id: number;
}

export interface DeskState {
  mode: Mode;
  activeLabel: string;
  pointLabel: string;
  /** In mode judge, the label that a click stores; empty for the predicted one. */
  judgeAs: string;
  cursor: number | null;
  /** The other end of what is selected by mouse or keyboard. */
  anchor: number | null;
  selected: Target | null;
  focus: Run | null;
  notice: string;
}

type Verdict = (run: Run, modelVersion: string, human: HumanSpan | null) => Feedback;

const NOTHING = { cursor: null, anchor: null, selected: null, focus: null };

export class Desk extends Store<DeskState> {
  private known: { from: readonly unknown[]; found: Disagreement[] } = { from: [], found: [] };
  private series: Series | null = null;

  constructor(
    readonly annotations: Annotations,
    readonly layer: PredictionLayer,
  ) {
    super({ ...NOTHING, mode: "browse", activeLabel: "", pointLabel: "break_up", judgeAs: "", notice: "" });
    annotations.subscribe(() => this.follow(annotations.getState()));
    layer.subscribe(() => this.keepFocus(layer.getState().runs));
  }

  set(part: Partial<DeskState>): void {
    this.change(part);
  }

  setMode(mode: Mode): void {
    this.change({ mode, anchor: null });
  }

  /** Candles between anchor and cursor; the cursor's alone without an anchor; null without a cursor. */
  selection(): IndexRange | null {
    const { anchor, cursor } = this.getState();
    if (cursor === null) return null;
    return { first: Math.min(anchor ?? cursor, cursor), last: Math.max(anchor ?? cursor, cursor) };
  }

  moveCursor(index: number, extend: boolean): void {
    const { candles } = this.annotations.getState();
    if (candles.length === 0) return;
    const { anchor, cursor } = this.getState();
    const kept = extend ? (anchor ?? cursor) : null;
    this.change({ cursor: Math.max(0, Math.min(candles.length - 1, index)), anchor: kept, notice: "" });
  }

  clear(): void {
    this.change({ anchor: null, selected: null, focus: null, notice: "" });
  }

  /** Stores what the mode makes of the selection. */
  async storeSelection(label?: string): Promise<void> {
    const { mode, activeLabel, pointLabel } = this.getState();
    if (mode === "points" && label === undefined) return this.addPoint(pointLabel);
    if (mode === "reviewed" && label === undefined) return this.markReviewed();
    const range = this.times();
    if (range === null) return this.change({ notice: "Select candles first" });
    const [start_time, end_time] = range;
    this.change({ anchor: null });
    await this.annotations.addSpan({ start_time, end_time, label: label ?? activeLabel });
    this.tell(`${label ?? activeLabel} stored`);
  }

  async addPoint(label: string): Promise<void> {
    const { cursor } = this.getState();
    const candle = cursor === null ? undefined : this.annotations.getState().candles[cursor];
    this.change({ anchor: null });
    if (candle === undefined) return this.change({ notice: "Choose a candle first" });
    await this.annotations.addPoint(candle.time, label);
    this.tell(`${label} stored`);
  }

  async markReviewed(): Promise<void> {
    const range = this.times();
    if (range === null) return this.change({ notice: "Select candles first" });
    this.change({ anchor: null });
    await this.annotations.addRange(...range);
    this.tell("Marked as reviewed");
  }

  /** A label's hotkey: it corrects the prediction in question, else labels the selection, else what is selected. */
  async useLabel(label: string): Promise<void> {
    const { focus, anchor, selected } = this.getState();
    if (focus !== null) return this.correct(label);
    if (anchor !== null) return this.storeSelection(label);
    if (selected?.kind === "span") return this.relabel(selected.id, label);
    this.change({ activeLabel: label, notice: `Label ${label}` });
  }

  /** Another label for a span; one that confirmed a prediction corrects it from then on. */
  async relabel(id: number, label: string): Promise<void> {
    const span = this.annotations.getState().spans.find((each) => each.id === id);
    const judged = span?.source === "model_confirmed" || span?.source === "model_corrected";
    const agrees = span?.model_prediction?.label === label;
    await this.annotations.changeSpan(id, {
      label,
      ...(judged ? { source: agrees ? "model_confirmed" : "model_corrected" } : {}),
    });
  }

  async deleteSelected(): Promise<void> {
    const { selected } = this.getState();
    if (selected === null) return this.change({ notice: "Select an annotation first" });
    await this.annotations.remove(selected.kind, selected.id);
    this.change({ selected: null });
    this.tell("Deleted");
  }

  disagreements(): Disagreement[] {
    const { runs } = this.layer.getState();
    const { spans, points, candles } = this.annotations.getState();
    const from = [runs, spans, points, candles];
    if (from.some((part, index) => part !== this.known.from[index])) {
      const human = [...spans, ...points.filter(isLabel).map(pointAsSpan)];
      this.known = { from, found: disagreements(runs, human, candles) };
    }
    return this.known.found;
  }

  /** Goes to the next (1) or the one before (-1), from the end on again from the other end. */
  walk(direction: 1 | -1): void {
    const all = this.disagreements().map((each) => each.run);
    if (all.length === 0) return this.change({ focus: null, notice: "No disagreement" });
    const from = this.getState().focus?.start ?? (direction === 1 ? -Infinity : Infinity);
    const next = direction === 1 ? all.find((run) => run.start > from) : all.findLast((run) => run.start < from);
    this.look(next ?? all.at(direction === 1 ? 0 : -1) ?? null);
  }

  look(run: Run | null): void {
    const cursor = run === null ? null : indexOfTime(this.annotations.getState().candles, run.start);
    this.change({ focus: run, selected: null, anchor: null, cursor, notice: "" });
  }

  confirm(): Promise<void> {
    return this.judgeAndWalk(confirmed);
  }

  correct(label: string): Promise<void> {
    return this.judgeAndWalk((run, version, human) => corrected(run, version, human, label));
  }

  dismiss(): Promise<void> {
    return this.judgeAndWalk(dismissed);
  }

  /** Goes on to the next disagreement when one is settled. */
  private async judgeAndWalk(verdict: Verdict): Promise<void> {
    const settled = await this.judge(verdict);
    if (settled === undefined) return;
    if (this.disagreements().length > 0) this.walk(1);
    else this.look(null);
    this.tell(settled);
  }

  /** Stores what is said of the prediction in question, and returns what to tell; undefined where nothing is stored. */
  private async judge(verdict: Verdict): Promise<string | undefined> {
    const { focus } = this.getState();
    const { prediction } = this.layer.getState();
    if (focus === null || prediction === null) return this.refuse("Go to a prediction first");
    const doubt = this.disagreements().find(({ run }) => run.start === focus.start && run.label === focus.label);
    if (doubt === undefined) return this.refuse("This prediction is annotated already");
    const feedback = verdict(focus, prediction.modelVersion, doubt.human);
    if (feedback.kind === "create") await this.annotations.addSpan(feedback.fields);
    else await this.annotations.changeSpan(feedback.id, feedback.fields);
    const { label, source } = feedback.fields;
    return this.annotations.getState().error === null ? `${label} stored as ${source}` : undefined;
  }

  private refuse(notice: string): undefined {
    this.change({ notice });
  }

  /** A prediction that is no longer shown is no longer in question. */
  private keepFocus(runs: readonly Run[]): void {
    const { focus } = this.getState();
    const same = (run: Run) => run.start === focus?.start && run.end === focus.end && run.label === focus.label;
    if (focus !== null && !runs.some(same)) this.change({ focus: null });
  }

  private times(): [number, number] | null {
    const { candles } = this.annotations.getState();
    const range = this.selection();
    const [first, last] = range === null ? [] : [candles[range.first], candles[range.last]];
    return first === undefined || last === undefined ? null : [first.time, last.time];
  }

  private tell(notice: string): void {
    if (this.annotations.getState().error === null) this.change({ notice });
  }

  private follow({ chart, candles, labels, spans, points, ranges }: AnnotationsState): void {
    const { activeLabel, selected } = this.getState();
    const first = labels.find((label) => label.is_active);
    if (activeLabel === "" && first !== undefined) this.change({ activeLabel: first.name });
    const rows = { span: spans, point: points, range: ranges };
    const gone = selected !== null && !rows[selected.kind].some((row) => row.id === selected.id);
    if (gone) this.change({ selected: null });
    const series = chart === null || candles.length === 0 ? null : seriesOf(chart, candles);
    if (series?.id === this.series?.id) return;
    this.series = series;
    this.change(NOTHING);
    this.layer.setSeries(series);
  }

  /** Selects what stands at a candle: an annotation, else a prediction. */
  pick(index: number): void {
    const { spans, points, candles } = this.annotations.getState();
    const time = candles[index]?.time;
    if (time === undefined) return;
    const point = points.find((each) => each.timestamp === time && isLabel(each));
    const around = spans.filter((span) => span.start_time <= time && span.end_time >= time);
    around.sort((left, right) => left.end_time - left.start_time - (right.end_time - right.start_time));
    const span = around[0];
    this.change({ cursor: index, anchor: null, notice: "" });
    if (point !== undefined) this.change({ selected: { kind: "point", id: point.id }, focus: null });
    else if (span !== undefined) this.change({ selected: { kind: "span", id: span.id }, focus: null });
    else this.change({ selected: null, focus: this.runAt(time) });
  }

  /** Judges the prediction at a candle, and stays there: dismisses it, or stores it with the label that is set. */
  async judgeAt(index: number, asWrong: boolean): Promise<void> {
    const run = this.runAt(this.annotations.getState().candles[index]?.time ?? NaN);
    this.change({ focus: run, cursor: index });
    if (run === null) return this.change({ notice: "No prediction here" });
    const { judgeAs } = this.getState();
    const corrects: Verdict = (prediction, version, human) => corrected(prediction, version, human, judgeAs);
    const settled = await this.judge(asWrong ? dismissed : judgeAs === "" ? confirmed : corrects);
    if (settled === undefined) return;
    this.change({ focus: null });
    this.tell(settled);
  }

  private runAt(time: number): Run | null {
    return this.layer.getState().runs.find((run) => run.start <= time && run.end >= time) ?? null;
  }

  /** Selects an annotation and brings its first candle into sight. */
  select(kind: Kind, id: number): void {
    const { candles, spans, points, ranges } = this.annotations.getState();
    const row = { span: spans, point: points, range: ranges }[kind].find((each) => each.id === id);
    if (row === undefined) return;
    const cursor = indexOfTime(candles, "timestamp" in row ? row.timestamp : row.start_time);
    this.change({ selected: { kind, id }, focus: null, anchor: null, cursor, notice: "" });
  }

  /** Moves one end of a span by candles; the ends never pass each other. */
  async moveEnd(id: number, end: "start_time" | "end_time", by: number): Promise<void> {
    const { candles, spans } = this.annotations.getState();
    const span = spans.find((each) => each.id === id);
    if (span === undefined) return;
    const time = candles[indexOfTime(candles, span[end]) + by]?.time;
    const moved = { ...span, [end]: time ?? span[end] };
    if (time === undefined || moved.end_time < moved.start_time) return this.change({ notice: "No further" });
    await this.annotations.changeSpan(id, { [end]: time });
  }
}

function seriesOf({ id, pair, timeframe }: Chart, candles: readonly Candle[]): Series {
  const content = [id, pair, timeframe, candles.length, candles[0]?.time, candles.at(-1)?.time];
  return { id: JSON.stringify(content), pair, timeframe, candles };
}

/** A drawn line is no label. */
function isLabel(point: Point): boolean {
  return point.geometry === null;
}

function pointAsSpan({ id, timestamp, label_type }: Point): HumanSpan {
  const judged = { source: "human", model_prediction: null, isPoint: true };
  return { id, start_time: timestamp, end_time: timestamp, label: label_type, ...judged };
}

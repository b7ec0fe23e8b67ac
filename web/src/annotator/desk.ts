/** What the user is doing: mode, cursor, selection, and the prediction in question. */
import { Store } from "@/data/store";
import { POINT_LABELS, type Candle, type Chart } from "@/data/types";
import {
  confirmed,
  corrected,
  dismissed,
  type Disagreement,
  type Feedback,
  type HumanSpan,
  type PredictionLayer,
  type Run,
  type Series,
} from "@/prediction-layer";
import type { Annotations, AnnotationsState } from "./annotations";
import { Doubts, isLabel, isSameRun } from "./doubts";
import { Examples } from "./examples";
import { Guide } from "./guide";
import type { Kind } from "./history";
import { Notes } from "./notes";
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
  readonly notes: Notes;
  readonly guide: Guide;
  readonly examples: Examples;
  private readonly doubts: Doubts;
  /** Predictions whose verdict is on its way. */
  private judging: readonly Run[] = [];
  private series: Series | null = null;

  constructor(
    readonly annotations: Annotations,
    readonly layer: PredictionLayer,
  ) {
    super({ ...NOTHING, mode: "browse", activeLabel: "", pointLabel: "break_up", judgeAs: "", notice: "" });
    this.notes = new Notes(annotations);
    this.doubts = new Doubts(annotations, layer);
    annotations.subscribe(() => this.follow(annotations.getState()));
    layer.subscribe(() => this.keepFocus(layer.getState().runs));
    this.guide = new Guide(this);
    this.examples = new Examples(this);
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

  /** Selects a stretch, so that a label's digit or `r` stores it. Both ends come into sight, one after the other. */
  selectStretch({ first, last }: IndexRange, notice: string): void {
    this.change({ selected: null, focus: null, anchor: null, cursor: first });
    this.change({ anchor: first, cursor: last, notice });
  }

  /** Brings a stretch into sight; what is selected or in question stays so. */
  showStretch({ first, last }: IndexRange, notice: string): void {
    this.change({ anchor: null, cursor: last });
    this.change({ cursor: first, notice });
  }

  /** Stores what the mode makes of the selection. */
  async storeSelection(label?: string): Promise<void> {
    const { mode, activeLabel, pointLabel } = this.getState();
    if (mode === "points" && label === undefined) return this.addPoint(pointLabel);
    if (mode === "reviewed" && label === undefined) return this.markReviewed();
    const range = this.times();
    if (range === null) return this.change({ notice: "Select candles first" });
    const [start_time, end_time] = range;
    const fields = { start_time, end_time, label: label ?? activeLabel };
    await this.letGo(this.annotations.addSpan(fields), `${fields.label} stored`);
  }

  async addPoint(label: string): Promise<void> {
    const { cursor } = this.getState();
    const candle = cursor === null ? undefined : this.annotations.getState().candles[cursor];
    if (candle === undefined) return this.change({ anchor: null, notice: "Choose a candle first" });
    await this.letGo(this.annotations.addPoint(candle.time, label), `${label} stored`);
  }

  async markReviewed(): Promise<void> {
    const range = this.times();
    if (range === null) return this.change({ notice: "Select candles first" });
    await this.letGo(this.annotations.addRange(...range), "Marked as reviewed");
  }

  /** The selection is gone as soon as it is being stored, and comes back where that fails and nothing else is begun. */
  private async letGo(storing: Promise<boolean>, told: string): Promise<void> {
    const { series } = this;
    const { anchor, cursor } = this.getState();
    this.change({ anchor: null });
    if (await storing) return this.change({ notice: told });
    const now = this.getState();
    const isIdle = now.anchor === null && now.selected === null && now.focus === null;
    if (isIdle && series === this.series) this.change({ anchor, cursor });
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
    if (await this.annotations.remove(selected.kind, selected.id)) this.change({ selected: null, notice: "Deleted" });
  }

  disagreements(): Disagreement[] {
    return this.doubts.all();
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

  /** Goes on to the next disagreement when one is settled, unless the user has gone on meanwhile. */
  private async judgeAndWalk(verdict: Verdict): Promise<void> {
    const { focus } = this.getState();
    const settled = await this.judge(verdict);
    if (settled === undefined) return;
    if (isSameRun(focus, this.getState().focus)) {
      if (this.disagreements().length > 0) this.walk(1);
      else this.look(null);
    }
    this.change({ notice: settled });
  }

  /** Stores what is said of the prediction in question, and returns what to tell; undefined where nothing is stored. */
  private async judge(verdict: Verdict): Promise<string | undefined> {
    const { focus: run } = this.getState();
    const { prediction } = this.layer.getState();
    if (run === null || prediction === null) return this.refuse("Go to a prediction first");
    if (this.judging.some((each) => isSameRun(each, run))) return this.refuse("This prediction is being stored");
    this.judging = [...this.judging, run];
    const feedback = await this.annotations.judge(() => {
      const doubt = this.doubts.about(run);
      if (doubt === undefined) return this.refuse("This prediction is annotated already");
      return verdict(run, prediction.modelVersion, doubt.human);
    });
    this.judging = this.judging.filter((each) => each !== run);
    return feedback && `${feedback.fields.label} stored as ${feedback.fields.source}`;
  }

  private refuse(notice: string): undefined {
    this.change({ notice });
  }

  /** A prediction that is no longer shown is no longer in question. */
  private keepFocus(runs: readonly Run[]): void {
    const { focus } = this.getState();
    if (focus !== null && !runs.some((run) => isSameRun(run, focus))) this.change({ focus: null });
  }

  private times(): [number, number] | null {
    const { candles } = this.annotations.getState();
    const range = this.selection();
    const [first, last] = range === null ? [] : [candles[range.first], candles[range.last]];
    return first === undefined || last === undefined ? null : [first.time, last.time];
  }

  private follow({ chart, candles, labels, spans, points, ranges }: AnnotationsState): void {
    this.offerOnly(labels.filter((label) => label.is_active).map((label) => label.name));
    const { selected } = this.getState();
    const rows = { span: spans, point: points, range: ranges };
    const gone = selected !== null && !rows[selected.kind].some((row) => row.id === selected.id);
    if (gone) this.change({ selected: null });
    const series = chart === null || candles.length === 0 ? null : seriesOf(chart, candles);
    if (series?.id === this.series?.id) return;
    this.series = series;
    this.change(NOTHING);
    this.layer.setSeries(series);
  }

  /** What is chosen for the next annotation may have been renamed or put out of use. */
  private offerOnly(names: readonly string[]): void {
    const { activeLabel, pointLabel, judgeAs } = this.getState();
    if (!names.includes(activeLabel)) this.change({ activeLabel: names[0] ?? "" });
    if (![...POINT_LABELS, ...names].includes(pointLabel)) this.change({ pointLabel: POINT_LABELS[0] });
    if (!["", ...names].includes(judgeAs)) this.change({ judgeAs: "" });
  }

  /** Selects what stands at a candle; asked again, the next thing that stands there. */
  pick(index: number): void {
    const time = this.annotations.getState().candles[index]?.time;
    if (time === undefined) return;
    const all = this.standingAt(time);
    const { selected, focus } = this.getState();
    const before = all.findIndex((each) => isSameTarget(each.selected, selected) && isSameRun(each.focus, focus));
    const place = (before + 1) % Math.max(1, all.length);
    const notice = all.length > 1 ? `${place + 1} of ${all.length} here; again for the next` : "";
    this.change({ selected: null, focus: null, ...all[place], cursor: index, anchor: null, notice });
  }

  /** Points, then spans, the shortest first, then predictions. */
  private standingAt(time: number): Pick<DeskState, "selected" | "focus">[] {
    const { spans, points } = this.annotations.getState();
    const around = spans.filter((span) => span.start_time <= time && span.end_time >= time);
    around.sort((left, right) => left.end_time - left.start_time - (right.end_time - right.start_time));
    return [
      ...points.filter((each) => each.timestamp === time && isLabel(each)).map((each) => chosen("point", each.id)),
      ...around.map((each) => chosen("span", each.id)),
      ...this.runsAt(time).map((focus) => ({ selected: null, focus })),
    ];
  }

  /** Judges the prediction at a candle, and stays there: dismisses it, or stores it with the label that is set. */
  async judgeAt(index: number, asWrong: boolean): Promise<void> {
    const run = this.runsAt(this.annotations.getState().candles[index]?.time ?? NaN)[0];
    this.change({ focus: run ?? null, cursor: index });
    if (run === undefined) return this.change({ notice: "No prediction here" });
    const { judgeAs } = this.getState();
    const corrects: Verdict = (prediction, version, human) => corrected(prediction, version, human, judgeAs);
    const settled = await this.judge(asWrong ? dismissed : judgeAs === "" ? confirmed : corrects);
    if (settled === undefined) return;
    if (isSameRun(run, this.getState().focus)) this.change({ focus: null });
    this.change({ notice: settled });
  }

  private runsAt(time: number): Run[] {
    return this.layer.getState().runs.filter((run) => run.start <= time && run.end >= time);
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

function chosen(kind: Kind, id: number): Pick<DeskState, "selected" | "focus"> {
  return { selected: { kind, id }, focus: null };
}

function isSameTarget(left: Target | null, right: Target | null): boolean {
  return left?.kind === right?.kind && left?.id === right?.id;
}

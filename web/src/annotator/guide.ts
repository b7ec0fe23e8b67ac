/** What the served model would have the person look at: stretches to annotate next, and labels to check. */
import { isSameSeries } from "@/data/series";
import { Store } from "@/data/store";
import {
  confirmed,
  dismissed,
  HUMAN_SOURCES,
  isJudged,
  modelKey,
  ServiceError,
  type Feedback,
  type HumanSpan,
  type Judged,
  type QuestionedLabel,
  type ServiceState,
  type SimilarSpan,
  type Suggestion,
  type Suggestions,
} from "@/prediction-layer";
import type { Desk, Target } from "./desk";
import { isLabel, pointAsSpan } from "./doubts";
import { indicesOf, type IndexRange } from "./places";

const NO_SUGGESTIONS = "urn:candle-ml:problem:no-suggestions";

export interface GuideState {
  /** What the model says of the open chart; null while that is not known. */
  told: Suggestions | null;
  /** Why it is not known. */
  problem: string;
  /** The suggestion that was gone to last, and the label. */
  suggestion: Suggestion | null;
  question: QuestionedLabel | null;
  /** Versions and ids of points that keep their label. */
  kept: readonly string[];
}

const NOTHING = { told: null, problem: "", suggestion: null, question: null };

type Verdict = (prediction: Judged, modelVersion: string, human: HumanSpan) => Feedback;

export class Guide extends Store<GuideState> {
  /** Series and model that `told` is about. */
  private about = "";
  private service: ServiceState = "checking";
  private running = new AbortController();

  constructor(private readonly desk: Desk) {
    super({ ...NOTHING, kept: [] });
    desk.annotations.subscribe(() => this.follow());
    desk.layer.subscribe(() => this.follow());
  }

  /** Asks again when chart or model is another one, and when the service is back. */
  private follow(): void {
    const { chart } = this.desk.annotations.getState();
    const { model, service } = this.desk.layer.getState();
    const isBack = service === "ready" && this.service !== "ready" && this.getState().problem !== "";
    const about = chart && model ? JSON.stringify([chart.pair, chart.timeframe, modelKey(model)]) : "";
    this.service = service;
    if (about === this.about && !isBack) return;
    this.about = about;
    void this.ask();
  }

  async ask(): Promise<void> {
    this.running.abort();
    const { signal } = (this.running = new AbortController());
    this.change(NOTHING);
    const { chart } = this.desk.annotations.getState();
    if (chart === null || this.about === "") return;
    try {
      const told = await this.desk.layer.client.suggestions(chart, signal);
      if (!signal.aborted) this.change({ told });
    } catch (error) {
      if (!signal.aborted) this.change({ problem: this.explained(error) });
    }
  }

  private explained(error: unknown): string {
    if (!(error instanceof ServiceError)) throw error;
    if (error.type !== NO_SUGGESTIONS) return `${error.message}.`;
    const version = this.desk.layer.getState().model?.model_info.model_version;
    return `Version ${version} was trained without suggestions: set suggest.enabled in config/pipeline.yaml to true and train again.`;
  }

  /** What is still to be annotated: neither a person's annotation nor a reviewed range touches it. */
  suggestions(): Suggestion[] {
    const { spans, points, ranges } = this.desk.annotations.getState();
    const human = spans.filter((span) => HUMAN_SOURCES.has(span.source));
    const done = [...human, ...points.filter(isLabel).map(pointAsSpan), ...ranges];
    const all = this.getState().told?.suggestions ?? [];
    return all.filter((each) => this.rangeOf(each) !== null && !done.some((row) => isTouching(row, each)));
  }

  /** The suggestion that is selected on the chart; its ends may have been moved. */
  currentSuggestion(): Suggestion | undefined {
    const { suggestion } = this.getState();
    const selection = this.desk.getState().anchor === null ? null : this.desk.selection();
    const range = suggestion === null ? null : this.rangeOf(suggestion);
    if (suggestion === null || selection === null || range === null) return undefined;
    const isSelected = selection.first <= range.last && selection.last >= range.first;
    return isSelected && this.suggestions().includes(suggestion) ? suggestion : undefined;
  }

  private rangeOf({ start_time, end_time }: Stretch): IndexRange | null {
    return indicesOf(this.desk.annotations.getState().candles, start_time, end_time);
  }

  walkSuggestions(): void {
    const { told, suggestion } = this.getState();
    const next = nextOf(told?.suggestions, this.suggestions(), suggestion);
    if (next === undefined) return this.desk.set({ notice: "Nothing is suggested" });
    this.goTo(next);
  }

  goTo(suggestion: Suggestion): void {
    const range = this.rangeOf(suggestion);
    if (range === null) return;
    this.change({ suggestion });
    this.desk.selectStretch(range, `${suggestion.label} suggested`);
  }

  /** Labels that are still as the model was told, and were not judged. */
  questions(): QuestionedLabel[] {
    return (this.getState().told?.review ?? []).filter((each) => this.rowOf(each) !== undefined);
  }

  /** The question about the annotation that is selected. */
  currentQuestion(): QuestionedLabel | undefined {
    const { selected } = this.desk.getState();
    return this.questions().find((each) => {
      const target = targetOf(each);
      return target.kind === selected?.kind && target.id === selected.id;
    });
  }

  walkQuestions(): void {
    const { told, question } = this.getState();
    const next = nextOf(told?.review, this.questions(), question);
    if (next === undefined) return this.desk.set({ notice: "No label is to be checked" });
    this.goToQuestion(next);
  }

  goToQuestion(question: QuestionedLabel): void {
    this.change({ question });
    const { kind, id } = targetOf(question);
    this.desk.select(kind, id);
  }

  /** The label is right: the model was wrong about it. A point has no place for that, and is passed over from now on. */
  async keep(): Promise<void> {
    const question = this.currentQuestion();
    const { told, kept } = this.getState();
    if (question === undefined || told === null || !isPoint(question)) return this.judge(question, dismissed);
    this.change({ kept: [...kept, keptKey(told, question)] });
    this.desk.set({ notice: `${question.label} kept` });
  }

  /** The likely label is right. */
  async relabel(): Promise<void> {
    const question = this.currentQuestion();
    if (question === undefined || !isPoint(question)) return this.judge(question, confirmed);
    const label_type = question.likely_label;
    const done = await this.desk.annotations.changePoint(targetOf(question).id, { label_type });
    if (done) this.desk.set({ notice: `${label_type} stored` });
  }

  private async judge(question: QuestionedLabel | undefined, verdict: Verdict): Promise<void> {
    const { told } = this.getState();
    if (question === undefined || told === null) return this.desk.set({ notice: "Go to a label to check first" });
    const feedback = await this.desk.annotations.judge(() => {
      const row = this.rowOf(question);
      return row && verdict(asPrediction(question), told.model_version, row);
    });
    if (feedback !== undefined) this.desk.set({ notice: `${feedback.fields.label} stored as ${feedback.fields.source}` });
  }

  /** The annotation in question, as long as nobody has answered. */
  private rowOf(question: QuestionedLabel): HumanSpan | undefined {
    const { spans, points } = this.desk.annotations.getState();
    const { told, kept } = this.getState();
    const { id } = targetOf(question);
    const rows = isPoint(question) ? points.map(pointAsSpan) : spans;
    const row = rows.find((each) => each.id === id && isTouching(each, question));
    const isOpen = row?.label === question.label && !isJudged(row, { label: question.likely_label });
    return isOpen && told !== null && !kept.includes(keptKey(told, question)) ? row : undefined;
  }

  /** Shows an annotation that the service names, on its chart; what is selected or in question stays so. */
  async show(place: SimilarSpan): Promise<void> {
    const { annotations } = this.desk;
    const { chart, charts } = annotations.getState();
    const wanted = chart !== null && isSameSeries(chart, place) ? chart : charts.find((each) => isSameSeries(each, place));
    if (wanted === undefined) return this.desk.set({ notice: `There is no chart of ${place.pair} ${place.timeframe}` });
    if (wanted.id !== chart?.id && !(await annotations.open(wanted.id))) return;
    const range = this.rangeOf(place);
    if (range === null) return this.desk.set({ notice: `${wanted.name} has no candles there` });
    this.desk.showStretch(range, `${place.label}, annotated`);
  }
}

interface Stretch {
  start_time: number;
  end_time: number;
}

function isTouching(left: Stretch, right: Stretch): boolean {
  return left.start_time <= right.end_time && left.end_time >= right.start_time;
}

/** The first that is left behind the one that was gone to last; from the end on again from the start. */
function nextOf<Entry>(all: readonly Entry[] = [], left: readonly Entry[], last: Entry | null): Entry | undefined {
  const from = last === null ? -1 : all.indexOf(last);
  return left.find((each) => all.indexOf(each) > from) ?? left[0];
}

/** The row that an id such as `span:7` names. */
function targetOf({ id }: QuestionedLabel): Target {
  const [kind, number] = id.split(":");
  return { kind: kind === "point" ? "point" : "span", id: Number(number) };
}

function isPoint(question: QuestionedLabel): boolean {
  return targetOf(question).kind === "point";
}

function keptKey({ model_version }: Suggestions, { id }: QuestionedLabel): string {
  return `${model_version} ${id}`;
}

function asPrediction({ likely_label, start_time, end_time, probabilities }: QuestionedLabel): Judged {
  return { label: likely_label, start: start_time, end: end_time, confidence: probabilities[likely_label] ?? 0 };
}

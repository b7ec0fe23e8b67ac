/** What the answers of a candle-ml service must hold: what does not never reaches the layer's state. */
import type { OutOfFold } from "./out-of-fold";
import type {
  LabelConfig,
  LabelScores,
  ModelInfo,
  ModelInfoResponse,
  PerCandlePrediction,
  PredictionSpan,
  PredictResponse,
  QuestionedLabel,
  RegisteredModel,
  SimilarSpan,
  Suggestion,
  Suggestions,
} from "./types";

/** Where in a value the first wrong part is, such as `.spans[3].label`, or `""` for all of it; undefined for none. */
export type Shape = (value: unknown) => string | undefined;

const when = (right: (value: unknown) => boolean): Shape => (value) => (right(value) ? undefined : "");
const text = when((value) => typeof value === "string");
const number = when((value) => typeof value === "number");
const flag = when((value) => typeof value === "boolean");
const moment = when((value) => typeof value === "number" || typeof value === "string");
const status = when((value) => value === "insufficient_history" || value === "in_sample" || value === "ok");
const nullOr = (shape: Shape): Shape => (value) => (value === null ? undefined : shape(value));
const optional = (shape: Shape): Shape => (value) => (value === undefined ? undefined : shape(value));

export const anything: Shape = () => undefined;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(shape: Shape): Shape {
  return (value) => {
    if (!Array.isArray(value)) return "";
    const wrong = value.findIndex((each) => shape(each) !== undefined);
    return wrong < 0 ? undefined : `[${wrong}]${shape(value[wrong])}`;
  };
}

function objectOf<Type>(members: Partial<Record<keyof Type & string, Shape>>): Shape {
  const shapes = Object.entries<Shape | undefined>(members) as [string, Shape][];
  return (value) => {
    if (!isObject(value)) return "";
    const wrong = shapes.find(([name, shape]) => shape(value[name]) !== undefined);
    return wrong === undefined ? undefined : `.${wrong[0]}${wrong[1](value[wrong[0]])}`;
  };
}

function valuesOf(shape: Shape): Shape {
  return (value) => {
    if (!isObject(value)) return "";
    const wrong = Object.entries(value).find(([, each]) => shape(each) !== undefined);
    return wrong === undefined ? undefined : `.${wrong[0]}${shape(wrong[1])}`;
  };
}

const stretch = { pair: text, timeframe: text, start_time: number, end_time: number, label: text };
const similar = listOf(objectOf<SimilarSpan>({ id: text, ...stretch, distance: number }));

const candles = listOf(
  objectOf<PerCandlePrediction>({ time: number, label: nullOr(text), confidence: nullOr(number), status, provisional: flag }),
);
const spans = listOf(
  objectOf<PredictionSpan>({
    ...{ label: text, start_time: number, end_time: number, avg_confidence: number, candle_count: number },
    similar: optional(similar),
  }),
);

export const outOfFold = objectOf<OutOfFold>({ model_version: text, run_id: text, candles, spans });

export const predictResponse = objectOf<PredictResponse>({ model_version: text, run_id: text, candles, spans });

const modelInfo = objectOf<ModelInfo>({
  ...{ model_name: text, model_version: text, model_type: text, run_id: text },
  ...{ trained_at: moment, label_names: listOf(text) },
});
const scores = objectOf<LabelScores>({ precision: nullOr(number), recall: nullOr(number) });

export const modelInfoResponse = objectOf<ModelInfoResponse>({
  model_info: modelInfo,
  metrics: objectOf<ModelInfoResponse["metrics"]>({ f1_macro: nullOr(number), per_class: valuesOf(scores) }),
  label_config: listOf(objectOf<LabelConfig>({ name: text, color: text, threshold: optional(number) })),
  required_history: number,
  follows: optional(nullOr(text)),
});

export const modelList = objectOf<{ models: RegisteredModel[] }>({
  models: listOf(
    objectOf<RegisteredModel>({ version: text, model_type: text, trained_at: moment, aliases: listOf(text) }),
  ),
});

const why = when((value) => value === "uncertain" || value === "explore");

export const suggestions = objectOf<Suggestions>({
  model_version: text,
  suggestions: listOf(objectOf<Suggestion>({ ...stretch, confidence: number, why })),
  review: listOf(
    objectOf<QuestionedLabel>({
      ...{ id: text, ...stretch, likely_label: text },
      ...{ doubt: number, probabilities: valuesOf(number), similar },
    }),
  ),
});

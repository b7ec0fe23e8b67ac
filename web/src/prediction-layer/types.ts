/** What the service sends and takes. Times are Unix seconds UTC, ranges include both ends. */

export interface Candle {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume?: number;
}

/** The candles of one chart, in order of time; `id` changes whenever the candles do. */
export interface Series {
  id: string;
  pair: string;
  timeframe: string;
  candles: readonly Candle[];
}

export interface TimeRange {
  start: number;
  end: number;
}

export type CandleStatus = "insufficient_history" | "in_sample" | "ok";

export interface PerCandlePrediction {
  time: number;
  label: string | null;
  confidence: number | null;
  status: CandleStatus;
  provisional: boolean;
  /** Set by the layer: a stored out-of-fold value in place of an in-sample one. */
  outOfFold?: true;
}

export interface PredictionSpan {
  label: string;
  start_time: number;
  end_time: number;
  avg_confidence: number;
  candle_count: number;
  known_at?: number;
  /** Annotated spans like it, nearest first; there where they were asked for. */
  similar?: SimilarSpan[];
}

/** An annotation, named as in exports (`span:7`). A `distance` of 0 is the same shape. */
export interface SimilarSpan extends AnnotatedPlace {
  label: string;
  distance: number;
}

export interface AnnotatedPlace {
  id: string;
  pair: string;
  timeframe: string;
  start_time: number;
  end_time: number;
}

/** What to annotate next: the model is uncertain there, or has met nothing like it (`explore`). */
export interface Suggestion {
  pair: string;
  timeframe: string;
  start_time: number;
  end_time: number;
  label: string;
  confidence: number;
  why: "uncertain" | "explore";
}

/** An annotation whose label looks wrong to models that had not seen it; `O` says that they see nothing there. */
export interface QuestionedLabel extends AnnotatedPlace {
  label: string;
  likely_label: string;
  doubt: number;
  probabilities: Record<string, number>;
  /** Annotations of the likely label. */
  similar: SimilarSpan[];
}

/** Both lists with what matters most first. */
export interface Suggestions {
  model_version: string;
  suggestions: Suggestion[];
  review: QuestionedLabel[];
}

export interface PredictResponse {
  model_name: string;
  model_version: string;
  run_id: string;
  spans: PredictionSpan[];
  candles: PerCandlePrediction[];
  required_history: number;
  insufficient_history: number;
}

export interface LabelScores {
  precision: number;
  recall: number;
  f1_score: number;
  support: number;
}

export interface ModelInfo {
  model_name: string;
  model_version: string;
  model_type: string;
  experiment_name: string;
  run_id: string;
  trained_at: number | string;
  feature_count: number;
  label_names: string[];
}

export interface LabelConfig {
  name: string;
  color: string;
  threshold?: number;
}

export interface ModelInfoResponse {
  model_info: ModelInfo;
  metrics: { accuracy: number | null; f1_macro: number | null; per_class: Record<string, LabelScores> };
  label_config: LabelConfig[];
  required_history: number;
  /** The alias that moves the served model, null where it is pinned; absent where the service does not tell. */
  follows?: string | null;
}

export interface RegisteredModel {
  version: string;
  aliases: string[];
  run_id: string;
  model_type: string;
  trained_at: number | string;
  f1_macro: number | null;
  active: boolean;
}

/** What one model says about the candles of a range, at every confidence: filters choose from it. */
export interface Prediction {
  range: TimeRange;
  model: string;
  modelVersion: string;
  rows: readonly PerCandlePrediction[];
  spans: readonly PredictionSpan[];
}

export const NO_PATTERN = "O";

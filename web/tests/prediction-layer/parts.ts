/** Small predictions for the tests of the layer. Candle `n` opens `n` minutes after the epoch. */
import type { Run } from "@/prediction-layer";
import type {
  Candle,
  ModelInfoResponse,
  PerCandlePrediction,
  Prediction,
  PredictionSpan,
  QuestionedLabel,
  Series,
  SimilarSpan,
  Suggestion,
} from "@/prediction-layer/types";

export const at = (index: number) => index * 60;

export function series(count: number, id = "chart:1"): Series {
  const candles = Array.from({ length: count }, (_, index) => candle(index));
  return { id, pair: "EURUSD", timeframe: "1m", candles };
}

export function candle(index: number): Candle {
  return { time: at(index), open: 1, high: 3, low: 1, close: 2 };
}

export function row(
  index: number,
  label: string | null = "flag",
  confidence: number | null = 0.9,
  more: Partial<PerCandlePrediction> = {},
): PerCandlePrediction {
  return { time: at(index), label, confidence, status: "ok", provisional: false, ...more };
}

export function span(first: number, last: number, label = "flag", avg_confidence = 0.9): PredictionSpan {
  return { label, start_time: at(first), end_time: at(last), avg_confidence, candle_count: last - first + 1 };
}

export function run(first: number, last: number, label = "flag", confidence = 0.9): Run {
  return { label, start: at(first), end: at(last), confidence, candleCount: last - first + 1, look: "ok" };
}

function stretch(first: number, last: number) {
  return { pair: "EURUSD", timeframe: "1m", start_time: at(first), end_time: at(last), label: "flag" };
}

export function similar(id: number, first: number, last: number, more: object = {}): SimilarSpan {
  return { id: `span:${id}`, ...stretch(first, last), distance: 0.1, ...more };
}

export function suggested(first: number, last: number, more: object = {}): Suggestion {
  return { ...stretch(first, last), confidence: 0.4, why: "uncertain", ...more };
}

export function questioned(id: number, first: number, last: number, more: object = {}): QuestionedLabel {
  const probabilities = { O: 0.1, flag: 0.1, wedge: 0.8 };
  return { id: `span:${id}`, ...stretch(first, last), likely_label: "wedge", doubt: 0.9, probabilities, similar: [], ...more };
}

export function prediction(first: number, last: number, more: Partial<Prediction> = {}): Prediction {
  const range = { start: at(first), end: at(last) };
  return { range, model: "patterns 1 aa", modelVersion: "1", rows: [], spans: [], ...more };
}

export function model(version = "1", required_history = 0): ModelInfoResponse {
  return {
    model_info: {
      model_name: "patterns",
      model_version: version,
      model_type: "xgboost",
      experiment_name: "patterns",
      run_id: `run-${version}`,
      trained_at: 0,
      feature_count: 1,
      label_names: ["flag", "wedge"],
    },
    required_history,
    metrics: { accuracy: 1, f1_macro: 1, per_class: {} },
    label_config: [
      { name: "flag", color: "#112233", threshold: 0.3 },
      { name: "wedge", color: "#445566", threshold: 0.8 },
    ],
  };
}

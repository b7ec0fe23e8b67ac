/** Rows as the routes send and take them. Times are Unix seconds UTC, ranges include both ends. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface Candle {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume?: number;
}

export interface Chart {
  id: number;
  name: string;
  pair: string;
  timeframe: string;
  created_at: number;
}

/** The prediction that somebody confirmed, corrected or dismissed. */
export interface ModelPrediction {
  label: string;
  confidence: number;
  model_version: string;
}

export type Outcome = "win" | "loss" | "breakeven";

/** `confidence` is 1 to 5 for people and 0 to 1 for programs: `source` decides. Label `O` says "nothing here". */
export interface Span {
  id: number;
  chart_id: number;
  start_time: number;
  end_time: number;
  label: string;
  confidence: number | null;
  outcome: Outcome | null;
  notes: string | null;
  sub_spans: Json;
  color: string | null;
  source: string;
  model_prediction: ModelPrediction | null;
  created_at: number;
}

/** A point; with a geometry it is a drawn line and no training label. */
export interface Point {
  id: number;
  timestamp: number;
  label_type: string;
  geometry: Json;
  created_at: number;
}

export interface SpanLabelType {
  id: number;
  name: string;
  display_name: string;
  color: string;
  hotkey: string | null;
  is_active: boolean;
  sort_order: number;
}

export interface ReviewedRange {
  id: number;
  chart_id: number;
  start_time: number;
  end_time: number;
}

export const NO_PATTERN = "O";
export const POINT_LABELS = ["break_up", "break_down"] as const;

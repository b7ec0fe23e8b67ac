"""How good a model is, measured on candles it has not seen: pure functions from frozen values to frozen values."""

from candle_ml.evaluation.cases import SeriesCase, label_set_hash, series_spans
from candle_ml.evaluation.evaluate import evaluate
from candle_ml.evaluation.flat import flat_metrics, metric_label
from candle_ml.evaluation.report import render_report
from candle_ml.evaluation.report_input import FeatureShare, RemovedSamples, ReportBlock, ReportInput
from candle_ml.evaluation.results import (
    Baselines,
    Calibration,
    CandleMetrics,
    ClassScore,
    Evaluation,
    EvaluationOptions,
    Interval,
    Intervals,
    Mistake,
    SpanMetrics,
)
from candle_ml.evaluation.span_metrics import span_metrics, span_scores
from candle_ml.evaluation.spans import SeriesSpans, Span, SpanMatch, compare_spans, match_spans
from candle_ml.evaluation.thresholds import DEFAULT_THRESHOLD, ThresholdChoice, choose_thresholds

__all__ = [
    "DEFAULT_THRESHOLD",
    "Baselines",
    "Calibration",
    "CandleMetrics",
    "ClassScore",
    "Evaluation",
    "EvaluationOptions",
    "FeatureShare",
    "Interval",
    "Intervals",
    "Mistake",
    "RemovedSamples",
    "ReportBlock",
    "ReportInput",
    "SeriesCase",
    "SeriesSpans",
    "Span",
    "SpanMatch",
    "SpanMetrics",
    "ThresholdChoice",
    "choose_thresholds",
    "compare_spans",
    "evaluate",
    "flat_metrics",
    "label_set_hash",
    "match_spans",
    "metric_label",
    "render_report",
    "series_spans",
    "span_metrics",
    "span_scores",
]

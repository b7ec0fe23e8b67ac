"""Scores of what a method has found in the unseen part of a chart, and how sure a difference of two methods is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.detection.charts import Chart
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.evaluation import SeriesSpans, Span, choose_thresholds, span_scores
from candle_ml.evaluation.candles import candle_metrics, confusion_counts
from candle_ml.evaluation.span_metrics import span_timing
from candle_ml.evaluation.spans import compare_spans

IOU = 0.5
_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Detection:
    """What a method has found in a chart: spans at any confidence, and the thresholds it chose without the truth."""

    spans: tuple[Span, ...]
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scores:
    """How good a detection is; F1 is the macro mean over labels.

    `span_f1` is at an intersection over union of 0.5 with the method's own thresholds, `span_f1_hindsight` with the
    best that there are. `delay` is the median of candles from the end of a found span to when it is known; None where
    none was found. `false_per_1000` counts spans without a true one.
    """

    span_f1: float
    span_f1_hindsight: float
    candle_f1: float
    delay: float | None
    false_per_1000: float
    f1_by_label: dict[str, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference of paired scores with the central 95 % of its bootstrap distribution."""

    mean: float
    low: float
    high: float


def score(chart: Chart, detection: Detection) -> Scores:
    """Score the spans that start in the unseen part; one that reaches into it is neither right nor wrong."""
    spans = tuple(replace(span, scored=span.first >= chart.border) for span in detection.spans)
    every = SeriesSpans(chart.truth, tuple(span for span in spans if span.last >= chart.border))
    best = choose_thresholds([every], chart.labels, IOU, fewest=1).thresholds
    shown = every.above(detection.thresholds)
    level = span_scores([shown], chart.labels, IOU)
    compared = compare_spans(shown, IOU, tolerance=0)
    timing = span_timing(compared.matched)
    unseen = len(chart.candles) - chart.border
    return Scores(
        span_f1=level.macro.f1_score,
        span_f1_hindsight=span_scores([every.above(best)], chart.labels, IOU).macro.f1_score,
        candle_f1=_candle_f1(chart, shown),
        delay=timing.detection_delay.median if timing else None,
        false_per_1000=1000 * len(compared.false_positives) / unseen,
        f1_by_label={label: part.f1_score for label, part in level.per_label.items()},
    )


def difference(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Difference:
    """Paired bootstrap over seeds: pairs are drawn with replacement; percentile interval (Efron, Tibshirani 1993)."""
    pairs = np.subtract(ours, theirs)
    drawn = np.random.default_rng(seed).integers(0, len(pairs), (_RESAMPLES, len(pairs)))
    low, high = np.percentile(pairs[drawn].mean(axis=1), (2.5, 97.5)).tolist()
    return Difference(float(pairs.mean()), low, high)


def _candle_f1(chart: Chart, shown: SeriesSpans) -> float:
    classes = (NO_PATTERN, *chart.labels)
    truth, predicted = (_codes(chart, spans, classes) for spans in (shown.truth, shown.predicted))
    return candle_metrics(confusion_counts(truth, predicted, len(classes)), classes, {}).f1_macro_patterns


def _codes(chart: Chart, spans: Sequence[Span], classes: tuple[str, ...]) -> NDArray[np.int32]:
    """The class of each unseen candle; where spans overlap, that of the most confident."""
    codes = np.zeros(len(chart.candles), dtype=np.int32)
    for span in sorted(spans, key=lambda span: span.confidence):
        codes[span.first : span.last + 1] = classes.index(span.label)
    return codes[chart.border :]

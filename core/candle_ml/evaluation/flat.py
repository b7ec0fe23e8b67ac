"""An evaluation as flat numbers, for experiment trackers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from candle_ml.evaluation.results import CandleMetrics, Evaluation, Interval, SpanLevel, SpanTiming

_LONGEST_LABEL = 80


def metric_label(label: str) -> str:
    """A label as a part of a metric name: letters, digits, `_` and `-`, at most 87 characters.

    A label that had to be changed gets the first 6 hex digits of its SHA-256, so that two labels never share a name.
    """
    clean = re.sub(r"[^A-Za-z0-9_-]", "_", label)[:_LONGEST_LABEL]
    return clean if clean == label else f"{clean}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def flat_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Every score under a name that MLflow accepts, such as `f1_macro`, `f1_score/bull_flag`, `span_f1_micro_iou50`."""
    return {name: float(value) for name, value in _metrics(evaluation)}


def _metrics(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    yield "candles_scored", evaluation.candles
    yield "candles_insufficient", evaluation.insufficient
    yield from _summary("", evaluation)
    yield from _summary("baseline_majority_", evaluation.baselines.majority)
    yield from _summary("baseline_stratified_", evaluation.baselines.stratified)
    yield from _by_class(evaluation)
    for level in evaluation.spans.levels:
        yield from _span_level(level)
    if evaluation.spans.timing is not None:
        yield from _timing(evaluation.spans.timing)
    if evaluation.calibration is not None:
        yield "expected_calibration_error", evaluation.calibration.expected_calibration_error
    for name in ("f1_macro", "span_f1_macro", "span_f1_micro"):
        yield from _interval(name, getattr(evaluation.intervals, name))


def _summary(prefix: str, metrics: CandleMetrics) -> Iterator[tuple[str, float]]:
    for name in ("accuracy", "f1_macro", "f1_macro_patterns", "f1_weighted"):
        yield prefix + name, getattr(metrics, name)


def _by_class(metrics: CandleMetrics) -> Iterator[tuple[str, float]]:
    for label, score in metrics.per_class.items():
        for field, value in score:
            yield f"{field}/{metric_label(label)}", value
    for label, value in metrics.average_precision.items():
        yield f"average_precision/{metric_label(label)}", value


def _span_level(level: SpanLevel) -> Iterator[tuple[str, float]]:
    suffix = f"iou{level.iou * 100:g}".replace(".", "_")
    for name in ("precision", "recall", "f1_score"):
        short = name.removesuffix("_score")
        yield f"span_{short}_macro_{suffix}", getattr(level.macro, name)
        yield f"span_{short}_micro_{suffix}", getattr(level.micro, name)
    for label, score in level.per_label.items():
        yield f"span_f1_{suffix}/{metric_label(label)}", score.f1_score


def _timing(timing: SpanTiming) -> Iterator[tuple[str, float]]:
    for name in ("start_error", "end_error", "detection_delay"):
        spread = getattr(timing, name)
        yield f"{name}_median", spread.median
        yield f"{name}_p95", spread.p95


def _interval(name: str, interval: Interval | None) -> Iterator[tuple[str, float]]:
    if interval is not None:
        yield f"{name}_low", interval.low
        yield f"{name}_high", interval.high

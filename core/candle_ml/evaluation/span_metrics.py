"""Precision, recall, F1 and timing of predicted spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from candle_ml.evaluation.results import MeanSpanScore, SpanLevel, SpanMetrics, SpanScore, SpanTiming, Spread
from candle_ml.evaluation.spans import SeriesSpans, Span, compare_spans


def span_metrics(
    series: Sequence[SeriesSpans],
    labels: Sequence[str],
    iou: float = 0.5,
    tolerance: int = 0,
    levels: Sequence[float] = (0.3, 0.5, 0.7),
) -> SpanMetrics:
    """Scores at each of `levels` and at `iou`, and the timing of what is matched at `iou`.

    `labels` are the patterns to score; spans are matched within their series and label.
    """
    matched = [pair for spans in series for pair in compare_spans(spans, iou, tolerance).matched]
    by_label = {label: span_timing([pair for pair in matched if pair[0].label == label]) for label in labels}
    return SpanMetrics(
        iou=iou,
        point_tolerance=tolerance,
        levels=tuple(span_scores(series, labels, level, tolerance) for level in sorted({*levels, iou})),
        timing=span_timing(matched),
        timing_by_label={label: timing for label, timing in by_label.items() if timing is not None},
    )


def span_scores(series: Sequence[SeriesSpans], labels: Sequence[str], iou: float, tolerance: int = 0) -> SpanLevel:
    """Scores by label, their macro mean over labels that have a true span, and micro over all spans together."""
    compared = [compare_spans(spans, iou, tolerance) for spans in series]
    matched = Counter(true.label for part in compared for true, _ in part.matched)
    missed = Counter(span.label for part in compared for span in part.missed)
    wrong = Counter(span.label for part in compared for span in part.false_positives)
    per_label = {
        label: span_score(matched[label], matched[label] + missed[label], matched[label] + wrong[label])
        for label in labels
    }
    true = [score for score in per_label.values() if score.truth]
    macro = MeanSpanScore(
        precision=_mean([score.precision for score in true]),
        recall=_mean([score.recall for score in true]),
        f1_score=_mean([score.f1_score for score in true]),
        labels=len(true),
    )
    micro = span_score(
        matched=sum(score.matched for score in per_label.values()),
        truth=sum(score.truth for score in per_label.values()),
        predicted=sum(score.predicted for score in per_label.values()),
    )
    return SpanLevel(iou=iou, per_label=per_label, macro=macro, micro=micro)


def span_score(matched: int, truth: int, predicted: int) -> SpanScore:
    """Precision, recall and F1 from counts; 0.0 where one is undefined."""
    return SpanScore(
        precision=matched / predicted if predicted else 0.0,
        recall=matched / truth if truth else 0.0,
        f1_score=2 * matched / (truth + predicted) if truth + predicted else 0.0,
        truth=truth,
        predicted=predicted,
        matched=matched,
    )


def span_timing(matched: Sequence[tuple[Span, Span]]) -> SpanTiming | None:
    """Errors of both ends and detection delay over matched `(truth, predicted)` spans; None without any."""
    if not matched:
        return None
    return SpanTiming(
        matches=len(matched),
        start_error=_spread([abs(found.first - true.first) for true, found in matched]),
        end_error=_spread([abs(found.last - true.last) for true, found in matched]),
        detection_delay=_spread([_known_at(found) - true.last for true, found in matched]),
    )


def _known_at(span: Span) -> int:
    return span.last if span.known_at is None else span.known_at


def _spread(values: Sequence[int]) -> Spread:
    median, p95 = np.percentile(values, (50, 95)).tolist()
    return Spread(median=median, p95=p95)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

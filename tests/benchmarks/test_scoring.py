"""The benchmark's scores agree with candle-ml's own, and thresholds are never those of hindsight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.detection.charts import Chart, planted_chart
from benchmarks.detection.scoring import Detection, difference, score

from candle_ml.evaluation import SeriesSpans, Span, span_metrics


@pytest.fixture(scope="module")
def chart() -> Chart:
    return planted_chart(3, 10)


def every(value: float, chart: Chart) -> dict[str, float]:
    return dict.fromkeys(chart.labels, value)


def shifted(span: Span, candles: int, confidence: float = 0.9) -> Span:
    return replace(span, first=span.first + candles, last=span.last + candles, confidence=confidence)


def test_the_truth_scores_one(chart: Chart) -> None:
    """Saying exactly what is there gives every F1 of 1, no false span and no delay."""
    scores = score(chart, Detection(chart.truth, every(0.5, chart)))
    assert (scores.span_f1, scores.span_f1_hindsight, scores.candle_f1) == (1.0, 1.0, 1.0)
    assert (scores.delay, scores.false_per_1000) == (0.0, 0.0)


def test_span_f1_is_that_of_candle_ml(chart: Chart) -> None:
    """On shifted, missing and mislabelled spans the macro F1 is the one that candle-ml reports at IoU 0.5."""
    rng = np.random.default_rng(0)
    found = [shifted(span, int(rng.integers(-15, 16)), float(rng.random())) for span in chart.truth[::2]]
    found += [replace(span, label=chart.labels[0], confidence=0.7) for span in chart.truth[1::4]]
    thresholds = every(0.4, chart)
    shown = SeriesSpans(chart.truth, tuple(found)).above(thresholds)
    expected = span_metrics([shown], chart.labels).at(0.5).macro.f1_score
    assert 0.1 < expected < 0.9
    assert score(chart, Detection(tuple(found), thresholds)).span_f1 == expected


def test_hindsight_is_a_score_of_its_own(chart: Chart) -> None:
    """A threshold that hides everything gives 0, whatever hindsight would have made of the same spans."""
    scores = score(chart, Detection(chart.truth, every(2.0, chart)))
    assert (scores.span_f1, scores.delay, scores.span_f1_hindsight) == (0.0, None, 1.0)


def test_false_spans_count_by_unseen_candles(chart: Chart) -> None:
    """Twelve spans where nothing is are 2.5 of 1,000 in 4,800 unseen candles; spans before the border do not count."""
    free = [span for span in chart.lookalikes if span.first >= chart.border][:12]
    seen = [replace(span, label="triangle") for span in chart.annotations[:9]]
    spans = (*chart.truth, *(replace(span, label="triangle") for span in free), *seen)
    assert score(chart, Detection(spans, every(0.5, chart))).false_per_1000 == 2.5


def test_delay_runs_from_the_end_of_the_pattern(chart: Chart) -> None:
    """The delay is the median of candles from the true end to the candle at which the span is known."""
    spans = tuple(replace(span, known_at=span.last + 7) for span in chart.truth)
    assert score(chart, Detection(spans, every(0.5, chart))).delay == 7


def test_paired_differences_have_an_interval() -> None:
    """The interval of a constant difference is that difference, and that of a doubtful one holds 0."""
    sure, unsure = difference([0.8, 0.7, 0.9], [0.7, 0.6, 0.8]), difference([0.8, 0.7, 0.9], [0.9, 0.5, 0.95])
    assert (sure.low, sure.mean, sure.high) == pytest.approx((0.1, 0.1, 0.1))
    assert unsure.low < 0 < unsure.high

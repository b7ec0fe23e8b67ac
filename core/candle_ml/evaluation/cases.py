"""What is evaluated: candles, a prediction of them, the truth, and where the truth is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation
from candle_ml.candles import Candles
from candle_ml.errors import DataError
from candle_ml.evaluation.candles import true_codes
from candle_ml.evaluation.spans import SeriesSpans, Span
from candle_ml.predictions import PredictedSpan, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class SeriesCase:
    """One series to evaluate: `prediction` has one row for each of `candles`.

    `annotations` are those that count, the most believed first (see `LabelEncoder.truth`). `ranges` are the reviewed
    `(start_time, end_time)` of the block (both inclusive, Unix seconds UTC): only candles that open in one are scored.
    Annotations outside the ranges are welcome: a prediction that belongs to one of them is not counted as wrong. Raises
    `DataError` where the parts do not belong together.
    """

    candles: Candles
    prediction: Prediction
    annotations: tuple[Annotation, ...]
    ranges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        where = f"{self.candles.key}: evaluation"
        if self.prediction.key != self.candles.key:
            raise DataError.at(where, f"a prediction of {self.prediction.key}", "predict the series that is evaluated")
        if not np.array_equal(self.prediction.time, self.candles.time):
            found = f"a prediction of {len(self.prediction)} candles beside {len(self.candles)} candles"
            raise DataError.at(where, found, "predict the candles that are evaluated, each once")
        for annotation in self.annotations:
            if annotation.series != self.candles.key:
                raise DataError.at(where, f"{annotation.id} of {annotation.series}", "annotations of this series")
        for start_time, end_time in self.ranges:
            if end_time < start_time:
                raise DataError.at(where, f"range end {end_time} before range start {start_time}", "start first")

    def reviewed(self) -> NDArray[np.bool_]:
        """The candles that lie in a range."""
        inside = np.zeros(len(self.candles), dtype=bool)
        for start_time, end_time in self.ranges:
            first, last = self.candles.index_range(start_time, end_time)
            inside[first : last + 1] = True
        return inside

    def scored(self) -> NDArray[np.bool_]:
        """The candles that lie in a range and have sufficient history."""
        return self.reviewed() & self.prediction.sufficient

    def reviewed_annotations(self) -> tuple[Annotation, ...]:
        """The annotations that touch a range."""
        return tuple(
            a
            for a in self.annotations
            if any(a.start_time <= end and a.end_time >= start for start, end in self.ranges)
        )


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCandles:
    """The scored candles, `n` of one or more series.

    `time` is `int64`; `truth` and `predicted` are `int32` indices into `labels`; `probabilities` is `float64`
    `(n, classes)`, of the first `classes` of the labels.
    """

    labels: tuple[str, ...]
    time: NDArray[np.int64]
    truth: NDArray[np.int32]
    predicted: NDArray[np.int32]
    probabilities: NDArray[np.float64]


def evaluated_labels(cases: Sequence[SeriesCase], classes: tuple[str, ...]) -> tuple[str, ...]:
    """The model's classes, then labels that only the truth in the ranges has (never predicted, always missed)."""
    seen = {annotation.label for case in cases for annotation in case.reviewed_annotations()}
    return (*classes, *sorted(seen - set(classes)))


def scored_candles(
    cases: Sequence[SeriesCase], labels: tuple[str, ...], classes: int, thresholds: Mapping[str, float]
) -> ScoredCandles:
    """The scored candles of all series, one after the other; `classes` of the `labels` are the model's."""
    parts = [_scored_candles(case, labels, thresholds) for case in cases]
    return ScoredCandles(
        labels=labels,
        time=np.concatenate([np.empty(0, dtype=np.int64), *(part.time for part in parts)]),
        truth=np.concatenate([np.empty(0, dtype=np.int32), *(part.truth for part in parts)]),
        predicted=np.concatenate([np.empty(0, dtype=np.int32), *(part.predicted for part in parts)]),
        probabilities=np.concatenate([np.empty((0, classes)), *(part.probabilities for part in parts)]),
    )


def series_spans(case: SeriesCase) -> SeriesSpans:
    """True and predicted spans of a series by candle index, predicted ones whatever their confidence.

    A span is scored where each of its candles is. `O` annotations and annotations without a candle are no spans; equal
    ones (label and candles) are one.
    """
    scored = case.scored()
    extents = {(*case.candles.index_range(a.start_time, a.end_time), a.label) for a in case.annotations}
    truth = sorted(item for item in extents if item[2] != NO_PATTERN and item[0] <= item[1])
    return SeriesSpans(
        truth=tuple(Span(label, i, j, scored=bool(scored[i : j + 1].all())) for i, j, label in truth),
        predicted=tuple(_predicted(case.candles, span, scored) for span in case.prediction.spans),
    )


def label_set_hash(cases: Sequence[SeriesCase]) -> str:
    """SHA-256 of the truth: the ranges of each series and the annotations that touch them, whatever their order.

    It does not depend on the prediction, nor on how many candles had sufficient history.
    """
    sets = sorted(_label_set(case) for case in cases)
    return hashlib.sha256(json.dumps(sets, separators=(",", ":")).encode()).hexdigest()


def _label_set(case: SeriesCase) -> tuple[str, str, list[tuple[int, int]], list[tuple[int, int, str]]]:
    claims = sorted({(a.start_time, a.end_time, a.label) for a in case.reviewed_annotations()})
    return case.candles.key.pair, case.candles.key.timeframe, sorted(case.ranges), claims


def _scored_candles(case: SeriesCase, labels: tuple[str, ...], thresholds: Mapping[str, float]) -> ScoredCandles:
    rows = np.flatnonzero(case.scored())
    return ScoredCandles(
        labels=labels,
        time=case.candles.time[rows],
        truth=true_codes(case.candles, case.reviewed_annotations(), labels)[rows],
        predicted=case.prediction.labels(thresholds)[0][rows],
        probabilities=case.prediction.probabilities[rows],
    )


def _predicted(candles: Candles, span: PredictedSpan, scored: NDArray[np.bool_]) -> Span:
    first, last = candles.index_range(span.start_time, span.end_time)
    known_at = int(np.searchsorted(candles.time, span.known_at))
    return Span(span.label, first, last, span.confidence, known_at, bool(scored[first : last + 1].all()))

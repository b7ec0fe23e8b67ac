"""Spans of candles and how predicted ones are matched to true ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from candle_ml.errors import DataError


@dataclass(frozen=True, slots=True)
class Span:
    """A run of candles `[first, last]` (indices into one series, both inclusive) with a label.

    `known_at` is the index of the last candle that a prediction needs (None: `last`). `scored` is False for a span that
    does not lie inside the evaluated candles: it can be matched, but is never counted as found, missed or wrong.
    """

    label: str
    first: int
    last: int
    confidence: float = 1.0
    known_at: int | None = None
    scored: bool = True

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise DataError.at(f"span {self.label!r}", f"last {self.last} before first {self.first}", "first to last")


@dataclass(frozen=True, slots=True)
class SeriesSpans:
    """The true and the predicted spans of one series."""

    truth: tuple[Span, ...]
    predicted: tuple[Span, ...]

    def of(self, label: str) -> SeriesSpans:
        """Only the spans of one label."""
        truth = tuple(span for span in self.truth if span.label == label)
        return SeriesSpans(truth, tuple(span for span in self.predicted if span.label == label))

    def above(self, thresholds: Mapping[str, float]) -> SeriesSpans:
        """All true spans, and the predicted ones whose confidence reaches the threshold of their label."""
        shown = tuple(span for span in self.predicted if span.confidence >= thresholds.get(span.label, 0.0))
        return SeriesSpans(self.truth, shown)


@dataclass(frozen=True, slots=True, order=True)
class SpanMatch:
    """A true span and the predicted one that stands for it, by index, and how close they are: 0..1, 1 for equal."""

    truth: int
    predicted: int
    overlap: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every pair of a true and a predicted span that may be matched: indices (`int64`) and closeness (`float64`)."""

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    overlap: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.truth[rows], self.predicted[rows], self.overlap[rows])


@dataclass(frozen=True, slots=True)
class SpanComparison:
    """What became of the scored spans of one series: matched `(truth, predicted)`, claimed wrongly, and missed."""

    matched: tuple[tuple[Span, Span], ...]
    false_positives: tuple[Span, ...]
    missed: tuple[Span, ...]


def compare_spans(spans: SeriesSpans, iou: float, tolerance: int) -> SpanComparison:
    """Match the spans of one series and leave out what is not scored.

    A scored prediction that is matched to a truth which is not scored is neither right nor wrong.
    """
    matches = match_spans(spans.truth, spans.predicted, iou, tolerance)
    found = {match.truth for match in matches}
    used = {match.predicted for match in matches}
    pairs = ((spans.truth[match.truth], spans.predicted[match.predicted]) for match in matches)
    return SpanComparison(
        matched=tuple(pair for pair in pairs if pair[0].scored),
        false_positives=tuple(s for row, s in enumerate(spans.predicted) if s.scored and row not in used),
        missed=tuple(s for row, s in enumerate(spans.truth) if s.scored and row not in found),
    )


def match_spans(
    truth: Sequence[Span], predicted: Sequence[Span], iou: float, tolerance: int = 0
) -> tuple[SpanMatch, ...]:
    """Match each true span to at most one predicted span of its label, and the other way round, ordered by truth.

    Two spans may be matched where the candles they share are at least `iou` of the candles they cover together; a truth
    of one candle (a point) is matched instead where both ends of the prediction are at most `tolerance` candles away.
    Of all one-to-one matchings it takes the one with the most scored truths, then the most matches, then the largest
    sum of closeness (the IoU; for a point `1 - distance / (tolerance + 1)`). Raises `DataError` for an `iou` outside
    `(0, 1]` or a negative `tolerance`.
    """
    pairs = eligible_pairs(truth, predicted, iou, tolerance)
    scored = np.array([span.scored for span in truth], dtype=bool)
    alone = (np.bincount(pairs.truth)[pairs.truth] == 1) & (np.bincount(pairs.predicted)[pairs.predicted] == 1)
    certain = pairs.take(np.flatnonzero(alone))
    matches = list(map(SpanMatch, certain.truth.tolist(), certain.predicted.tolist(), certain.overlap.tolist()))
    for part in components(pairs.take(np.flatnonzero(~alone))):
        matches += _best_matching(part, scored)
    return tuple(sorted(matches))


def eligible_pairs(truth: Sequence[Span], predicted: Sequence[Span], iou: float, tolerance: int) -> Pairs:
    """All pairs of one label that are close enough to be matched."""
    if not 0.0 < iou <= 1.0:
        raise DataError.at("iou", str(iou), "a number above 0, at most 1")
    if tolerance < 0:
        raise DataError.at("tolerance", str(tolerance), "a number of candles, 0 or more")
    labels = sorted({span.label for span in truth} & {span.label for span in predicted})
    parts = [_pairs_of_label(label, truth, predicted, iou, tolerance) for label in labels]
    if not parts:
        return Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    return Pairs(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        np.concatenate([part.overlap for part in parts]),
    )


def components(pairs: Pairs) -> Iterator[Pairs]:
    """The pairs in groups that share no span, so that each group can be matched on its own."""
    if not len(pairs.truth):
        return
    truths = int(pairs.truth.max()) + 1
    nodes = truths + int(pairs.predicted.max()) + 1
    edges = coo_array((np.ones(len(pairs.truth)), (pairs.truth, pairs.predicted + truths)), shape=(nodes, nodes))
    group = connected_components(edges, directed=False)[1][pairs.truth]
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        yield pairs.take(rows)


def _best_matching(pairs: Pairs, scored: NDArray[np.bool_]) -> Iterator[SpanMatch]:
    """One assignment problem; the weights make number count before closeness, and scored truths before all."""
    rows, row = np.unique(pairs.truth, return_inverse=True)
    columns, column = np.unique(pairs.predicted, return_inverse=True)
    step = min(len(rows), len(columns)) + 1.0
    weights = np.zeros((len(rows), len(columns)))
    weights[row, column] = pairs.overlap + step + step * step * scored[pairs.truth]
    for i, j in zip(*linear_sum_assignment(weights, maximize=True), strict=True):
        if weights[i, j]:
            overlap = pairs.overlap[(row == i) & (column == j)].item()
            yield SpanMatch(int(rows[i]), int(columns[j]), overlap)


def _pairs_of_label(label: str, truth: Sequence[Span], predicted: Sequence[Span], iou: float, tolerance: int) -> Pairs:
    true_rows, true_ends = _ends(truth, label)
    predicted_rows, predicted_ends = _ends(predicted, label)
    row, column = _near(true_ends, predicted_ends, tolerance)
    closeness, eligible = _closeness(true_ends[row], predicted_ends[column], iou, tolerance)
    return Pairs(true_rows[row[eligible]], predicted_rows[column[eligible]], closeness[eligible])


def _ends(spans: Sequence[Span], label: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the spans of one label and their `(n, 2)` first and last candles."""
    rows = [row for row, span in enumerate(spans) if span.label == label]
    ends = [(spans[row].first, spans[row].last) for row in rows]
    return np.array(rows, dtype=np.int64), np.array(ends, dtype=np.int64)


def _near(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], reach: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of all pairs that could touch, found by sorting: no matrix of all pairs is made."""
    order = np.argsort(predicted[:, 0], kind="stable")
    starts = predicted[order, 0]
    longest = int((predicted[:, 1] - predicted[:, 0]).max())
    low = np.searchsorted(starts, truth[:, 0] - reach - longest, side="left")
    high = np.searchsorted(starts, truth[:, 1] + reach, side="right")
    count = high - low
    row = np.repeat(np.arange(len(truth)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, order[np.repeat(low, count) + within]


def _closeness(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], iou: float, tolerance: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    shared = np.minimum(truth[:, 1], predicted[:, 1]) - np.maximum(truth[:, 0], predicted[:, 0]) + 1
    together = np.maximum(truth[:, 1], predicted[:, 1]) - np.minimum(truth[:, 0], predicted[:, 0]) + 1
    overlap = np.maximum(shared, 0) / together
    distance = np.abs(truth - predicted).max(axis=1)
    point = truth[:, 0] == truth[:, 1]
    closeness = np.where(point, 1.0 - distance / (tolerance + 1.0), overlap)
    return closeness, np.where(point, distance <= tolerance, overlap >= iou)

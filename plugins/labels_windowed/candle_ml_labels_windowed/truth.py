"""The true class of a window: what the annotations say of the candles that it would claim."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import Candles
from candle_ml.scores import UNLABELLED, Samples
from candle_ml_labels_windowed.geometry import Geometry
from candle_ml_labels_windowed.marks import Believed, Marks

SAME = 0.5
"""Intersection over union from which on a window is taken for the pattern."""


def true_classes(
    samples: Samples, candles: Candles, believed: Believed, geometry: Geometry, margin: int, least: float = SAME
) -> Samples:
    """The windows with their true classes.

    A window claims as many candles as the pattern has that it is compared with (`fit: window`), or itself (`stretch`).
    Where that overlaps a pattern by an intersection over union of `least` or more, it is that pattern; of several the
    best overlap, then the most believed. Where it only touches one, or comes within `margin` candles of it, it is
    unlabelled; else it is `O`.
    """
    patterns = believed.patterns
    matcher = _Matcher(samples, geometry, margin)
    matcher.add(patterns, may_match=True)
    matcher.add(believed.doubtful, may_match=False)
    near, annotation = matcher.near(), matcher.mark(least)
    matched = annotation >= 0
    mark = annotation[matched]
    classes = (NO_PATTERN, *sorted(set(patterns.labels)))
    code_of_mark = np.array([classes.index(label) for label in patterns.labels], dtype=np.int32)
    codes = np.where(near, UNLABELLED, 0).astype(np.int32)
    codes[matched] = code_of_mark[mark]
    known_at, span_length = samples.known_at.copy(), np.zeros(len(samples), dtype=np.int64)
    known_at[matched] = np.maximum(known_at[matched], candles.time[patterns.last[mark]])
    span_length[matched] = patterns.length[mark]
    return samples.replace(
        classes=classes,
        codes=codes,
        known_at=known_at,
        span_length=span_length,
        annotation=annotation,
        annotation_ids=tuple(one.id for one in patterns.annotations),
    )


def overlaps(samples: Samples, believed: Believed, geometry: Geometry) -> NDArray[np.float64]:
    """The largest intersection over union of what each window claims with any pattern; 1 where it is doubtful."""
    patterns, doubtful = _Matcher(samples, geometry, margin=0), _Matcher(samples, geometry, margin=0)
    patterns.add(believed.patterns, may_match=True)
    doubtful.add(believed.doubtful, may_match=False)
    return np.where(doubtful.near(), 1.0, patterns.overlap())


class _Matcher:
    """Compares marks with windows one by one; the windows stand in the order of their ends."""

    def __init__(self, samples: Samples, geometry: Geometry, margin: int) -> None:
        self._geometry = geometry
        self._margin = margin
        self._order = np.argsort(samples.last, kind="stable")
        self._last = samples.last[self._order]
        self._scale = samples.scale[self._order].astype(np.int64)
        self._near = np.zeros(len(samples), dtype=bool)
        self._mark = np.full(len(samples), -1, dtype=np.int64)
        self._iou = np.zeros(len(samples))

    def add(self, marks: Marks, may_match: bool) -> None:
        """Compare these marks, the most believed first."""
        for number, (first, last) in enumerate(zip(marks.first.tolist(), marks.last.tolist(), strict=True)):
            self._compare(first, last, number if may_match else None)

    def near(self) -> NDArray[np.bool_]:
        """Whether a window claims candles of a mark, or comes too close to it."""
        return self._near[np.argsort(self._order)]

    def overlap(self) -> NDArray[np.float64]:
        """The largest intersection over union of a window with any mark."""
        return self._iou[np.argsort(self._order)]

    def mark(self, least: float) -> NDArray[np.int64]:
        """The mark that a window overlaps best, by `least` or more; -1: none."""
        return np.where(self._iou >= least, self._mark, -1)[np.argsort(self._order)]

    def _compare(self, first: int, last: int, number: int | None) -> None:
        length = last - first + 1
        reach = self._margin + length + self._geometry.longest  # a window that ends farther away cannot come near
        rows = slice(*np.searchsorted(self._last, (first - reach, last + reach + 1)).tolist())
        start, end = self._geometry.claim(self._last[rows], self._scale[rows], length)
        shared = np.minimum(end, last) - np.maximum(start, first) + 1
        self._near[rows] |= shared > -self._margin
        if number is None:
            return
        union = end - start + 1 + length - shared
        better = shared / union > self._iou[rows]
        self._iou[rows][better] = (shared / union)[better]
        self._mark[rows][better] = number

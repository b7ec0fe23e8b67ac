"""Annotations of one series as runs of candles, and the rules that decide which of them are believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation
from candle_ml.candles import Candles
from candle_ml_labels_windowed.options import WindowedOptions


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Annotations, the most believed first, with the index (`int64`, inclusive) of their first and last candle."""

    annotations: tuple[Annotation, ...]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.annotations)

    @property
    def length(self) -> NDArray[np.int64]:
        """Candles of each."""
        return self.last - self.first + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each."""
        return tuple(annotation.label for annotation in self.annotations)

    def take(self, rows: NDArray[np.bool_]) -> Marks:
        """These marks, in their order."""
        kept = tuple(self.annotations[row] for row in np.flatnonzero(rows))
        return Marks(kept, self.first[rows], self.last[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """What the annotations of a series come to.

    `every` is believed, be it one of the `patterns` or `nothing` (`O`); near `doubtful` ones nothing is claimed.
    `left_out` counts the annotations that each rule has set aside.
    """

    every: Marks
    patterns: Marks
    nothing: Marks
    doubtful: Marks
    left_out: Counter[str]


def believe(candles: Candles, annotations: Sequence[Annotation], options: WindowedOptions) -> Believed:
    """Decide which annotations count.

    In this order are set aside: what has no candle, what reaches outside the candles, what is below the minimum
    confidence, the same span and label a second time, and of two labels on the same candles the less believed.
    """
    marks = _marks(candles, sorted(annotations, key=lambda annotation: _order(annotation, options.precedence)))
    left_out = Counter({"no candles": len(annotations) - len(marks)})
    usable = _usable(marks, candles, options.minimum_confidence, left_out)
    unique = usable & ~_repeated(marks, usable)
    left_out["duplicate"] = int((usable & ~unique).sum())
    kept = unique & ~_outdone(marks.take(unique), unique, options, left_out)
    is_nothing = np.array([label == NO_PATTERN for label in marks.labels], dtype=bool)
    doubtful = ~usable & ~is_nothing
    patterns, nothing = marks.take(kept & ~is_nothing), marks.take(kept & is_nothing)
    return Believed(marks.take(kept), patterns, nothing, marks.take(doubtful), +left_out)


def _order(annotation: Annotation, precedence: Sequence[str]) -> tuple[int, float, int, str]:
    """Ascending from the most believed; ids are compared by their number, the later first."""
    rank = precedence.index(annotation.source) if annotation.source in precedence else len(precedence)
    confidence = -1.0 if annotation.confidence is None else annotation.confidence
    _, _, number = annotation.id.rpartition(":")
    return rank, -confidence, -int(number) if number.isdecimal() else 1, annotation.id


def _marks(candles: Candles, annotations: Sequence[Annotation]) -> Marks:
    """The annotations that have candles."""
    starts = np.array([annotation.start_time for annotation in annotations], dtype=np.int64)
    ends = np.array([annotation.end_time for annotation in annotations], dtype=np.int64)
    first = np.searchsorted(candles.time, starts, side="left")
    last = np.searchsorted(candles.time, ends, side="right") - 1
    return Marks(tuple(annotations), first, last).take(first <= last)


def _usable(marks: Marks, candles: Candles, minimum_confidence: float, left_out: Counter[str]) -> NDArray[np.bool_]:
    outside, unsure = np.zeros((2, len(marks)), dtype=bool)
    for row, annotation in enumerate(marks.annotations):
        before = annotation.start_time <= candles.time[0] - candles.key.seconds
        outside[row] = before or annotation.end_time >= candles.time[-1] + candles.key.seconds
        unsure[row] = annotation.confidence is not None and annotation.confidence < minimum_confidence
    left_out["reaches outside the candles"] = int(outside.sum())
    left_out["below the minimum confidence"] = int((unsure & ~outside).sum())
    return ~outside & ~unsure


def _repeated(marks: Marks, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Marks whose span and label stand earlier."""
    seen: set[tuple[int, int, str]] = set()
    repeated = np.zeros(len(marks), dtype=bool)
    spans = zip(marks.first.tolist(), marks.last.tolist(), marks.labels, strict=True)
    for row, span in enumerate(spans):
        if among[row]:
            repeated[row] = span in seen
            seen.add(span)
    return repeated


def _outdone(
    marks: Marks, where: NDArray[np.bool_], options: WindowedOptions, left_out: Counter[str]
) -> NDArray[np.bool_]:
    """Marks that a more believed one, itself not outdone, contradicts; as a mask over all marks, of which `where`."""
    outdone = np.zeros(len(marks), dtype=bool)
    labels = marks.labels
    for better, worse in _conflicts(marks, options):
        if not outdone[better] and not outdone[worse]:
            outdone[worse] = True
            rule = "contradicted" if NO_PATTERN in (labels[better], labels[worse]) else "overlap"
            left_out[rule] += 1
    everywhere = np.zeros(len(where), dtype=bool)
    everywhere[where] = outdone
    return everywhere


def _conflicts(marks: Marks, options: WindowedOptions) -> Iterator[tuple[int, int]]:
    """Pairs (more believed, less believed) that do not go together, by the more believed."""
    left, right = _overlapping(marks)
    together = np.minimum(marks.last[left], marks.last[right]) - np.maximum(marks.first[left], marks.first[right]) + 1
    iou = together / (marks.length[left] + marks.length[right] - together)
    names = {name: code for code, name in enumerate(dict.fromkeys((NO_PATTERN, *marks.labels)))}
    codes = np.array([names[label] for label in marks.labels], dtype=np.int64)
    other = codes[left] != codes[right]
    if options.overlap == "keep":
        other &= (codes[left] == 0) | (codes[right] == 0)
    pairs = np.stack((left, right), axis=1)[other & (iou > options.overlap_iou)]
    pairs.sort(axis=1)
    yield from sorted(map(tuple, pairs.tolist()))


def _overlapping(marks: Marks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of marks that share a candle, once, as two columns of rows."""
    order = np.argsort(marks.first, kind="stable")
    first, last = marks.first[order], marks.last[order]
    position = np.arange(len(order))
    count = np.searchsorted(first, last, side="right") - position - 1
    left = np.repeat(position, count)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    return order[left], order[right]

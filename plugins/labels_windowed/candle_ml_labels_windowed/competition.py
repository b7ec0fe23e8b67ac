"""Which proposals survive: those that no competing proposal beats, wherever that one itself stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml_labels_windowed.geometry import Geometry, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """One proposal of each window, in the order of the windows.

    `shape` indexes `shapes`; `[start, end]` are the candles it claims (`int64`, inclusive); `code` its class and
    `probability` that class's probability. `rank` (`int64`) orders them from the strongest, 0: by probability, then
    the earlier-ending window, then the shorter one.
    """

    shapes: tuple[Shape, ...]
    shape: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    code: NDArray[np.int64]
    probability: NDArray[np.float64]
    rank: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rank)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two shapes (by index) that can compete, and the candles that they must share at least in order to."""

    one: int
    other: int
    shared: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Which proposals compete: those whose intersection over union is above `iou`, of one label where `per_label`.

    Scores are means over the windows whose ends are at most `smoothing` candles away.
    """

    geometry: Geometry
    per_label: bool
    iou: float
    smoothing: int = 0

    def pairs(self, shapes: tuple[Shape, ...]) -> Iterator[Pair]:
        """Every ordered pair of shapes that can compete."""
        for one, left in enumerate(shapes):
            for other, right in enumerate(shapes):
                # One label has one length where spans do not stretch, so two shapes are two labels.
                if self.per_label and self.geometry.fit == "window" and one != other:
                    continue
                if shared := self._least_shared(left.length, right.length):
                    yield Pair(one, other, shared)

    def settled(self, shapes: tuple[Shape, ...]) -> list[int]:
        """For each shape: candles from the end of a proposal to the last window that could still beat it.

        A competitor that shares `s` candles ends at most its own `length - s` candles later, and its window `lag`
        candles after that: the largest `length - s + lag`, and at least the proposal's own `lag`. Its scores wait for
        the windows that they are smoothed with.
        """
        latest = [shape.lag for shape in shapes]
        for pair in self.pairs(shapes):
            other = shapes[pair.other]
            latest[pair.one] = max(latest[pair.one], other.length - pair.shared + other.lag)
        return [late + self.smoothing for late in latest]

    def delay(self, lengths: Mapping[str, int]) -> int:
        """Candles after a candle until its prediction is final.

        The latest proposal that covers the candle ends `length - 1` candles after it; that proposal's fate is settled
        as `settled` says. So `max(length - 1 + settled)` over all shapes.
        """
        shapes = self.geometry.shapes(lengths)
        return max(shape.length - 1 + late for shape, late in zip(shapes, self.settled(shapes), strict=True))

    def reach(self, lengths: Mapping[str, int]) -> int:
        """Candles before a candle, beyond the longest window, that decide about it.

        The earliest window that covers the candle starts `scale - 1 - lag` candles before it. The earliest proposal
        that covers it starts `length - 1` before it, and a competitor that shares `s` candles with that one starts its
        window `length - s + scale' - 1 - lag'` before it, and is smoothed with earlier ones. The largest of these, less
        the longest window's own `longest - 1`, and at least 0.
        """
        shapes = self.geometry.shapes(lengths)
        farthest = max(shape.scale - 1 - shape.lag for shape in shapes)
        for pair in self.pairs(shapes):
            other = shapes[pair.other]
            farthest = max(farthest, shapes[pair.one].length - pair.shared + other.scale - 1 - other.lag)
        return max(0, farthest + self.smoothing - (self.geometry.longest - 1))

    def survivors(self, proposals: Proposals) -> NDArray[np.bool_]:
        """Which proposals no competing one beats.

        For each pair of shapes the competitors of a proposal end within a fixed range around its own end: with the
        proposals of a shape in order of (label, end) that is a run of neighbours, whose least rank is looked up in a
        table of minima over powers of two. The time is that of `pairs * n log n`, the memory of one table.
        """
        group = proposals.code if self.per_label else np.zeros_like(proposals.code)
        stride = proposals.end.max(initial=0) + 2 * self.geometry.longest + 1  # so that no range meets the next label
        place = group * stride + proposals.end
        members = [_in_order(place, proposals.shape == number) for number in range(len(proposals.shapes))]
        minima = [_Minima(proposals.rank[rows], 2 * self.geometry.longest) for rows in members]
        beaten = np.zeros(len(proposals), dtype=bool)
        for pair in self.pairs(proposals.shapes):
            rows, others = members[pair.one], place[members[pair.other]]
            length, other_length = proposals.shapes[pair.one].length, proposals.shapes[pair.other].length
            low = np.searchsorted(others, place[rows] - length + pair.shared, side="left")
            high = np.searchsorted(others, place[rows] + other_length - pair.shared, side="right")
            beaten[rows] |= minima[pair.other].between(low, high) < proposals.rank[rows]
        return ~beaten

    def _least_shared(self, length: int, other: int) -> int:
        """Candles that two extents share at least in order to compete; 0 where they never do."""
        shared = np.arange(1, min(length, other) + 1)
        enough = shared[shared / (length + other - shared) > self.iou]
        return int(enough[0]) if len(enough) else 0


class _Minima:
    """Least value of any run of at most `longest` neighbours, from a table of runs of 1, 2, 4, ... values."""

    def __init__(self, values: NDArray[np.int64], longest: int) -> None:
        self._nothing = np.iinfo(np.int64).max
        levels = [np.append(values, self._nothing)]
        while (step := 1 << (len(levels) - 1)) * 2 <= min(longest, len(values)):
            shorter = levels[-1]
            levels.append(np.append(np.minimum(shorter[:-step], shorter[step:]), shorter[-step:]))
        self._table = np.stack(levels)

    def between(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        """The least of `values[low:high]`; the largest integer where there is none."""
        count = np.maximum(high - low, 1)
        level = np.frexp(count)[1] - 1
        least = np.minimum(self._table[level, low], self._table[level, low + count - (1 << level)])
        return np.where(high > low, least, self._nothing)


def _in_order(place: NDArray[np.int64], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = np.flatnonzero(among)
    return rows[np.argsort(place[rows], kind="stable")]

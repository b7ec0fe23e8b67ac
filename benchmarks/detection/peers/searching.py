"""Nearest neighbours: by dynamic time warping, and by the matrix profile's distance as "find more like this"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.detection.peers.problem import Finder, Floats, Found, Integers, Problem
from benchmarks.detection.peers.windows import examples, scales, scan, seen, survivors

_CLOSE = slice(3, 4)
_WARPING = 0.1
_BATCH = 2048
_MATCHES = 60
_SHORTEST_QUERY = 4


@dataclass(frozen=True)
class NearestWarped:
    """The nearest example by dynamic time warping (Sakoe-Chiba band of a tenth) on normalised closes."""

    def fit(self, problem: Problem) -> Finder:
        """Keep the examples."""
        lengths = scales(problem.spans)
        windows, labels = examples(problem, lengths)
        return _WarpedFinder(seen(problem.prices, windows)[:, _CLOSE], labels, lengths, problem.labels)


@dataclass(frozen=True)
class _WarpedFinder:
    known: Floats
    label: Integers
    lengths: Integers
    labels: int

    def find(self, prices: Floats, first: int, last: int) -> Found:
        windows = scan(first, last, self.lengths)
        nearest = self._nearest(seen(prices, windows)[:, _CLOSE])
        best = 1 + np.argmin(nearest[:, 1:], axis=1)
        own, other = nearest[np.arange(len(windows)), best], nearest[:, 0]
        return survivors(windows, best, other / (own + other + 1e-12), int(self.lengths[-1]))

    def _nearest(self, rows: Floats) -> Floats:
        """Distance of each row to the nearest example of each label, `(n, labels + 1)`."""
        from aeon.distances import dtw_pairwise_distance  # type: ignore[import-not-found]

        nearest = np.full((len(rows), self.labels + 1), np.inf)
        for start in range(0, len(rows), _BATCH):
            part = slice(start, start + _BATCH)
            distance = dtw_pairwise_distance(rows[part], self.known, window=_WARPING)
            for label in np.unique(self.label).tolist():
                nearest[part, label] = distance[:, self.label == label].min(axis=1)
        return nearest


@dataclass(frozen=True)
class MoreLikeThis:
    """Every annotated span is searched for as it is, by its closes' z-normalised distance (stumpy)."""

    def fit(self, problem: Problem) -> Finder:
        """Keep the spans, those of a few candles with the candles before them."""
        queries = []
        for label, first, last in problem.spans.tolist():
            start = min(first, last - _SHORTEST_QUERY + 1)
            queries.append((label, first - start, problem.prices[start : last + 1, 3]))
        return _SearchFinder(tuple(queries))


@dataclass(frozen=True)
class _SearchFinder:
    queries: tuple[tuple[int, int, Floats], ...]

    def find(self, prices: Floats, first: int, last: int) -> Found:
        parts = [self._matches(prices[first : last + 1, 3], *query) for query in self.queries]
        rows = np.concatenate(parts)
        windows = rows[:, 1:3].astype(np.int64) + first
        longest = max(len(closes) for _, _, closes in self.queries)
        return survivors(windows, rows[:, 0].astype(np.int64), rows[:, 3], longest)

    @staticmethod
    def _matches(closes: Floats, label: int, lead: int, query: Floats) -> Floats:
        """Label, first and last candle and correlation of the best matches of one query."""
        import stumpy  # type: ignore[import-not-found]

        found = stumpy.match(query, closes, max_distance=np.inf, max_matches=_MATCHES).astype(np.float64)
        starts = found[:, 1]
        correlation = 1 - found[:, 0] ** 2 / (2 * len(query))
        labels = np.full(len(found), float(label))
        return np.column_stack([labels, starts + lead, starts + len(query) - 1, correlation])

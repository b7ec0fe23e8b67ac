"""Which stretches to annotate first: batch-mode, pool-based active learning.

Uncertainty sampling (Lewis and Gale, A sequential algorithm for training text classifiers, SIGIR 1994) makes a short
list for each label; from the lists stretches are taken in turn, so that a rare label is asked about as often as a
common one, and each time the one whose uncertainty times its distance to all that is known or chosen is greatest:
the farthest-first traversal (Gonzalez, Clustering to minimize the maximum intercluster distance, 1985) that Sener and
Savarese (Active learning for convolutional neural networks: a core-set approach, ICLR 2018) call k-center greedy. Every
tenth stretch is exploration: the farthest of all, however sure the model is, because a model asks only about what it
half knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
from numpy.typing import NDArray

from candle_ml.inference.shapes import Shapes, distances
from candle_ml.inference.suggestions import Why
from candle_ml.suggesting.stretches import Pool

_EXPLORED = 10
"""One of so many is exploration."""
_LISTED = 2
"""The short list of a label holds so many times what is to be taken from it."""
_SHARES = 1.5
"""So many equal shares a series may have while another one has any."""


def chosen(pool: Pool, known: Shapes, limit: int) -> tuple[tuple[int, Why], ...]:
    """Rows of a pool in the order in which to annotate them, and why; `known` are the shapes of what is annotated.

    No two overlap, and no series gets more than half as much again as its share while others have any.
    """
    return tuple(_Choice(pool, known, limit).rows())


class _Choice:
    def __init__(self, pool: Pool, known: Shapes, limit: int) -> None:
        self._pool = pool
        self._limit = limit
        self._free = np.ones(len(pool), dtype=bool)
        self._away = np.full(len(pool), 1.0, dtype=np.float32)
        codes = {key: code for code, key in enumerate(dict.fromkeys(pool.series))}
        self._series = np.array([codes[key] for key in pool.series], dtype=np.int64)
        self._room = np.full(len(codes), ceil(_SHARES * limit / max(1, len(codes))))
        self._start = np.array([span.start_time for span in pool.spans], dtype=np.int64)
        self._end = np.array([span.end_time for span in pool.spans], dtype=np.int64)
        for shape in known:
            self._came(shape)

    def rows(self) -> Iterator[tuple[int, Why]]:
        listed = self._listed()
        turn = 0
        for number in range(1, min(self._limit, len(self._pool)) + 1):
            exploring = number % _EXPLORED == 0
            among = None if exploring else self._turn(listed, turn)
            turn += not exploring
            rows = self._left(np.arange(len(self._pool))) if among is None else among
            if not len(rows):
                return
            value = self._away[rows] * (1.0 if among is None else self._pool.uncertainty[rows])
            row = int(rows[np.argmax(value)])
            self._take(row)
            yield row, "explore" if among is None else "uncertain"

    def _listed(self) -> list[NDArray[np.int64]]:
        """The most uncertain stretches of each label, the most uncertain first."""
        labels = np.array([span.label for span in self._pool.spans])
        names = sorted(set(labels.tolist()))
        most = ceil(_LISTED * self._limit / max(1, len(names)))
        order = np.argsort(-self._pool.uncertainty, kind="stable")
        return [self._first(order[labels[order] == name], most) for name in names]

    def _first(self, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """The first of these rows; of a series beyond its share only where others do not fill the list."""
        series = self._series[rows]
        rank = np.empty(len(rows), dtype=np.int64)
        for code in np.unique(series).tolist():
            rank[series == code] = np.arange((series == code).sum())
        beyond = rank >= ceil(_SHARES * most / len(self._room))
        return rows[np.argsort(beyond, kind="stable")][:most]

    def _turn(self, listed: list[NDArray[np.int64]], turn: int) -> NDArray[np.int64] | None:
        """What is left of the list of the label whose turn it is, or of the next that has any; None where none has."""
        for step in range(len(listed)):
            rows = listed[(turn + step) % len(listed)]
            if len(left := self._left(rows)):
                return left
        return None

    def _take(self, row: int) -> None:
        same = self._series == self._series[row]
        self._room[self._series[row]] -= 1
        self._free &= ~(same & (self._start <= self._end[row]) & (self._end >= self._start[row]))
        self._came(self._pool.shapes[row])

    def _left(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these rows that are free: of series with room, while there are any."""
        free = rows[self._free[rows]]
        roomy = free[self._room[self._series[free]] > 0]
        return roomy if len(roomy) else free

    def _came(self, shape: Shapes) -> None:
        """What looks like this is less worth asking about from now on."""
        np.minimum(self._away, distances(shape, self._pool.shapes), out=self._away)

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

from collections import Counter
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


def chosen(pool: Pool, known: Shapes, limit: int) -> tuple[tuple[int, Why], ...]:
    """Rows of a pool in the order in which to annotate them, and why; `known` are the shapes of what is annotated.

    No two overlap, and no series gets more than twice its share while others have any.
    """
    return tuple(_Choice(pool, known, limit).rows())


class _Choice:
    def __init__(self, pool: Pool, known: Shapes, limit: int) -> None:
        self._pool = pool
        self._limit = limit
        self._free = np.ones(len(pool), dtype=bool)
        self._away = np.full(len(pool), 1.0, dtype=np.float32)
        self._codes = {key: code for code, key in enumerate(dict.fromkeys(pool.series))}
        self._series = np.array([self._codes[key] for key in pool.series], dtype=np.int64)
        self._most = ceil(2 * limit / max(1, len(self._codes)))
        self._taken: Counter[int] = Counter()
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
            rows = np.flatnonzero(self._free) if among is None else among
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
        return [order[labels[order] == name][:most] for name in names]

    def _turn(self, listed: list[NDArray[np.int64]], turn: int) -> NDArray[np.int64] | None:
        """What is left of the list of the label whose turn it is, or of the next that has any; None where none has."""
        for step in range(len(listed)):
            rows = listed[(turn + step) % len(listed)]
            if len(left := rows[self._free[rows]]):
                return left
        return None

    def _take(self, row: int) -> None:
        code = self._series[row]
        self._taken[int(code)] += 1
        overlapping = (self._start <= self._end[row]) & (self._end >= self._start[row])
        self._free &= ~((self._series == code) & overlapping)
        if self._taken[int(code)] == self._most:
            rest = self._free & (self._series != code)
            self._free = rest if rest.any() else self._free
        self._came(self._pool.shapes[row])

    def _came(self, shape: Shapes) -> None:
        """What looks like this is less worth asking about from now on."""
        np.minimum(self._away, distances(shape, self._pool.shapes), out=self._away)

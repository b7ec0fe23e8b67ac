"""What a peer gets and gives: arrays, kept in plain NumPy files between the two environments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Candles of which a part is annotated.

    `prices` is `float64` `(n, 4)`: open, high, low, close. `spans` is `int64` `(m, 3)`: label, from 1 on, first and
    last candle, in the order of time. `reviewed` holds runs of candles `(r, 2)` that were looked at, both ends
    included. Labels run from 1 to `labels`.
    """

    prices: Floats
    labels: int
    reviewed: Integers
    spans: Integers

    def without(self, first: int, last: int) -> Problem:
        """The same with the candles `[first, last]` not looked at."""
        outside = (self.spans[:, 2] < first) | (self.spans[:, 1] > last)
        parts = [(low, min(high, first - 1)) for low, high in self.reviewed.tolist()]
        parts += [(max(low, last + 1), high) for low, high in self.reviewed.tolist()]
        left = [part for part in parts if part[0] <= part[1]]
        return replace(self, spans=self.spans[outside], reviewed=np.array(sorted(left), dtype=np.int64))

    def save(self, file: Path) -> None:
        """Write the arrays."""
        labels = np.array(self.labels)
        np.savez(file, prices=self.prices, labels=labels, reviewed=self.reviewed, spans=self.spans)

    @classmethod
    def load(cls, file: Path) -> Problem:
        """Read what `save` wrote."""
        with np.load(file) as arrays:
            return cls(arrays["prices"], int(arrays["labels"]), arrays["reviewed"], arrays["spans"])


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Spans: `ends` is `int64` `(n, 4)`: label, first and last candle, and the candle at which it is known for good.

    `confidence` (`float64`) orders the spans of one label; it need not be a probability.
    """

    ends: Integers
    confidence: Floats


class Finder(Protocol):
    """A fitted peer."""

    def find(self, prices: Floats, first: int, last: int) -> Found:
        """Spans within the candles `[first, last]`, at any confidence."""


class Peer(Protocol):
    """A peer to be fitted; its name stands in the table of peers."""

    def fit(self, problem: Problem) -> Finder:
        """Learn from the reviewed candles, and from those alone."""

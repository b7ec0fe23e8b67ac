"""The candles on which TA-Lib's functions are measured: made, and the same for ever."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey

REGIMES = ("walk", "range", "quiet")
_STEPS = 8  # price steps in a candle
_MIDDLE = 16_384


@lru_cache(maxsize=16)
def canonical(regime: str, count: int) -> Candles:
    """`count` candles of a random walk, of a range that price keeps turning in, or of a market that hardly trades.

    Prices are whole numbers between 8,192 and 24,576 and volumes whole numbers, so that sums and sums of squares have
    no rounding: what is left of the start is memory. The bits of PCG64 are stable over NumPy releases.
    """
    raw = np.random.PCG64(REGIMES.index(regime)).random_raw(count * _STEPS)
    path = _MIDDLE + _fold(np.cumsum(_steps(raw, regime)), {"walk": 8192, "range": 96, "quiet": 512}[regime])
    candle = path.reshape(count, _STEPS).astype(np.float64)
    volume = (raw[::_STEPS] >> np.uint64(40)).astype(np.float64) % (3.0 if regime == "quiet" else 1024.0)
    time = np.arange(count, dtype=np.int64) * 60
    first, last = np.ascontiguousarray(candle[:, 0]), np.ascontiguousarray(candle[:, -1])
    return Candles(SeriesKey(regime, "1m"), time, first, candle.max(axis=1), candle.min(axis=1), last, volume)


def _steps(raw: NDArray[np.uint64], regime: str) -> NDArray[np.int64]:
    if regime == "quiet":
        return np.where(raw % np.uint64(16) == 0, (raw >> np.uint64(8)) % np.uint64(3), 1).astype(np.int64) - 1
    ones = np.bitwise_count(raw & np.uint64(0xFFFF)).astype(np.int64) - 8
    busy = 1 + np.arange(len(raw)) // (_STEPS * 25) % 4 if regime == "walk" else 2
    steps: NDArray[np.int64] = ones * busy
    return steps


def _fold(path: NDArray[np.int64], bound: int) -> NDArray[np.int64]:
    """The path reflected wherever it would leave `[-bound, bound]`."""
    folded: NDArray[np.int64] = np.abs((path + bound) % (4 * bound) - 2 * bound) - bound
    return folded

"""How long a function remembers where its series started, measured on made candles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.canonical import REGIMES, canonical

Compute: TypeAlias = Callable[[Candles], Sequence[NDArray[np.float64]]]

TOLERANCE = 1e-12
_MOST_NOISE = 1e-8
_HORIZONS = (2048, 8192, 32768)
_STARTS = (97, 211, 389, 601, 823, 1103, 1511, 2003)


def measured_lookback(compute: Compute, minimum: int) -> int | None:
    """Candles after which the start of the series has no effect on any output of `compute`; None if it always has.

    No effect: less than 1e-12 of the column's standard deviation. A prediction is good enough from about 1e-9 on; the
    tighter bound makes `float32` features of served candles the same bits as in training, so that no split of a tree
    flips. Series that start at several candles are compared with one that starts before; 10 % are added, and where the
    starts differ by more than half (functions whose memory depends on the prices, such as SAR or KAMA) three times the
    difference. `minimum` is the number of candles that have no output at all.
    """
    for horizon in _HORIZONS:
        if horizon < 2 * minimum:
            continue
        errors = np.stack([row for regime in REGIMES for row in _effect_of_start(compute, regime, horizon, minimum)])
        limit = max(TOLERANCE, 8.0 * _noise(errors.max(axis=0), horizon))
        found = [int(np.flatnonzero(np.append(True, row > limit))[-1]) for row in errors]
        if minimum + max(found) < horizon * 3 // 4:
            return minimum + _with_margin(max(found), min(found))
    return None


def _effect_of_start(compute: Compute, regime: str, horizon: int, minimum: int) -> Iterator[NDArray[np.float64]]:
    """For each start, the largest difference from the longer series, in standard deviations, by candles after it."""
    candles = canonical(regime, horizon + _STARTS[-1])
    whole = compute(candles)
    spreads = [float(np.std(output[minimum:])) or 1.0 for output in whole]
    for start in _STARTS:
        parts = compute(candles[start : horizon + start])
        rows = slice(start + minimum, horizon + start)
        differences = [
            np.abs(output[rows] - part[minimum:]) / spread
            for output, part, spread in zip(whole, parts, spreads, strict=True)
        ]
        yield np.max(differences, axis=0)


def _noise(error: NDArray[np.float64], horizon: int) -> float:
    """The rounding of TA-Lib's running sums: what is left at the end and, unlike memory, no longer fades."""
    left = float(error[-len(error) // 2 :].max())
    fades = float(error[-len(error) // 8 :].max()) < 0.1 * left and horizon < _HORIZONS[-1]
    return 0.0 if fades or left > _MOST_NOISE else left


def _with_margin(longest: int, shortest: int) -> int:
    return longest + (3 * (longest - shortest) if shortest < longest / 2 else math.ceil(longest * 0.1))

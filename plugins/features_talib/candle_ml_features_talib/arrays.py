"""Arithmetic whose result at a candle is the same bits wherever the series starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles

_BITS = 44
_DROPPED_BITS = 52 - _BITS
_FIVES = 5.0**10  # times a power of two, 10 ** 10


def windowed_mean(values: NDArray[np.float64], candles: int) -> NDArray[np.float64]:
    """Mean of each value and the `candles - 1` before it; NaN where there are fewer.

    Adds the values of each window afresh, oldest first: a running total would carry rounding from the series' start.
    """
    mean = np.full(len(values), np.nan)
    count = len(values) - candles + 1
    if count > 0:
        total = values[:count].copy()
        for offset in range(1, candles):
            total += values[offset : offset + count]
        mean[candles - 1 :] = total / candles
    return mean


def true_range(candles: Candles) -> NDArray[np.float64]:
    """Each candle's range, the close before it included (Wilder 1978); NaN for the first candle."""
    span = np.full(len(candles), np.nan)
    previous = candles.close[:-1]
    span[1:] = np.maximum(candles.high[1:], previous) - np.minimum(candles.low[1:], previous)
    return span


def divisor(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with infinity for zero: what is divided by them becomes the defined value 0."""
    return np.where(values == 0.0, np.inf, values)


def tamed(candles: Candles) -> Candles:
    """The same candles in the unit that is best to calculate in: prices near 1, decimals without rounding.

    A price of up to 10 decimals, times 5 ** 10, is a whole number over a power of two. Rounded to 44 significant bits
    (a relative 3e-14) it is exactly that, so equal differences of prices are equal, running sums inside TA-Lib carry no
    rounding along, and prices multiplied by a power of ten give the same. The rest of the unit is a power of two, which
    changes no ratio and keeps tiny prices away from TA-Lib's absolute zero threshold (1e-14).
    """
    if not len(candles):
        return candles
    unit = _FIVES * 2.0 ** -float(np.frexp(candles.close[0] * _FIVES)[1])
    prices = [_rounded(price * unit) for price in (candles.open, candles.high, candles.low, candles.close)]
    volume = None if candles.volume is None else _rounded(candles.volume)
    return Candles(candles.key, candles.time, prices[0], prices[1], prices[2], prices[3], volume)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    bits = np.ascontiguousarray(values).view(np.int64)
    half = np.int64(1 << (_DROPPED_BITS - 1))
    return ((bits + half) & np.int64(-(1 << _DROPPED_BITS))).view(np.float64)

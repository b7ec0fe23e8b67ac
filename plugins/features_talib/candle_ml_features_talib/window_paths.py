"""Windows of one length as matrices, and their price paths resampled to a fixed number of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import divisor


@dataclass(frozen=True, slots=True)
class Windows:
    """`m` windows of `length` candles, prices `(m, length)` from 0 at a window's low to 1 at its high.

    A window without any range is 0.5 throughout. `bottom` and `size` `(m,)` are its low and its range in prices.
    """

    first: NDArray[np.int64]
    length: int
    bottom: NDArray[np.float64]
    size: NDArray[np.float64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]


def windows(candles: Candles, first: NDArray[np.int64], length: int) -> Windows:
    """The windows of `length` candles that start at `first`."""
    columns = (candles.open, candles.high, candles.low, candles.close)
    prices = [sliding_window_view(column, length)[first] for column in columns]
    bottom = prices[2].min(axis=1)
    size = prices[1].max(axis=1) - bottom
    flat = size == 0.0
    for price in prices:
        price -= bottom[:, None]
        price /= divisor(size)[:, None]
        price[flat] = 0.5
    return Windows(first, length, bottom, size, *prices)


def close_path(windows: Windows, points: int) -> NDArray[np.float64]:
    """Closes at `points` equal steps from the first candle to the last, `(m, points)`, interpolated in between."""
    place = np.arange(points) * (windows.length - 1)
    before = place // (points - 1)
    after = np.minimum(before + 1, windows.length - 1)
    share = (place % (points - 1)) / (points - 1)
    start = windows.close[:, before]
    path: NDArray[np.float64] = start + (windows.close[:, after] - start) * share
    return path


def extreme_path(prices: NDArray[np.float64], points: int, highest: bool) -> NDArray[np.float64]:
    """The highest (or lowest) price of each of `points` equal parts of the windows, `(m, points)`.

    Parts share a candle where the length is no multiple of `points`.
    """
    length = prices.shape[1]
    path = np.empty((len(prices), points))
    for point in range(points):
        part = prices[:, point * length // points : -(-(point + 1) * length // points)]
        path[:, point] = part.max(axis=1) if highest else part.min(axis=1)
    return path

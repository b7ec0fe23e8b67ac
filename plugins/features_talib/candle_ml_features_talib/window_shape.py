"""`window-shape`: the shape of a whole window, whatever its length, its price and its time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import tamed
from candle_ml_features_talib.options import WindowShapeOptions
from candle_ml_features_talib.window_measures import MEASURES, Before, before, measures
from candle_ml_features_talib.window_paths import Windows, close_path, extreme_path, windows

_WINDOWS_AT_ONCE = 4096
_ROUNDER = 1.5 * 2.0**26  # added and taken away it rounds to 2**-26, so that a sum's rounding next to 0 is 0


class WindowShape:
    """Price paths and measures of windows, each divided by the window's own range.

    Paths are resampled to a fixed number of points: closes by linear interpolation, highs and lows by the extremes of
    equal parts; 0 is the window's low, 1 its high, 0.5 everywhere where the two are equal. The measures are those of
    `window_measures`. A window is compared with the `context` candles before it, so `lookback` is `context` + 1.
    Every sum is taken within one window, so a value is the same bits wherever the series starts.
    """

    scope: Literal["window"] = "window"
    needs_volume = False

    def __init__(self, options: WindowShapeOptions) -> None:
        self._options = options
        paths = [f"shape_{price}_{point}" for price in dict.fromkeys(options.prices) for point in range(options.points)]
        self.columns: tuple[str, ...] = (*paths, *MEASURES)
        self.lookback = options.context + 1

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """`(n_windows, n_columns)` `float32`; NaN where `first` is less than `lookback`."""
        features = np.full((len(first), len(self.columns)), np.nan, dtype=np.float32)
        lengths = np.where(first >= self.lookback, last - first + 1, 0)
        if not lengths.any():
            return features
        candles = tamed(candles)
        history = before(candles, self._options.context)
        for length in np.unique(lengths[lengths > 0]).tolist():
            rows = np.flatnonzero(lengths == length)
            for start in range(0, len(rows), _WINDOWS_AT_ONCE):
                some = rows[start : start + _WINDOWS_AT_ONCE]
                features[some] = self._block(windows(candles, first[some], length), history)
        return features

    def _block(self, some: Windows, history: Before) -> NDArray[np.float64]:
        points = self._options.points
        closes = close_path(some, points)
        paths = {
            "close": lambda: closes,
            "high": lambda: extreme_path(some.high, points, highest=True),
            "low": lambda: extreme_path(some.low, points, highest=False),
        }
        wanted = [paths[price]() for price in dict.fromkeys(self._options.prices)]
        block = np.concatenate([*wanted, measures(some, history, closes, self._options.swing)], axis=1)
        block += _ROUNDER
        block -= _ROUNDER
        return block

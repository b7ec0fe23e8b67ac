"""`candle-shape`: body, wicks, gap and range of each candle."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import divisor, tamed, windowed_mean
from candle_ml_features_talib.options import CandleShapeOptions


class CandleShape:
    """Eight columns that describe a candle by itself and by the close before it.

    Lengths are divided by the mean range of the last `scale_candles` candles, so they do not change when prices are
    multiplied; `body_direction` is -1, 0 or 1, `wick_ratio` (upper - lower) / (upper + lower), `body_to_range` 0 to 1.
    What would be divided by zero is 0. `extract` gives `float32` `(n, 8)`, NaN in the first `lookback` rows.
    """

    scope: Literal["candle"] = "candle"
    needs_volume = False
    columns: tuple[str, ...] = (
        "body_size",
        "body_direction",
        "upper_wick",
        "lower_wick",
        "wick_ratio",
        "body_to_range",
        "gap",
        "range",
    )

    def __init__(self, options: CandleShapeOptions) -> None:
        self._scale_candles = options.scale_candles if options.scale == "mean_range" else None
        self.lookback = max(1, (self._scale_candles or 1) - 1)

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 8)`, a view of a matrix that holds each column in one piece."""
        if self._scale_candles is not None:
            candles = tamed(candles)
        by_column = np.empty((len(self.columns), len(candles)), dtype=np.float32)
        body = candles.close - candles.open
        size = np.abs(body)
        upper = candles.high - np.maximum(candles.open, candles.close)
        lower = np.minimum(candles.open, candles.close) - candles.low
        length = candles.high - candles.low
        gap = np.empty(len(candles))
        gap[1:] = candles.open[1:] - candles.close[:-1]
        unit = self._unit(length)
        ratios = (np.sign(body), (upper - lower) / divisor(upper + lower), size / divisor(length))
        by_column[[1, 4, 5]] = ratios
        by_column[[0, 2, 3, 6, 7]] = [lengths / unit for lengths in (size, upper, lower, gap, length)]
        by_column[:, : self.lookback] = np.nan
        return by_column.T

    def _unit(self, length: NDArray[np.float64]) -> NDArray[np.float64] | float:
        return 1.0 if self._scale_candles is None else divisor(windowed_mean(length, self._scale_candles))

"""`talib-cdl`: TA-Lib's candle patterns as features."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.options import CdlOptions
from candle_ml_features_talib.patterns import Pattern
from candle_ml_features_talib.talib_call import Call, call, threads_at_hand

_BLOCK = 16_384
_FEWEST_FOR_THREADS = 4 * _BLOCK


@cache
def pattern_call(pattern: Pattern) -> Call:
    """The TA-Lib call of a pattern; it gives -200 to 200 at the pattern's last candle, 0 where there is none."""
    return call(pattern.function, {} if pattern.penetration is None else {"penetration": pattern.penetration})


class CdlFeatures:
    """One column a pattern function: TA-Lib's value / 100, so -2 to 2, negative where bearish.

    `extract` gives `float32` `(n, patterns)`, NaN in the first `lookback` rows, where TA-Lib itself says 0. TA-Lib
    averages afresh at every candle, so a value depends on no candle before the lookback, to the last bit: a long series
    is computed in blocks that stay in the processor's cache, on every core that this process may use.
    """

    scope: Literal["candle"] = "candle"
    needs_volume = False

    def __init__(self, options: CdlOptions) -> None:
        patterns = options.chosen()
        self._calls = tuple(pattern_call(pattern) for pattern in patterns)
        self.columns: tuple[str, ...] = tuple(f"cdl_{pattern.name}" for pattern in patterns)
        self.lookback = max(one.lookback for one in self._calls)

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, patterns)`, a view of a matrix that holds each pattern in one piece."""
        by_pattern = np.empty((len(self._calls), len(candles)), dtype=np.float32)
        starts = range(0, len(candles), _BLOCK)
        threads = threads_at_hand() if len(candles) >= _FEWEST_FOR_THREADS else 1
        if threads == 1:
            for start in starts:
                self._fill(by_pattern, candles, start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda start: self._fill(by_pattern, candles, start), starts))
        by_pattern[:, : self.lookback] = np.nan
        return by_pattern.T

    def _fill(self, by_pattern: NDArray[np.float32], candles: Candles, start: int) -> None:
        """Write the block of candles from `start` on; TA-Lib also gets the lookback before it."""
        block = by_pattern[:, start : start + _BLOCK]
        before = min(start, self.lookback)
        part = candles[start - before : start + _BLOCK]
        prices = (part.open, part.high, part.low, part.close)
        for row, one in zip(block, self._calls, strict=True):
            row[:] = one.function(*prices, *one.arguments)[before:]
        block /= np.float32(100)

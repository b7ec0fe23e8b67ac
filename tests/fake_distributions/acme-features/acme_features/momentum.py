"""The feature extractor `momentum`."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from acme_features.options import MomentumOptions
from candle_ml.candles import Candles


class Momentum:
    """Log return over `candles` candles."""

    scope: Literal["candle"] = "candle"
    needs_volume = False

    def __init__(self, options: MomentumOptions) -> None:
        self.lookback = options.candles
        self.columns = (f"momentum_{options.candles}",)

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`."""
        values = np.full((len(candles), 1), np.nan, dtype=np.float32)
        close = candles.close
        values[self.lookback :, 0] = np.log(close[self.lookback :] / close[: -self.lookback])
        return values

"""The feature extractor `acme-range`."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.components import NoOptions


class Range:
    """Log range of each candle."""

    scope: Literal["candle"] = "candle"
    columns = ("acme_range",)
    lookback = 0
    needs_volume = False

    def __init__(self, options: NoOptions) -> None:
        pass

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`."""
        return np.log(candles.high / candles.low).astype(np.float32).reshape(-1, 1)

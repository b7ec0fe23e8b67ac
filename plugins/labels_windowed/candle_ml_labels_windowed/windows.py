"""Windows over the candles of one series as samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import Candles
from candle_ml.scores import UNLABELLED, Samples


def scan(candles: Candles, scales: Sequence[int], width: int) -> Samples:
    """Every window of each of the lengths `scales` (ascending), unlabelled, ordered by `last`, then `scale`."""
    last, scale = (grid.ravel() for grid in np.meshgrid(np.arange(len(candles)), np.array(scales), indexing="ij"))
    whole = last >= scale - 1
    last, scale = last[whole], scale[whole]
    count = len(last)
    return Samples(
        kind="window",
        width=width,
        series=(candles.key,),
        classes=(NO_PATTERN,),
        series_code=np.zeros(count, dtype=np.int32),
        first=last - scale + 1,
        last=last,
        scale=scale.astype(np.int32),
        known_at=candles.time[last],
        codes=np.full(count, UNLABELLED, dtype=np.int32),
        weight=np.ones(count, dtype=np.float32),
        annotation=np.full(count, -1, dtype=np.int64),
        span_length=np.zeros(count, dtype=np.int64),
    )

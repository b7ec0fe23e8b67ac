"""The shape of a span: its prices as a row of one width, which tells neither level nor scale nor number of candles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles

POINTS = 32
WIDTH = 4 * POINTS

Shapes = NDArray[np.float32]


def shapes(candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> Shapes:
    """The shapes of the spans `[first, last]` (candle indices, inclusive): `float32` `(n, WIDTH)`, within 0..1.

    Open, high, low and close are each read at 32 evenly spaced places, linearly between candles, and measured from the
    span's lowest low in units of its range; where that is zero every value is 0.
    """
    place = first[:, np.newaxis] + (last - first)[:, np.newaxis] * np.linspace(0.0, 1.0, POINTS)
    before = place.astype(np.int64)
    after = np.minimum(before + 1, last[:, np.newaxis])
    share = place - before
    prices = np.stack([candles.open, candles.high, candles.low, candles.close])
    read = prices[:, before] * (1 - share) + prices[:, after] * share
    lowest, highest = _extreme(np.minimum, candles.low, first, last), _extreme(np.maximum, candles.high, first, last)
    scale = np.where(highest > lowest, highest - lowest, 1.0)
    scaled = (read - lowest[:, np.newaxis]) / scale[:, np.newaxis]
    # Reading between two candles may round to just outside.
    rows = np.clip(scaled, 0.0, 1.0).transpose(1, 0, 2).reshape(len(first), WIDTH)
    return np.ascontiguousarray(rows, dtype=np.float32)


def distances(shape: Shapes, others: Shapes) -> NDArray[np.float32]:
    """Root mean square difference of one shape to each of several: a share of the range of a span."""
    found: NDArray[np.float32] = np.sqrt(np.mean((others - shape) ** 2, axis=1))
    return found


def _extreme(
    of: np.ufunc, prices: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The least or greatest price of each span."""
    if not len(first):
        return np.empty(0)
    ends = np.stack([first, last + 1], axis=1).reshape(-1)
    found: NDArray[np.float64] = of.reduceat(np.append(prices, prices[-1]), ends)[::2]
    return found

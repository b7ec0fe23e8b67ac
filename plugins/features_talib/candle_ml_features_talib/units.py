"""Units of TA-Lib's outputs, measured: what happens to them when prices or volumes are multiplied or prices shifted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import tamed
from candle_ml_features_talib.canonical import canonical
from candle_ml_features_talib.talib_call import Call

_CANDLES = 2048
_POWERS = (0, 1, 2, -1, -2)
_FACTOR = 4.0
_SHIFT = 0.5
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Unit:
    """An output is in units of price ** `price` * volume ** `volume`, and holds the price level `level` times.

    A moving average has `price` 1 and `level` 1, MACD 1 and 0, RSI 0 and 0, a sum of 30 closes 1 and 30.
    """

    price: int
    volume: int
    level: int


def units(call: Call) -> tuple[Unit | None, ...]:
    """The unit of each output; None where it follows no power of the price (a logarithm, an angle, an index)."""
    candles = tamed(canonical("walk", _CANDLES + call.lookback))
    plain = call(candles)
    more_price = call(_with_prices(candles, factor=_FACTOR, shift=0.0))
    more_volume = call(replace(candles, volume=_volume(candles) * _FACTOR))
    shifted = call(_with_prices(candles, factor=1.0, shift=_SHIFT))
    return tuple(
        _unit(*(output[call.lookback :] for output in outputs))
        for outputs in zip(plain, more_price, more_volume, shifted, strict=True)
    )


def _unit(
    plain: NDArray[Any], more_price: NDArray[Any], more_volume: NDArray[Any], shifted: NDArray[Any]
) -> Unit | None:
    price = _power(plain, more_price)
    volume = _power(plain, more_volume)
    if price is None or volume is None:
        return None
    response = (shifted - plain) / _SHIFT if price == 1 and volume == 0 else np.zeros(1)
    level = round(float(np.mean(response)))
    return Unit(price, volume, level) if np.mean(np.abs(response - level)) < _TOLERANCE else None


def _power(plain: NDArray[Any], multiplied: NDArray[Any]) -> int | None:
    return next((power for power in _POWERS if np.array_equal(multiplied, plain * _FACTOR**power)), None)


def _with_prices(candles: Candles, factor: float, shift: float) -> Candles:
    prices = (candles.open, candles.high, candles.low, candles.close)
    first, high, low, last = (price * factor + shift for price in prices)
    return replace(candles, open=first, high=high, low=low, close=last)


def _volume(candles: Candles) -> NDArray[np.float64]:
    return np.zeros(len(candles)) if candles.volume is None else candles.volume

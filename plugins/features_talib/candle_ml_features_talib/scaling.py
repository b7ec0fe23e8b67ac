"""A TA-Lib function whose outputs are freed of the units of price and volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import divisor, tamed, true_range, windowed_mean
from candle_ml_features_talib.options import Scale
from candle_ml_features_talib.talib_call import Call
from candle_ml_features_talib.units import Unit


class Yardstick:
    """What outputs are divided by, `(n,)`; as a divisor it is infinite where it is 0, so that the quotient is 0."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values
        self._divisor = divisor(values)

    def taken_from(self, values: NDArray[np.float64], power: int) -> NDArray[np.float64]:
        """`values / yardstick ** power`, by plain divisions and products."""
        for _ in range(abs(power)):
            values = values / self._divisor if power > 0 else values * self._values
        return values


class Yardsticks:
    """What the outputs of one series are divided by, each computed when it is first asked for.

    The mean true range is the plain mean over the last `count` candles, not Wilder's recursive one: it forgets exactly,
    so that it adds no lookback.
    """

    def __init__(self, candles: Candles, count: int) -> None:
        self.candles = candles
        self._count = count

    @cached_property
    def tamed(self) -> Candles:
        """The candles in the unit that TA-Lib is given."""
        return tamed(self.candles)

    @cached_property
    def close(self) -> Yardstick:
        """Each close, in tamed prices."""
        return Yardstick(self.tamed.close)

    @cached_property
    def atr(self) -> Yardstick:
        """Mean true range of the last candles, in tamed prices."""
        return Yardstick(windowed_mean(true_range(self.tamed), self._count))

    @cached_property
    def volume(self) -> Yardstick:
        """Mean volume of the last candles; of a series without volume NaN."""
        count = len(self.candles)
        volume = np.full(count, np.nan) if self.tamed.volume is None else self.tamed.volume
        return Yardstick(windowed_mean(volume, self._count))


@dataclass(frozen=True, slots=True)
class ScaledCall:
    """A call, the unit of each output (None: left as it is) and what is done about it."""

    call: Call
    units: tuple[Unit | None, ...]
    scale: Scale
    difference: bool

    def lookback(self, count: int) -> int:
        """Candles without any value: TA-Lib's own, the yardstick's and the change's."""
        by_price = self.scale == "atr" and any(unit is not None and unit.price for unit in self.units)
        by_volume = self.scale != "none" and any(unit is not None and unit.volume for unit in self.units)
        return max(self.call.lookback + self.difference, count * by_price, (count - 1) * by_volume)

    def __call__(self, yardsticks: Yardsticks) -> Sequence[NDArray[np.float64]]:
        """One `float64` row an output; what divides by zero is 0."""
        results = self.call(yardsticks.candles if self.scale == "none" else yardsticks.tamed)
        return [self._scaled(result, unit, yardsticks) for result, unit in zip(results, self.units, strict=True)]

    def _scaled(self, values: NDArray[Any], unit: Unit | None, yardsticks: Yardsticks) -> NDArray[np.float64]:
        values = values.astype(np.float64, copy=False)
        if self.difference:
            values = np.diff(values, prepend=np.nan)
        if unit is None or self.scale == "none":
            return values
        if unit.level and not self.difference:
            values = values - unit.level * yardsticks.tamed.close
        if unit.price:
            price = yardsticks.atr if self.scale == "atr" else yardsticks.close
            values = price.taken_from(values, unit.price)
        return yardsticks.volume.taken_from(values, unit.volume) if unit.volume else values

"""`talib-indicators`: TA-Lib's indicators as features that do not depend on the price's unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.errors import ConfigError
from candle_ml_features_talib.canonical import canonical
from candle_ml_features_talib.functions import DEFAULTS
from candle_ml_features_talib.memory import measured_lookback
from candle_ml_features_talib.options import Indicator, IndicatorOptions, Scale
from candle_ml_features_talib.scaling import ScaledCall, Yardsticks
from candle_ml_features_talib.talib_call import Call, call
from candle_ml_features_talib.units import units

_SERIES = frozenset({"open", "high", "low", "close", "volume"})
_ITSELF_A_RANGE = frozenset({"ATR"})


@dataclass(frozen=True, slots=True)
class Measured:
    """An indicator that may be served, and after how many candles it has forgotten its start.

    `rounders` holds a number for each output that, added and taken away again, rounds to about 2**-24 of the output's
    standard deviation: what `float32` resolves there anyway, but near 0 it removes the rounding of running sums.
    """

    call: ScaledCall
    lookback: int
    rounders: tuple[float, ...]


class IndicatorFeatures:
    """The columns of every configured indicator, in order.

    `extract` gives `float32` `(n, columns)`, NaN in the first `lookback` rows: the longest measured lookback. A value
    that TA-Lib leaves undefined (it divided by zero) is 0.
    """

    scope: Literal["candle"] = "candle"

    def __init__(self, options: IndicatorOptions) -> None:
        self._count = options.atr_candles
        measured = [_measured(one, options) for one in options.indicators]
        pairs = zip(options.indicators, measured, strict=True)
        self.columns: tuple[str, ...] = tuple(name for one, made in pairs for name in column_names(one, made.call.call))
        self.lookback = max(one.lookback for one in measured)
        self.needs_volume = any("volume" in one.call.call.inputs for one in measured)
        self._calls = tuple(one.call for one in measured)
        self._rounders = tuple(rounder for one in measured for rounder in one.rounders)
        _refuse_repeated(self.columns)

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, columns)`, a view of a matrix that holds each column in one piece."""
        by_column = np.empty((len(self.columns), len(candles)), dtype=np.float32)
        if len(candles) > self.lookback:
            self._fill(by_column, Yardsticks(candles, self._count))
        by_column[:, : self.lookback] = np.nan
        return by_column.T

    def _fill(self, by_column: NDArray[np.float32], yardsticks: Yardsticks) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            rows = (row for one in self._calls for row in one(yardsticks))
            for target, row, rounder in zip(by_column, rows, self._rounders, strict=True):
                np.subtract(row + rounder, rounder, out=target, casting="same_kind")
            warm = by_column[:, self.lookback :]
            if not np.isfinite(warm.sum()):
                np.nan_to_num(warm, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def column_names(indicator: Indicator, call: Call) -> list[str]:
    """`rsi_14`, `macd`, `macd_signal`, `bbands_upper`: parameters only where they are not the defaults.

    A function whose one parameter is `timeperiod` always carries it.
    """
    parameters = indicator.all_parameters()
    base = indicator.function.lower()
    if list(parameters) == ["timeperiod"] or parameters != DEFAULTS[indicator.function]:
        base = "_".join([base, *(f"{value:g}" for value in parameters.values())])
    suffixes = [""] if len(call.outputs) == 1 else [_suffix(indicator, output) for output in call.outputs]
    return ["_".join(filter(None, (base, suffix, "change" * indicator.difference))) for suffix in suffixes]


def _suffix(indicator: Indicator, output: str) -> str:
    return output.removeprefix(indicator.function.lower()).removesuffix("band")


def _refuse_repeated(columns: tuple[str, ...]) -> None:
    for place, column in enumerate(columns):
        if column in columns[:place]:
            raise ConfigError.at("talib-indicators", f"two columns {column}", "give each indicator once")


def _measured(indicator: Indicator, options: IndicatorOptions) -> Measured:
    parameters = tuple(indicator.all_parameters().items())
    where = _named(indicator.function, parameters)
    scale: Scale = indicator.scale
    if scale == "auto":
        scale = "close" if indicator.function in _ITSELF_A_RANGE else "atr"
    scaled = _scaled_call(indicator.function, parameters, scale, indicator.difference)
    _refuse_long(where, scaled.lookback(options.atr_candles), options.max_lookback)
    lookback = _lookback(scaled, options.atr_candles)
    if lookback is None:
        raise ConfigError.at(where, "never forgets where its series starts", _advice(scaled, options))
    _refuse_long(where, lookback, options.max_lookback)
    return Measured(scaled, lookback, _rounders(scaled, options.atr_candles))


def _named(function: str, parameters: Sequence[tuple[str, int | float]]) -> str:
    return f"talib-indicators: {function}({', '.join(f'{name}={value:g}' for name, value in parameters)})"


@lru_cache(maxsize=256)
def _scaled_call(
    function: str, parameters: tuple[tuple[str, int | float], ...], scale: Scale, difference: bool
) -> ScaledCall:
    where = _named(function, parameters)
    talib_call = call(function, dict(parameters))
    if not _SERIES.issuperset(talib_call.inputs):
        needed = ", ".join(name for name in talib_call.inputs if name not in _SERIES)
        raise ConfigError.at(where, f"needs {needed}, which candles do not have", "choose another indicator")
    if not _finite(talib_call):
        raise ConfigError.at(where, "is not finite on ordinary prices", "choose another indicator")
    scaled = ScaledCall(talib_call, units(talib_call), scale, difference)
    if scale != "none" and None in scaled.units:
        found = "changes with the unit of the price in a way that no division undoes"
        raise ConfigError.at(where, found, "scale: none takes it as it is, for prices that stay on one level")
    return scaled


def _finite(talib_call: Call) -> bool:
    outputs = talib_call(canonical("walk", 1024 + talib_call.lookback))
    return all(bool(np.isfinite(output[talib_call.lookback :]).all()) for output in outputs)


@lru_cache(maxsize=256)
def _lookback(scaled: ScaledCall, count: int) -> int | None:
    return measured_lookback(lambda candles: scaled(Yardsticks(candles, count)), scaled.lookback(count))


@lru_cache(maxsize=256)
def _rounders(scaled: ScaledCall, count: int) -> tuple[float, ...]:
    """Zero where prices are left in their own unit, because their size is not known."""
    empty = scaled.lookback(count)
    outputs = scaled(Yardsticks(canonical("walk", 1024 + empty), count))
    exponents = (np.frexp(float(np.std(output[empty:])))[1] for output in outputs)
    return tuple(0.0 if scaled.scale == "none" else 1.5 * 2.0 ** (28 + float(exponent)) for exponent in exponents)


def _advice(scaled: ScaledCall, options: IndicatorOptions) -> str:
    change = ScaledCall(scaled.call, scaled.units, scaled.scale, difference=True)
    if scaled.difference or _lookback(change, options.atr_candles) is None:
        return "its change from candle to candle does not forget either: choose another indicator"
    return "difference: true takes its change from candle to candle, which forgets"


def _refuse_long(where: str, lookback: int, most: int) -> None:
    if lookback > most:
        found = f"needs {lookback} candles to forget where its series starts, more than max_lookback {most}"
        raise ConfigError.at(where, found, "raise max_lookback or shorten its periods")

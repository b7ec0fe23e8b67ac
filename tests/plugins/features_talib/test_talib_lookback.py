"""How long TA-Lib's functions remember, measured, and whether that is really enough."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from candle_ml.candles import Candles
from candle_ml.errors import ConfigError
from candle_ml_features_talib.functions import DEFAULTS
from candle_ml_features_talib.indicators import IndicatorFeatures
from candle_ml_features_talib.options import Indicator, IndicatorOptions

NEVER_FORGET = {"AD", "CUMSUM", "MAXINDEX", "MININDEX", "MINMAXINDEX", "NVI", "OBV", "PVI", "PVT", "VWAP", "WAD"}
NO_UNIT = {"ATAN", "CEIL", "COS", "FLOOR", "LINEARREG_ANGLE", "LN", "LOG10", "SAREXT", "SIN", "SQRT", "TAN", "TANH"}
NOT_FINITE = {"ACOS", "ASIN", "COSH", "EXP", "SINH"}
MORE_INPUT = {"MAVP"}
LONG_MEMORY = {"KAMA", "MAMA", "RMA"}
SERVED = sorted(set(DEFAULTS) - NEVER_FORGET - NO_UNIT - NOT_FINITE - MORE_INPUT)

Starts = Callable[[Candles, int, int], list[int]]


def alone(name: str, parameters: dict[str, int | float] | None = None, difference: bool = False) -> IndicatorFeatures:
    indicator = Indicator(function=name, parameters=parameters or {}, difference=difference)
    return IndicatorFeatures(IndicatorOptions(indicators=[indicator], max_lookback=10_000))


def differences(extractor: IndicatorFeatures, candles: Candles, starts: Starts, slices: int) -> np.ndarray:
    """How far slices are from the whole series after the lookback, in standard deviations of each column."""
    whole = extractor.extract(candles).astype(np.float64)
    spread = np.std(whole[extractor.lookback :], axis=0)
    length = extractor.lookback + 40
    found = []
    for start in starts(candles, slices, length):
        part = extractor.extract(candles[start : start + length])[extractor.lookback :]
        found.append(np.abs(part - whole[start + extractor.lookback : start + length]) / spread)
    return np.concatenate(found)


@pytest.mark.parametrize("name", sorted(set(SERVED) - LONG_MEMORY))
def test_the_lookback_is_enough(name: str, all_candles: list[Candles], starts: Starts) -> None:
    """With the lookback before it, a slice of any series has the whole series' features, nearly always to the bit."""
    extractor = alone(name)
    found = [differences(extractor, candles, starts, 6) for candles in all_candles]
    assert max(difference.max() for difference in found) < 1e-6
    assert sum(np.count_nonzero(difference) for difference in found) <= 2


def test_the_default_features_of_a_slice_are_the_same_bits(all_candles: list[Candles], starts: Starts) -> None:
    """Of 600,000 default features of slices none differs from the whole series."""
    extractor = IndicatorFeatures(IndicatorOptions())
    found = [differences(extractor, candles, starts, 100) for candles in all_candles]
    assert sum(difference.size for difference in found) == 600_000
    assert sum(np.count_nonzero(difference) for difference in found) == 0


@pytest.mark.parametrize("name", ["AD", "OBV", "PVT", "WAD"])
def test_the_change_of_a_running_total_forgets(name: str, all_candles: list[Candles], starts: Starts) -> None:
    """The change of a total over the whole past needs no more than the candles it is divided by."""
    extractor = alone(name, difference=True)
    assert extractor.lookback <= 14
    assert max(differences(extractor, candles, starts, 6).max() for candles in all_candles) < 1e-6


@pytest.mark.parametrize("period", [5, 14, 40])
@pytest.mark.parametrize(("name", "smoothing"), [("EMA", 2.0), ("RSI", 1.0), ("ATR", 1.0), ("RMA", 1.0)])
def test_measured_lookbacks_follow_the_decay(name: str, smoothing: float, period: int) -> None:
    """A lookback is that of the smoothing's own decay to 1e-12, and at most half as much again.

    An exponential average keeps 1 - a of its start a candle: a is 2 / (n + 1), Wilder's 1 / n.
    """
    kept = 1.0 - (2.0 / (period + 1) if smoothing == 2.0 else 1.0 / period)
    decay = math.log(1e-12) / math.log(kept)
    assert decay <= alone(name, {"timeperiod": period}).lookback <= 1.5 * decay + period


@pytest.mark.parametrize("name", sorted(LONG_MEMORY))
def test_long_memories_are_refused_by_default(name: str) -> None:
    """Adaptive averages and slow Wilder smoothing need more than 1000 candles with TA-Lib's periods."""
    assert alone(name).lookback > 1000
    with pytest.raises(ConfigError, match="more than max_lookback 1000"):
        IndicatorFeatures(IndicatorOptions(indicators=[Indicator(function=name)]))


@pytest.mark.parametrize("name", sorted(NEVER_FORGET - {"CUMSUM"}))
def test_what_never_forgets_is_found_by_measurement(name: str) -> None:
    """Totals, and positions counted from the start of the series, are refused."""
    with pytest.raises(ConfigError, match="never forgets where its series starts"):
        alone(name)


@pytest.mark.parametrize("name", sorted(NO_UNIT))
def test_what_has_no_unit_is_found_by_measurement(name: str) -> None:
    """Functions that follow no power of the price are refused."""
    with pytest.raises(ConfigError, match="changes with the unit of the price"):
        alone(name)


@pytest.mark.parametrize("name", ["SMA", "BBANDS", "STOCH", "CCI", "WILLR", "AROON", "CORREL", "LINEARREG_SLOPE"])
def test_windowed_functions_need_their_window_only(name: str) -> None:
    """A function of a fixed number of candles has no lookback beyond them and the true range's."""
    assert alone(name).lookback <= max(14, max(int(value) for value in DEFAULTS[name].values()) + 6)

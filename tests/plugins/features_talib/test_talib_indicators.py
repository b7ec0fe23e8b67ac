"""The extractor `talib-indicators`: columns, units, and which indicators it refuses with which words."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import talib
from numpy.typing import NDArray
from pydantic import ValidationError

from candle_ml.candles import Candles
from candle_ml.errors import ConfigError
from candle_ml.features import candle_features, plan
from candle_ml_features_talib.functions import DEFAULTS
from candle_ml_features_talib.indicators import IndicatorFeatures
from candle_ml_features_talib.options import IndicatorOptions

DEFAULT_COLUMNS = (
    *("rsi_14", "macd", "macd_signal", "macd_hist", "bbands_upper", "bbands_middle", "bbands_lower", "atr_14"),
    *("adx_14", "stoch_slowk", "stoch_slowd", "roc_10", "willr_14", "ema_20", "sma_50"),
)


def features(*indicators: dict[str, Any], **options: Any) -> IndicatorFeatures:
    return IndicatorFeatures(IndicatorOptions.model_validate({"indicators": list(indicators), **options}))


def mean_true_range(candles: Candles) -> NDArray[np.float64]:
    return talib.SMA(np.nan_to_num(talib.TRANGE(candles.high, candles.low, candles.close)), 14)


def agree(values: NDArray[np.float32], expected: NDArray[np.float64], lookback: int) -> bool:
    spread = np.std(expected[lookback:])
    return bool(np.allclose(values[lookback:], expected[lookback:], rtol=1e-6, atol=float(2e-7 * spread)))


def test_the_default_columns() -> None:
    """The default is fifteen columns without volume, and the longest memory is under 500 candles."""
    extractor = IndicatorFeatures(IndicatorOptions())
    assert extractor.columns == DEFAULT_COLUMNS
    assert not extractor.needs_volume
    assert 400 < extractor.lookback < 500


def test_unitless_columns_are_those_of_talib(candles: Candles) -> None:
    """RSI, ADX, ROC and Williams' %R are TA-Lib's own values."""
    values = IndicatorFeatures(IndicatorOptions()).extract(candles)
    expected = {
        "rsi_14": talib.RSI(candles.close, 14),
        "roc_10": talib.ROC(candles.close, 10),
        "willr_14": talib.WILLR(candles.high, candles.low, candles.close, 14),
    }
    for name, column in expected.items():
        assert agree(values[:, DEFAULT_COLUMNS.index(name)], column, 484), name


def test_price_columns_are_in_units_of_the_true_range(apple: Candles) -> None:
    """Levels are (value - close) / mean true range, differences value / mean true range, ATR itself is by close."""
    values = IndicatorFeatures(IndicatorOptions()).extract(apple)
    close, unit = apple.close, mean_true_range(apple)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0, 0)
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    expected = {
        "macd": macd / unit,
        "macd_signal": signal / unit,
        "macd_hist": histogram / unit,
        "bbands_upper": (upper - close) / unit,
        "bbands_middle": (middle - close) / unit,
        "bbands_lower": (lower - close) / unit,
        "ema_20": (talib.EMA(close, 20) - close) / unit,
        "sma_50": (talib.SMA(close, 50) - close) / unit,
        "atr_14": talib.ATR(apple.high, apple.low, close, 14) / close,
    }
    for name, column in expected.items():
        assert agree(values[:, DEFAULT_COLUMNS.index(name)], column, 484), name


def test_the_unit_can_be_chosen(apple: Candles) -> None:
    """`scale` divides by the close, or leaves a column as TA-Lib gives it; sums lose as many closes as they hold."""
    average = talib.EMA(apple.close, 20)
    ema = {"function": "EMA", "parameters": {"timeperiod": 20}}
    assert agree(features({**ema, "scale": "close"}).extract(apple)[:, 0], average / apple.close - 1.0, 400)
    assert agree(features({**ema, "scale": "none"}).extract(apple)[:, 0], average, 400)
    total = (talib.SUM(apple.close, 30) - 30 * apple.close) / mean_true_range(apple)
    assert agree(features({"function": "SUM"}).extract(apple)[:, 0], total, 40)
    variance = talib.VAR(apple.close, 5, 1.0) / mean_true_range(apple) ** 2
    assert agree(features({"function": "VAR"}).extract(apple)[:, 0], variance, 40)


def test_the_true_range_can_be_taken_over_more_candles(apple: Candles) -> None:
    """`atr_candles` is how many candles' true ranges price columns are divided by."""
    values = features({"function": "MOM"}, atr_candles=1).extract(apple)[:, 0]
    assert agree(values, talib.MOM(apple.close, 10) / talib.TRANGE(apple.high, apple.low, apple.close), 10)


def test_a_running_total_can_be_differenced(apple: Candles) -> None:
    """The change of OBV is the signed volume, divided by the mean volume of the last candles."""
    extractor = features({"function": "OBV", "difference": True})
    change = np.sign(np.diff(apple.close, prepend=np.nan)) * apple.volume
    assert extractor.columns == ("obv_change",)
    assert extractor.needs_volume
    assert agree(extractor.extract(apple)[:, 0], change / talib.SMA(apple.volume, 14), 14)


@pytest.mark.parametrize(
    ("indicator", "columns"),
    [
        ({"function": "RSI"}, ("rsi_14",)),
        (
            {"function": "MACD", "parameters": {"fastperiod": 8}},
            ("macd_8_26_9", "macd_8_26_9_signal", "macd_8_26_9_hist"),
        ),
        (
            {"function": "BBANDS", "parameters": {"nbdevup": 2.5}},
            ("bbands_20_2.5_2_0_upper", "bbands_20_2.5_2_0_middle", "bbands_20_2.5_2_0_lower"),
        ),
        ({"function": "AROON"}, ("aroon_14_down", "aroon_14_up")),
        ({"function": "AD", "difference": True}, ("ad_change",)),
        ({"function": "BOP"}, ("bop",)),
    ],
)
def test_columns_are_named_by_function_and_parameters(indicator: dict[str, Any], columns: tuple[str, ...]) -> None:
    """A column carries a lone period always and other parameters where they are not the defaults."""
    assert features(indicator).columns == columns


def test_one_function_twice_has_two_names() -> None:
    """Two averages of different periods stand side by side."""
    pair = ({"function": "EMA", "parameters": {"timeperiod": period}} for period in (10, 30))
    assert features(*pair).columns == ("ema_10", "ema_30")


def test_every_function_and_parameter_of_talib_is_pinned() -> None:
    """The table of defaults names every TA-Lib function that is no pattern, and all of its parameters."""
    groups = talib.get_function_groups()
    names = {name for group, members in groups.items() if group != "Pattern Recognition" for name in members}
    assert set(DEFAULTS) == names
    for name in names:
        assert dict(talib.abstract.Function(name).info["parameters"]).keys() == DEFAULTS[name].keys()


REFUSALS: list[tuple[dict[str, Any], str]] = [
    (
        {"function": "OBV"},
        "OBV(): never forgets where its series starts; "
        "difference: true takes its change from candle to candle, which forgets",
    ),
    (
        {"function": "AD"},
        "AD(): never forgets where its series starts; "
        "difference: true takes its change from candle to candle, which forgets",
    ),
    (
        {"function": "NVI"},
        "NVI(): never forgets where its series starts; "
        "its change from candle to candle does not forget either: choose another indicator",
    ),
    (
        {"function": "VWAP", "difference": True},
        "VWAP(): never forgets where its series starts; "
        "its change from candle to candle does not forget either: choose another indicator",
    ),
    ({"function": "ACOS"}, "ACOS(): is not finite on ordinary prices; choose another indicator"),
    (
        {"function": "LINEARREG_ANGLE"},
        "LINEARREG_ANGLE(timeperiod=14): changes with the unit of the price in a way that no division undoes; "
        "scale: none takes it as it is, for prices that stay on one level",
    ),
    (
        {"function": "MAVP"},
        "MAVP(minperiod=2, maxperiod=30, matype=0): needs periods, which candles do not have; choose another indicator",
    ),
    (
        {"function": "SMA", "parameters": {"timeperiod": 1202}},
        "SMA(timeperiod=1202): needs 1201 candles to forget where its series starts, more than max_lookback 1000; "
        "raise max_lookback or shorten its periods",
    ),
]


@pytest.mark.parametrize(("indicator", "message"), REFUSALS, ids=lambda value: str(value)[:30])
def test_what_cannot_be_served_is_refused(indicator: dict[str, Any], message: str) -> None:
    """An indicator that would differ between training and serving is refused with the reason and what to take."""
    with pytest.raises(ConfigError) as caught:
        features(indicator)
    assert str(caught.value) == f"talib-indicators: {message}"


def test_a_long_memory_is_refused_by_its_figure() -> None:
    """EMA200 is refused with the candles that it needs, and works with a `max_lookback` of that."""
    ema = {"function": "EMA", "parameters": {"timeperiod": 200}}
    needed = features(ema, max_lookback=5000).lookback
    with pytest.raises(ConfigError) as caught:
        features(ema, max_lookback=needed - 1)
    assert str(caught.value) == (
        f"talib-indicators: EMA(timeperiod=200): needs {needed} candles to forget where its series starts, "
        f"more than max_lookback {needed - 1}; raise max_lookback or shorten its periods"
    )
    assert features(ema, max_lookback=needed).columns == ("ema_200",)


def test_parameters_that_talib_refuses_are_named() -> None:
    """A period outside TA-Lib's limits is refused with all parameters."""
    with pytest.raises(ConfigError) as caught:
        features({"function": "RSI", "parameters": {"timeperiod": 0}})
    assert str(caught.value) == "RSI: TA-Lib refuses timeperiod 0; use values within the limits of its manual"


def test_one_indicator_twice_is_refused() -> None:
    """Two columns of one name are refused."""
    with pytest.raises(ConfigError) as caught:
        features({"function": "RSI"}, {"function": "RSI", "scale": "close"})
    assert str(caught.value) == "talib-indicators: two columns rsi_14; give each indicator once"


@pytest.mark.parametrize(
    ("indicator", "message"),
    [
        ({"function": "RSJ"}, "'RSJ' is no indicator of TA-Lib; did you mean RSI?"),
        ({"function": "RSI", "parameters": {"period": 9}}, "RSI has no parameter 'period'; it has timeperiod"),
        ({"function": "OBV", "parameters": {"period": 9}}, "OBV has no parameter 'period'; it has none"),
        ({"function": "RSI", "parameters": {"timeperiod": 9.5}}, "RSI: timeperiod is 9.5; write a whole number"),
    ],
)
def test_a_wrong_option_is_named(indicator: dict[str, Any], message: str) -> None:
    """A function or parameter that does not exist and a broken period are refused by name."""
    with pytest.raises(ValidationError) as caught:
        IndicatorOptions.model_validate({"indicators": [indicator]})
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {message}"]


MANY_DIVISIONS = ("MFI", "CMF", "ADOSC", "RVOL", "MARKETFI", "EFI", "VWMA", "PVO", "CCI", "CVI", "STDDEV")
TOTALS = ("OBV", "AD", "PVT")


@pytest.mark.parametrize("still", [0, 200, 700])
def test_nothing_divided_by_zero_is_left(apple: Candles, flat_candles: Callable[[int], Candles], still: int) -> None:
    """A market that never moves or trades, all along or from some candle on, has finite features."""
    candles = flat_candles(900)
    moving = {name: getattr(apple, name)[:still] for name in ("open", "high", "low", "close", "volume")}
    columns = {name: np.concatenate((column, getattr(candles, name)[still:])) for name, column in moving.items()}
    extractor = features(
        *IndicatorOptions().model_dump()["indicators"],
        *({"function": name} for name in MANY_DIVISIONS),
        *({"function": name, "difference": True} for name in TOTALS),
    )
    values = extractor.extract(replace(candles, **columns))
    assert np.isfinite(values[extractor.lookback :]).all()


def test_a_powers_of_two_unit_changes_no_bit(candles: Candles, in_unit: Callable[[Candles, float], Candles]) -> None:
    """Prices times a power of two give the same features."""
    extractor = IndicatorFeatures(IndicatorOptions())
    whole = extractor.extract(candles)
    for factor in (1024.0, 2.0**-20):
        assert np.array_equal(extractor.extract(in_unit(candles, factor)), whole, equal_nan=True)


def test_a_decimal_unit_changes_no_bit_of_quoted_prices(
    all_candles: list[Candles], in_unit: Callable[[Candles, float], Candles]
) -> None:
    """Quoted prices times 1000 give the same features; of prices without a tick at most one in 1000 differs."""
    extractor = IndicatorFeatures(IndicatorOptions())
    for candles in all_candles:
        differ = (extractor.extract(in_unit(candles, 1000.0)) != extractor.extract(candles))[extractor.lookback :]
        assert np.count_nonzero(differ) <= (differ.size / 1000 if candles.key.pair == "unrounded" else 0)


def test_time_does_not_matter(apple: Candles) -> None:
    """The same candles at other times have the same features."""
    extractor = IndicatorFeatures(IndicatorOptions())
    later = replace(apple, time=apple.time + 86_400 * 1000)
    assert np.array_equal(extractor.extract(later), extractor.extract(apple), equal_nan=True)


def test_no_value_depends_on_a_later_candle(candles: Candles) -> None:
    """Cutting the series after a candle changes no value up to it."""
    extractor = features(
        *IndicatorOptions().model_dump()["indicators"], {"function": "SAR"}, {"function": "HT_TRENDLINE"}
    )
    whole = extractor.extract(candles)
    for end in (700, 1234, len(candles) - 1):
        assert np.array_equal(extractor.extract(candles[:end]), whole[:end], equal_nan=True)


@pytest.mark.parametrize("count", [0, 1, 484])
def test_too_few_candles_have_no_values(apple: Candles, count: int) -> None:
    """With no more candles than the lookback every value is NaN."""
    values = IndicatorFeatures(IndicatorOptions()).extract(apple[:count])
    assert values.shape == (count, 15)
    assert np.isnan(values[:484]).all()


def test_threads_get_the_same_values(apple: Candles) -> None:
    """Eight threads that share one extractor get what one gets."""
    extractor = IndicatorFeatures(IndicatorOptions())
    expected = extractor.extract(apple)
    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(lambda _: extractor.extract(apple), range(16)):
            assert np.array_equal(values, expected, equal_nan=True)


def test_the_core_accepts_what_is_extracted(candles: Candles) -> None:
    """The checked matrix is C-contiguous, and NaN in the warm-up only."""
    extractor = features({"function": "RSI"}, {"function": "MFI"})
    matrix = candle_features(plan([extractor]), candles)
    assert matrix.flags.c_contiguous
    assert np.isnan(matrix).sum() == extractor.lookback * 2

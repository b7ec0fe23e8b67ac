"""The extractor `talib-cdl`: TA-Lib's own values, no value before they are known, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import talib
from pydantic import ValidationError

from candle_ml.candles import Candles
from candle_ml.features import candle_features, plan
from candle_ml_features_talib.cdl import CdlFeatures
from candle_ml_features_talib.options import CdlOptions
from candle_ml_features_talib.patterns import PATTERNS, Pattern

EVERY_PATTERN = pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.function)


def alone(pattern: Pattern) -> CdlFeatures:
    return CdlFeatures(CdlOptions(functions=[pattern.function]))


def test_all_61_functions_of_talib_are_there() -> None:
    """The table of patterns is TA-Lib's group of pattern functions, and the default takes them all."""
    assert [pattern.function for pattern in PATTERNS] == talib.get_function_groups()["Pattern Recognition"]
    assert len(CdlFeatures(CdlOptions()).columns) == len(PATTERNS) == 61


def test_penetrations_are_those_of_talib() -> None:
    """The pinned penetrations are TA-Lib's defaults, and only functions with one have one."""
    for pattern in PATTERNS:
        parameters = talib.abstract.Function(pattern.function).info["parameters"]
        assert parameters == ({} if pattern.penetration is None else {"penetration": pattern.penetration})


@EVERY_PATTERN
def test_a_pattern_is_no_longer_than_what_talib_looks_at(pattern: Pattern) -> None:
    """A pattern's own length fits into its lookback and the candle itself."""
    assert 1 <= pattern.length <= alone(pattern).lookback + 1


@EVERY_PATTERN
def test_values_are_those_of_talib(pattern: Pattern, all_candles: list[Candles]) -> None:
    """A column is TA-Lib's value / 100 on every candle after the lookback of its function, and NaN before."""
    extractor = alone(pattern)
    for candles in all_candles:
        expected = getattr(talib, pattern.function)(candles.open, candles.high, candles.low, candles.close) / 100
        values = extractor.extract(candles)[:, 0]
        assert np.isnan(values[: extractor.lookback]).all()
        assert np.array_equal(values[extractor.lookback :], expected[extractor.lookback :].astype(np.float32))


@EVERY_PATTERN
def test_the_lookback_is_enough_to_the_last_bit(
    pattern: Pattern, all_candles: list[Candles], starts: Callable[[Candles, int, int], list[int]]
) -> None:
    """On a slice, every value after the lookback is that of the whole series."""
    extractor = alone(pattern)
    for candles in all_candles:
        whole = extractor.extract(candles)
        for start in starts(candles, 6, 80):
            part = extractor.extract(candles[start : start + 80])
            known = slice(start + extractor.lookback, start + 80)
            assert np.array_equal(part[extractor.lookback :], whole[known])


def test_patterns_are_found_on_real_candles(apple: Candles) -> None:
    """Most patterns occur in thirteen years of AAPL, and values are between -2 and 2."""
    extractor = CdlFeatures(CdlOptions())
    values = extractor.extract(apple)[extractor.lookback :]
    assert np.count_nonzero(np.any(values != 0, axis=0)) > 45
    assert set(np.unique(np.abs(values)).tolist()) <= {0.0, float(np.float32(0.8)), 1.0, 2.0}


def test_columns_are_chosen_in_the_order_given() -> None:
    """`functions` chooses and orders the columns, `exclude` leaves some out, and the lookback is the longest chosen."""
    extractor = CdlFeatures(CdlOptions(functions=["CDLENGULFING", "CDLDOJI", "CDL3OUTSIDE"], exclude=["CDLDOJI"]))
    assert extractor.columns == ("cdl_engulfing", "cdl_3outside")
    assert extractor.lookback == 3
    assert CdlFeatures(CdlOptions(exclude=["CDLDOJI"])).columns.count("cdl_doji") == 0


@pytest.mark.parametrize("count", [0, 1, 14])
def test_too_few_candles_have_no_values(apple: Candles, count: int) -> None:
    """With no more candles than the lookback every value is NaN."""
    values = CdlFeatures(CdlOptions()).extract(apple[:count])
    assert values.shape == (count, 61)
    assert np.isnan(values).all()


def test_the_first_known_value_needs_one_candle_more(apple: Candles) -> None:
    """With one candle more than the lookback the last row is known."""
    assert np.isfinite(CdlFeatures(CdlOptions()).extract(apple[:15])[-1]).all()


def test_no_value_depends_on_a_later_candle(candles: Candles) -> None:
    """Cutting the series after a candle changes no value up to it."""
    extractor = CdlFeatures(CdlOptions())
    whole = extractor.extract(candles)
    for end in (15, 500, 1234, len(candles) - 1):
        assert np.array_equal(extractor.extract(candles[:end]), whole[:end], equal_nan=True)


def test_the_unit_of_the_price_does_not_matter(candles: Candles, in_unit: Callable[[Candles, float], Candles]) -> None:
    """Prices times a power of two give the same values; times 1000 at most one in 1000 differs, by a tie's rounding."""
    extractor = CdlFeatures(CdlOptions())
    whole = extractor.extract(candles)
    for factor in (1024.0, 2.0**-20):
        assert np.array_equal(extractor.extract(in_unit(candles, factor)), whole, equal_nan=True)
    differ = (extractor.extract(in_unit(candles, 1000.0)) != whole)[extractor.lookback :]
    assert np.count_nonzero(differ) <= 0.002 * differ.size


def test_threads_get_the_same_values(apple: Candles) -> None:
    """Eight threads that share one extractor get what one gets."""
    extractor = CdlFeatures(CdlOptions())
    expected = extractor.extract(apple)
    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(lambda _: extractor.extract(apple), range(16)):
            assert np.array_equal(values, expected, equal_nan=True)


def test_the_core_accepts_what_is_extracted(candles: Candles) -> None:
    """The checked matrix is C-contiguous, and NaN in the warm-up only."""
    extractor = CdlFeatures(CdlOptions())
    matrix = candle_features(plan([extractor]), candles)
    assert matrix.flags.c_contiguous
    assert np.isnan(matrix).sum() == extractor.lookback * 61


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"functions": ["CDLENGULFIN"]}, "'CDLENGULFIN' is no candle pattern of TA-Lib; did you mean CDLENGULFING?"),
        ({"functions": ["engulfing"]}, "'engulfing' is no candle pattern of TA-Lib; did you mean CDLENGULFING?"),
        ({"exclude": ["RSI"]}, "'RSI' is no candle pattern of TA-Lib"),
        (
            {"functions": ["CDLDOJI"], "exclude": ["CDLDOJI"]},
            "functions minus exclude leaves no pattern; leave at least one",
        ),
        ({"functions": []}, "functions minus exclude leaves no pattern; leave at least one"),
    ],
)
def test_a_wrong_choice_is_named(options: dict[str, list[str]], message: str) -> None:
    """A function that does not exist and a choice of nothing are refused by name."""
    with pytest.raises(ValidationError) as caught:
        CdlOptions.model_validate(options)
    assert f"Value error, {message}" in {error["msg"] for error in caught.value.errors()}


def test_a_long_series_is_the_same_in_one_piece_or_in_blocks(all_candles: list[Candles]) -> None:
    """Series long enough to be divided among threads have TA-Lib's values of the whole, to the last bit."""
    extractor = CdlFeatures(CdlOptions())
    for candles in (long(candles, 70_001) for candles in all_candles[:3]):
        prices = (candles.open, candles.high, candles.low, candles.close)
        values = extractor.extract(candles)
        for column, pattern in enumerate(PATTERNS):
            expected = (getattr(talib, pattern.function)(*prices) / 100).astype(np.float32)
            assert np.array_equal(values[extractor.lookback :, column], expected[extractor.lookback :])


def long(candles: Candles, count: int) -> Candles:
    """The candles again and again."""
    prices = (np.resize(price, count) for price in (candles.open, candles.high, candles.low, candles.close))
    return Candles(candles.key, np.arange(count, dtype=np.int64) * 86_400, *prices)

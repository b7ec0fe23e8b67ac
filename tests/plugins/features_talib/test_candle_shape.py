"""The extractor `candle-shape`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from candle_ml.candles import Candles, SeriesKey
from candle_ml.features import candle_features, plan
from candle_ml_features_talib.candle_shape import CandleShape
from candle_ml_features_talib.options import CandleShapeOptions

SHAPE = CandleShape(CandleShapeOptions())


def one_after_another(*rows: tuple[float, float, float, float]) -> Candles:
    """Candles of these opens, highs, lows and closes."""
    first, high, low, last = np.array(rows, dtype=np.float64).T.copy()
    return Candles(SeriesKey("X", "1h"), np.arange(len(rows), dtype=np.int64) * 3600, first, high, low, last)


def test_columns_of_a_candle() -> None:
    """Each column is what its name says, in mean ranges of the last two candles."""
    candles = one_after_another((10.0, 12.0, 9.0, 11.0), (12.0, 14.0, 9.0, 10.0))
    values = CandleShape(CandleShapeOptions(scale_candles=2)).extract(candles)
    expected = {
        "body_size": 2.0 / 4.0,
        "body_direction": -1.0,
        "upper_wick": 2.0 / 4.0,
        "lower_wick": 1.0 / 4.0,
        "wick_ratio": (2.0 - 1.0) / (2.0 + 1.0),
        "body_to_range": 2.0 / 5.0,
        "gap": (12.0 - 11.0) / 4.0,
        "range": 5.0 / 4.0,
    }
    assert SHAPE.columns == tuple(expected)
    assert values[1].tolist() == pytest.approx(list(expected.values()), rel=1e-6)


def test_lengths_can_stay_in_prices() -> None:
    """With scale none lengths are in prices, and one candle before is enough."""
    extractor = CandleShape(CandleShapeOptions(scale="none"))
    values = extractor.extract(one_after_another((10.0, 12.0, 9.0, 11.0), (12.0, 14.0, 9.0, 10.0)))
    assert extractor.lookback == 1
    assert values[1].tolist() == pytest.approx([2.0, -1.0, 2.0, 1.0, 1 / 3, 0.4, 1.0, 5.0])


def test_a_candle_without_range_has_zeros(flat_candles: Callable[[int], Candles]) -> None:
    """Where nothing moves, nothing is divided by zero: all columns are 0."""
    assert not SHAPE.extract(flat_candles(30))[SHAPE.lookback :].any()


@pytest.mark.parametrize("count", [0, 1, 13])
def test_too_few_candles_have_no_values(apple: Candles, count: int) -> None:
    """With no more candles than the lookback every value is NaN."""
    values = SHAPE.extract(apple[:count])
    assert values.shape == (count, 8)
    assert np.isnan(values).all()


def test_a_slice_has_the_same_bits(candles: Candles, starts: Callable[[Candles, int, int], list[int]]) -> None:
    """With the lookback before it, every value of a slice is that of the whole series."""
    whole = SHAPE.extract(candles)
    for start in starts(candles, 50, 60):
        part = SHAPE.extract(candles[start : start + 60])[SHAPE.lookback :]
        assert np.array_equal(part, whole[start + SHAPE.lookback : start + 60])


def test_the_unit_of_the_price_does_not_matter(candles: Candles, in_unit: Callable[[Candles, float], Candles]) -> None:
    """Prices times a power of two have the same shapes, and quoted prices times 1000 too."""
    whole = SHAPE.extract(candles)
    for factor in (1024.0, 2.0**-20):
        assert np.array_equal(SHAPE.extract(in_unit(candles, factor)), whole, equal_nan=True)
    differ = (SHAPE.extract(in_unit(candles, 1000.0)) != whole)[SHAPE.lookback :]
    assert np.count_nonzero(differ) <= (differ.size / 1000 if candles.key.pair == "unrounded" else 0)


def test_no_value_depends_on_a_later_candle(candles: Candles) -> None:
    """Cutting the series after a candle changes no value up to it."""
    whole = SHAPE.extract(candles)
    for end in (14, 15, 700, len(candles) - 1):
        assert np.array_equal(SHAPE.extract(candles[:end]), whole[:end], equal_nan=True)


def test_threads_get_the_same_values(apple: Candles) -> None:
    """Eight threads that share one extractor get what one gets."""
    expected = SHAPE.extract(apple)
    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(lambda _: SHAPE.extract(apple), range(16)):
            assert np.array_equal(values, expected, equal_nan=True)


def test_the_core_accepts_what_is_extracted(candles: Candles) -> None:
    """The checked matrix is NaN in the warm-up only."""
    assert np.isnan(candle_features(plan([SHAPE]), candles)).sum() == SHAPE.lookback * 8

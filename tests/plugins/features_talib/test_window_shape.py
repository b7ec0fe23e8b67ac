"""The extractor `window-shape`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from candle_ml.candles import Candles, SeriesKey
from candle_ml.features import plan, window_features
from candle_ml_features_talib.options import WindowShapeOptions
from candle_ml_features_talib.window_shape import WindowShape

SHAPE = WindowShape(WindowShapeOptions())


def extracted(closes: list[float], spread: float = 0.0, options: WindowShapeOptions | None = None) -> dict[str, float]:
    """The features of a window with these closes, after 21 candles that move between 100 and 110.

    Each candle opens at the close before it and reaches `spread` beyond its body on both sides.
    """
    path = np.array([100.0, *([110.0, 100.0] * 10), *closes])
    first, last = np.concatenate((path[:1], path[:-1])), path
    time = np.arange(len(path), dtype=np.int64) * 3600
    high, low = np.maximum(first, last) + spread, np.minimum(first, last) - spread
    candles = Candles(SeriesKey("X", "1h"), time, first, high, low, last)
    shape = SHAPE if options is None else WindowShape(options)
    values = shape.extract(candles, np.array([21]), np.array([len(path) - 1]))
    return dict(zip(shape.columns, values[0].tolist(), strict=True))


def random_windows(candles: Candles, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(count)
    length = random.choice([1, 2, 3, 5, 16, 17, 40, 100], count)
    first = random.integers(SHAPE.lookback, len(candles) - 100, count)
    return first, first + length - 1


def test_the_columns() -> None:
    """There are 16 points for each of three price paths, and 16 measures, all with names of their own."""
    assert len(set(SHAPE.columns)) == len(SHAPE.columns) == 64
    assert SHAPE.columns[:2] == ("shape_close_0", "shape_close_1")
    assert SHAPE.lookback == 21


def test_paths_and_points_are_chosen() -> None:
    """`points` and `prices` choose the columns; without prices the measures are left."""
    few = WindowShape(WindowShapeOptions(points=3, prices=["low"], context=5))
    assert few.columns[:4] == ("shape_low_0", "shape_low_1", "shape_low_2", "shape_slope")
    assert few.lookback == 6
    assert len(WindowShape(WindowShapeOptions(prices=[])).columns) == 16


def test_closes_run_from_the_windows_low_to_its_high() -> None:
    """Closes are resampled on straight lines between candles, 0 at the window's low and 1 at its high."""
    shape = extracted([110.0, 120.0, 130.0], options=WindowShapeOptions(points=5))
    assert [shape[f"shape_close_{point}"] for point in range(5)] == pytest.approx([1 / 3, 0.5, 2 / 3, 5 / 6, 1.0])
    assert [shape[f"shape_high_{point}"] for point in range(5)] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1.0, 1.0])
    assert [shape[f"shape_low_{point}"] for point in range(5)] == pytest.approx([0.0, 0.0, 1 / 3, 1 / 3, 2 / 3])


def test_a_straight_rise() -> None:
    """A rise has a slope, no curvature, no turn, its low first and its high last, and nothing of it is undone."""
    shape = extracted([101.0 + step for step in range(30)])
    assert shape["shape_slope"] == pytest.approx(29 / 30)
    assert shape["shape_curvature"] == pytest.approx(0.0, abs=1e-6)
    assert shape["shape_roughness"] == pytest.approx(0.0, abs=1e-6)
    assert (shape["shape_low_position"], shape["shape_high_position"]) == pytest.approx((0.5 / 30, 29.5 / 30))
    assert (shape["shape_turning_points"], shape["shape_retracement"], shape["shape_fall"]) == (0.0, 0.0, 0.0)
    assert (shape["shape_rise"], shape["shape_efficiency"]) == pytest.approx((1.0, 1.0))
    assert (shape["shape_body_share"], shape["shape_up_share"]) == pytest.approx((1.0, 1.0))


def test_a_double_bottom() -> None:
    """Down, up, down and up again turns three times, and is bent upwards where its middle is low."""
    closes = [100 - step for step in range(10)] + [91 + step for step in range(6)]
    closes += [96 - step for step in range(6)] + [91 + step for step in range(11)]
    shape = extracted([float(close) for close in closes])
    assert shape["shape_turning_points"] == 3.0
    assert shape["shape_curvature"] > 0.5
    assert shape["shape_retracement"] == pytest.approx(0.0, abs=1e-6)


def test_a_rise_that_is_half_undone() -> None:
    """After a rise the retracement is the share that the close has come back from the high."""
    shape = extracted([100.0, 110.0, 120.0, 115.0, 110.0])
    assert shape["shape_retracement"] == pytest.approx(0.5)
    assert shape["shape_fall"] == pytest.approx(0.5)
    assert shape["shape_high_position"] == pytest.approx(2.5 / 5)


def test_volatility_is_compared_with_before_and_within() -> None:
    """Ranges of 10 before and in the first half and of 30 in the second half are a quarter against three."""
    shape = extracted([110.0, 100.0, 130.0, 100.0])
    assert shape["shape_volatility_halves"] == pytest.approx(30 / 40)
    assert shape["shape_volatility_before"] == pytest.approx(20 / 30)


def test_the_window_is_placed_against_the_candles_before() -> None:
    """A window that ends as far above the earlier range as that range is high ends at 2."""
    shape = extracted([105.0, 120.0])
    assert shape["shape_end_before"] == pytest.approx(2.0)
    assert shape["shape_trend_before"] == pytest.approx(0.0)


def test_length_does_not_matter() -> None:
    """The same line drawn with three times as many candles has nearly the same shape."""
    short = extracted([100 + 10 * np.sin(step / 4) for step in range(20)])
    long = extracted([100 + 10 * np.sin(step / 12) for step in range(60)])
    for name in ("shape_slope", "shape_curvature", "shape_turning_points", "shape_retracement", "shape_efficiency"):
        assert long[name] == pytest.approx(short[name], abs=0.15), name


def test_a_window_without_range_is_defined(flat_candles: Callable[[int], Candles]) -> None:
    """Where nothing moves paths stand at 0.5, ratios at "no change" and measures at 0."""
    values = SHAPE.extract(flat_candles(60), np.array([30, 59]), np.array([40, 59]))
    shape = dict(zip(SHAPE.columns, values[0].tolist(), strict=True))
    assert set(values[:, :48].ravel().tolist()) == {0.5}
    assert shape["shape_volatility_before"] == shape["shape_volatility_halves"] == 0.5
    assert shape["shape_slope"] == shape["shape_rise"] == shape["shape_efficiency"] == shape["shape_end_before"] == 0.0


def test_a_slice_has_the_same_bits(candles: Candles) -> None:
    """A window's features are the same with nothing but its lookback before it and alone in its request."""
    first, last = random_windows(candles, 50)
    whole = SHAPE.extract(candles, first, last)
    assert np.isfinite(whole).all()
    for row, (start, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        begin = start - SHAPE.lookback
        part = SHAPE.extract(candles[begin : end + 1], np.array([SHAPE.lookback]), np.array([end - begin]))
        assert np.array_equal(part[0], whole[row])


def test_unit_and_time_do_not_matter(candles: Candles, in_unit: Callable[[Candles, float], Candles]) -> None:
    """Other times and prices times a power of two have the same shapes, and quoted prices times 1000 too."""
    first, last = random_windows(candles, 400)
    whole = SHAPE.extract(candles, first, last)
    later = replace(candles, time=candles.time + 86_400 * 77)
    for same in (later, in_unit(candles, 1024.0), in_unit(candles, 2.0**-20)):
        assert np.array_equal(SHAPE.extract(same, first, last), whole)
    differ = SHAPE.extract(in_unit(candles, 1000.0), first, last) != whole
    assert np.count_nonzero(differ) <= (differ.size / 1000 if candles.key.pair == "unrounded" else 0)


def test_no_value_depends_on_a_later_candle(apple: Candles) -> None:
    """Cutting the series after a window changes none of its features."""
    first, last = random_windows(apple[:600], 100)
    assert np.array_equal(SHAPE.extract(apple[: last.max() + 1], first, last), SHAPE.extract(apple, first, last))


def test_the_order_of_windows_does_not_matter(apple: Candles) -> None:
    """Windows of mixed lengths in any order have the features of the sorted ones."""
    first, last = random_windows(apple, 500)
    order = np.random.default_rng(0).permutation(500)
    assert np.array_equal(SHAPE.extract(apple, first[order], last[order]), SHAPE.extract(apple, first, last)[order])


def test_windows_with_too_little_before_them_have_no_values(apple: Candles) -> None:
    """A window that starts before the lookback is NaN, and the others are not."""
    values = window_features(plan([SHAPE]), apple, np.array([0, 20, 21]), np.array([30, 40, 50]))
    assert np.isnan(values[:2]).all()
    assert np.isfinite(values[2]).all()
    assert np.isnan(SHAPE.extract(apple[:5], np.array([0]), np.array([4]))).all()


def test_no_windows_at_all(apple: Candles) -> None:
    """No windows give an empty matrix with all columns."""
    nothing = np.empty(0, dtype=np.int64)
    assert SHAPE.extract(apple, nothing, nothing).shape == (0, 64)


def test_threads_get_the_same_values(apple: Candles) -> None:
    """Eight threads that share one extractor get what one gets."""
    first, last = random_windows(apple, 300)
    expected = SHAPE.extract(apple, first, last)
    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(lambda _: SHAPE.extract(apple, first, last), range(16)):
            assert np.array_equal(values, expected)


@pytest.mark.parametrize("options", [{"points": 1}, {"swing": 0.0}, {"context": 0}, {"prices": ["open"]}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    """One point, no swing, no context and an unknown price are refused."""
    with pytest.raises(ValidationError):
        WindowShapeOptions.model_validate(options)

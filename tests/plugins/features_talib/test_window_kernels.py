"""The extractor `window-kernels`."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from candle_ml.candles import Candles, SeriesKey
from candle_ml_features_talib.options import WindowKernelsOptions
from candle_ml_features_talib.window_kernels import WindowKernels

KERNELS = WindowKernels(WindowKernelsOptions())


def candles_of(closes: NDArray[np.float64]) -> Candles:
    time = np.arange(len(closes), dtype=np.int64) * 3600
    return Candles(SeriesKey("X", "1h"), time, closes, closes, closes, closes)


def walk(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.round(100 + np.random.default_rng(seed).normal(size=count).cumsum() / 10, 2)


def whole(closes: NDArray[np.float64], kernels: WindowKernels = KERNELS) -> NDArray[np.float32]:
    """The features of one window that holds all closes."""
    rows = kernels.extract(candles_of(closes), np.array([0]), np.array([len(closes) - 1]))
    return rows.reshape(-1)


def test_the_columns() -> None:
    """Three dilations, three biases and 84 kernels give 756 columns with names of their own."""
    assert len(set(KERNELS.columns)) == len(KERNELS.columns) == 756
    assert (KERNELS.columns[0], KERNELS.columns[-1]) == ("kernel_1_012_0", "kernel_3_678_2")
    assert (KERNELS.scope, KERNELS.lookback, KERNELS.needs_volume) == ("window", 0, False)


def test_points_dilations_and_biases_are_chosen() -> None:
    """Each option changes the columns as it says; a dilation named twice counts once."""
    chosen = WindowKernels(WindowKernelsOptions(points=9, dilations=[2, 1, 2], biases=1))
    assert len(chosen.columns) == 2 * 84
    assert set(np.unique(whole(walk(40), chosen) * 9).round(4)) <= set(range(10))


@pytest.mark.parametrize(("points", "dilation"), [(32, 1), (32, 3), (16, 2)])
def test_a_median_column_is_the_share_of_positive_responses(points: int, dilation: int) -> None:
    """With one bias a column is the share of points at which its kernel, laid over the closes, is above zero."""
    kernels = WindowKernels(WindowKernelsOptions(points=points, dilations=[dilation], biases=1))
    closes = 100 + np.random.default_rng(points).normal(size=points).cumsum()
    found = dict(zip(kernels.columns, whole(closes, kernels).tolist(), strict=True))
    path = np.pad(closes - closes.mean(), 4 * dilation)
    for high in combinations(range(9), 3):
        weights = [2.0 if place in high else -1.0 for place in range(9)]
        responses = [weight * path[place * dilation :][:points] for place, weight in enumerate(weights)]
        share = float((np.sum(responses, axis=0) > 1e-6).mean())
        assert abs(found[f"kernel_{dilation}_{''.join(map(str, high))}_0"] - share) <= 1 / points


def test_biases_divide_the_responses_to_random_walks() -> None:
    """Over random walks the three levels are exceeded about five sixths, a half and a sixth of the time."""
    count, length = 400, 40
    candles = candles_of(walk(count * length, seed=3))
    last = np.arange(length - 1, count * length, length)
    shares = KERNELS.extract(candles, last - length + 1, last).mean(axis=0).reshape(3, 3, 84)
    for level, expected in enumerate((5 / 6, 1 / 2, 1 / 6)):
        assert abs(float(shares[:, level].mean()) - expected) < 0.05


def test_a_window_twice_as_long_with_the_same_path_has_the_same_features() -> None:
    """A path of 32 closes and the same one with a close halfway between every two give equal features."""
    closes = walk(32)
    longer = np.interp(np.arange(63) / 2, np.arange(32), closes)
    assert np.abs(whole(closes) - whole(longer)).max() <= 1 / 32


@pytest.mark.parametrize("factor", [1e-4, 10.0, 1000.0])
def test_prices_in_another_unit_have_the_same_features(factor: float) -> None:
    """Prices multiplied by a power of ten give the same bits."""
    closes = walk(60)
    assert np.array_equal(whole(np.round(closes * factor, 8)), whole(closes))


def test_features_are_the_same_bits_in_any_company() -> None:
    """A window alone, or among others, or in a series cut at its ends, has the same features to the last bit."""
    candles = candles_of(walk(1500))
    rng = np.random.default_rng(5)
    length = rng.choice([1, 2, 9, 24, 31, 48], 1200)
    first = rng.integers(0, 1400, 1200)
    every = KERNELS.extract(candles, first, first + length - 1)
    for row in range(0, 1200, 60):
        start, count = int(first[row]), int(length[row])
        alone = KERNELS.extract(candles[start : start + count], np.array([0]), np.array([count - 1]))
        assert np.array_equal(alone[0], every[row])


def test_a_window_that_does_not_move_is_finite() -> None:
    """Equal closes respond nowhere: every column is 1 for a bias below zero and 0 for the others."""
    flat = whole(np.full(30, 7.0)).reshape(3, 3, 84)
    assert (flat[:, 0] == 1.0).all()
    assert (flat[:, 2] == 0.0).all()
    assert np.isfinite(flat).all()


@pytest.mark.parametrize("options", [{"points": 8}, {"dilations": []}, {"dilations": [0]}, {"biases": 0}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    """Fewer points than weights, no or zero dilations and no bias are refused."""
    with pytest.raises(ValidationError):
        WindowKernelsOptions.model_validate(options)

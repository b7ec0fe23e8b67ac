"""Block-bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from candle_ml.evaluation.intervals import BlockCounts, f1_interval, time_blocks


def one_label(right: NDArray[np.float64], size: float) -> BlockCounts:
    """Blocks of `size` candles, all true and all claimed, of which `right` are right."""
    full = np.full((len(right), 1), size)
    return BlockCounts(right[:, None], full, full)


def test_blocks_hold_equally_many_moments() -> None:
    """Ten moments in three blocks are four, three and three, however many series share one and however far apart."""
    times = np.array([1, 2, 2, 2, 3, 4, 50, 60, 70, 800, 801, 802, 802], dtype=np.int64)
    assert time_blocks(times, 3).tolist() == [1, 50, 800]
    assert time_blocks(times, 100).tolist() == sorted(set(times.tolist()))
    assert time_blocks(times[:0], 3).tolist() == []


def test_interval_of_independent_candles_is_the_binomial_one() -> None:
    """With one candle a block, the interval of a share is within 0.01 of the normal approximation."""
    right = (np.random.default_rng(4).random(1000) < 0.7).astype(np.float64)
    share = right.mean()
    margin = 1.96 * np.sqrt(share * (1 - share) / len(right))
    interval = f1_interval(one_label(right, 1), "micro", 4000, 0)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((share - margin, share + margin), abs=0.01)


def test_mistakes_in_runs_make_the_interval_wider() -> None:
    """The same number of mistakes is less certain when they come block by block than when they are spread evenly."""
    runs = f1_interval(one_label(np.repeat([10.0, 0.0], 10), 10), "micro", 2000, 0)
    spread = f1_interval(one_label(np.full(20, 5.0), 10), "micro", 2000, 0)
    assert runs is not None
    assert spread is not None
    assert (spread.low, spread.high) == (0.5, 0.5)
    assert runs.low < 0.35
    assert runs.high > 0.65


def test_same_seed_same_interval() -> None:
    """An interval depends on the seed and on nothing else that is random."""
    counts = one_label(np.arange(20.0), 20)
    assert f1_interval(counts, "macro", 200, 1) == f1_interval(counts, "macro", 200, 1)
    assert f1_interval(counts, "macro", 200, 1) != f1_interval(counts, "macro", 200, 2)


def test_macro_leaves_out_labels_that_are_not_there() -> None:
    """A label that is never true changes the micro mean by its wrong claims and the macro mean not at all."""
    right = np.array([[8.0, 0.0], [8.0, 0.0]])
    counts = BlockCounts(right, np.array([[8.0, 0.0], [8.0, 0.0]]), np.array([[8.0, 4.0], [8.0, 4.0]]))
    macro, micro = f1_interval(counts, "macro", 50, 0), f1_interval(counts, "micro", 50, 0)
    assert macro is not None
    assert micro is not None
    assert (macro.low, macro.high) == (1.0, 1.0)
    assert (micro.low, micro.high) == (0.8, 0.8)


@pytest.mark.parametrize("blocks", [0, 1])
def test_fewer_than_two_blocks_give_no_interval(blocks: int) -> None:
    """From one block nothing can be said about chance."""
    assert f1_interval(one_label(np.ones(blocks), 1), "macro", 100, 0) is None

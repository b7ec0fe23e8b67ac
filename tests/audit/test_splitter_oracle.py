"""Blocks and folds beside those of an independent implementation of purging and embargo (timeseriescv).

Its samples have a time at which they are predicted, here the open of the window, and one at which they are evaluated,
here the last second before the label is known, so that windows that only touch do not overlap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from timeseriescv.cross_validation import PurgedWalkForwardCV, embargo

from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import Samples
from candle_ml.split import close_times, split, walk_forward

START = 1_704_067_200  # 2024-01-01T00:00:00Z
QUARTER, HOUR = SeriesKey("EURUSD", "15m"), SeriesKey("XAUUSD", "1h")
CASES = 60
Rows = NDArray[np.int64]


def made_series(count: int) -> dict[SeriesKey, Candles]:
    """Two series of different timeframes that cover the same time."""
    made = {}
    for key, length in ((QUARTER, 4 * count), (HOUR, count)):
        price = np.full(length, 100.0)
        time = START + key.seconds * np.arange(length, dtype=np.int64)
        made[key] = Candles(key, time, price, price, price, price)
    return made


def made_samples(candles: dict[SeriesKey, Candles], random: np.random.Generator) -> Samples:
    """A window from every candle on, of random length, known up to five candles after its end; sorted by its open."""
    parts = []
    for code, one in enumerate(candles.values()):
        first = np.arange(len(one) - 20)
        last = first + random.integers(0, 12, len(first))
        known = last + random.integers(0, 6, len(first)) * (random.random(len(first)) < 0.3)
        parts.append(np.stack([np.full(len(first), code), first, last, one.time[known], one.time[first]]))
    table = np.concatenate(parts, axis=1)
    code, first, last, known_at, _ = table[:, np.argsort(table[4], kind="stable")]
    count = len(first)
    return Samples(
        kind="window",
        width=4,
        series=tuple(candles),
        classes=("O", "flag"),
        series_code=code.astype(np.int32),
        first=first,
        last=last,
        scale=(last - first + 1).astype(np.int32),
        known_at=known_at,
        codes=(random.random(count) < 0.4).astype(np.int32),
        weight=np.ones(count, dtype=np.float32),
        annotation=np.arange(count),
        span_length=np.zeros(count, dtype=np.int64),
        annotation_ids=tuple(map(str, range(count))),
    )


class Oracle:
    """The other implementation, told where the borders are."""

    def __init__(self, samples: Samples, candles: dict[SeriesKey, Candles], borders: list[int]) -> None:
        opens = np.empty(len(samples), dtype=np.int64)
        for code, key in enumerate(samples.series):
            rows = samples.series_code == code
            opens[rows] = candles[key].time[samples.first[rows]]
        self.cv = PurgedWalkForwardCV(n_splits=len(borders) + 1, min_train_splits=1)
        self.cv.pred_times = pd.Series(pd.to_datetime(opens, unit="s"))
        self.cv.eval_times = pd.Series(pd.to_datetime(close_times(samples) - 1, unit="s"))
        self.cv.indices = np.arange(len(samples))
        self.cv.fold_bounds = [0, *np.searchsorted(opens, borders).tolist()]

    def train(self, fold: int) -> Rows:
        """What may be trained on before border `fold` (from 1)."""
        return np.asarray(self.cv.compute_train_set(self.cv.fold_bounds[fold], fold))

    def test(self, fold: int) -> Rows:
        """What starts between border `fold` and the next one, and is known by then."""
        starting = self.cv.compute_test_set(self.cv.fold_bounds[fold], fold)
        last = fold + 1 == len(self.cv.fold_bounds)
        return np.asarray(starting if last else np.intersect1d(starting, self.train(fold + 1)))


def rows_of(part: Samples) -> list[int]:
    """The numbers of samples, which stand in their annotations."""
    return sorted(int(part.annotation_ids[number]) for number in part.annotation)


@pytest.mark.figure("splits equal to those of timeseriescv", CASES // 3)
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_those_of_the_oracle(seed: int) -> None:
    """Train and test of every fold hold the same samples, over two timeframes and windows of any length."""
    random = np.random.default_rng(seed)
    for _ in range(CASES // 3):
        candles = made_series(int(random.integers(60, 120)))
        samples = made_samples(candles, random)
        folds = walk_forward(samples, candles, folds=int(random.integers(2, 7)), embargo=0)
        oracle = Oracle(samples, candles, [fold.test_block.start for fold in folds])
        for number, fold in enumerate(folds, 1):
            assert rows_of(fold.train) == oracle.train(number).tolist()
            assert rows_of(fold.test) == oracle.test(number).tolist()


@pytest.mark.figure("splits equal to those of timeseriescv", CASES // 3)
@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_those_of_the_oracle(seed: int) -> None:
    """Each of the four blocks holds what the oracle leaves between its two borders."""
    random = np.random.default_rng(100 + seed)
    for _ in range(CASES // 3):
        candles = made_series(int(random.integers(80, 140)))
        samples = made_samples(candles, random)
        parts = split(samples, candles, embargo=0, train=0.55, validation=0.1, calibration=0.15, test=0.2)
        oracle = Oracle(samples, candles, [block.start for block in parts.blocks[1:]])
        blocks = list(parts.parts().values())
        assert rows_of(blocks[0]) == oracle.train(1).tolist()
        for number, block in enumerate(blocks[1:], 1):
            assert rows_of(block) == oracle.test(number).tolist()


@pytest.mark.figure("splits equal to those of timeseriescv", CASES // 3)
@pytest.mark.parametrize("seed", range(3))
def test_the_embargo_is_that_of_the_oracle(seed: int) -> None:
    """After a border the same samples wait out the embargo, in a series of one timeframe."""
    random = np.random.default_rng(200 + seed)
    for _ in range(CASES // 3):
        candles = {HOUR: made_series(int(random.integers(150, 300)))[HOUR]}
        samples = made_samples(candles, random)
        candles_left_out = int(random.integers(0, 15))
        (fold, *_) = walk_forward(samples, candles, folds=2, embargo=candles_left_out)
        oracle = Oracle(samples, candles, [fold.test_block.start, fold.test_block.end])
        oracle.cv.embargo_td = pd.Timedelta(seconds=candles_left_out * HOUR.seconds)
        bound = oracle.cv.fold_bounds[1]
        free = embargo(oracle.cv, oracle.cv.indices, oracle.train(1), bound)
        assert rows_of(fold.test) == np.intersect1d(oracle.test(1), free).tolist()

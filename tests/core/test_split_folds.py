"""Folds of the train block, and advice, where several samples show one pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import Samples
from candle_ml.split import Block, cross_folds, split

DAY = SeriesKey("XAUUSD", "1d")
START = 1_704_067_200  # 2024-01-01T00:00:00Z


@dataclass(frozen=True)
class Row:
    """A sample: window [first, last] of the series, known `later` candles after its last."""

    first: int
    last: int
    label: str
    key: SeriesKey = DAY
    later: int = 0


def make_candles(key: SeriesKey, count: int, start: int = START) -> Candles:
    price = np.full(count, 100.0)
    time = start + np.arange(count, dtype=np.int64) * key.seconds
    return Candles(key, time, price, price, price, price)


def make_samples(rows: Sequence[Row], candles: Mapping[SeriesKey, Candles]) -> Samples:
    series = tuple(candles)
    classes = ("O", *sorted({row.label for row in rows} - {"O"}))
    first, last = (np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in ("first", "last"))
    known = [candles[row.key].time[min(row.last + row.later, len(candles[row.key]) - 1)] for row in rows]
    count = len(rows)
    return Samples(
        kind="window",
        width=4,
        series=series,
        classes=classes,
        series_code=np.array([series.index(row.key) for row in rows], dtype=np.int32),
        first=first,
        last=last,
        scale=(last - first + 1).astype(np.int32),
        known_at=np.array(known, dtype=np.int64),
        codes=np.array([classes.index(row.label) for row in rows], dtype=np.int32),
        weight=np.ones(count, dtype=np.float32),
        annotation=np.full(count, -1, dtype=np.int64),
        span_length=np.zeros(count, dtype=np.int64),
    )


def test_cross_folds_test_each_stretch_on_what_stands_before_and_after() -> None:
    """Ten patterns in two folds: each is trained on samples that share no candle with the other, nor its embargo."""
    candles = {DAY: make_candles(DAY, 120)}
    rows = [Row(first, first + 5, "flag") for first in range(4, 104, 10)] + [Row(52, 57, "O"), Row(110, 113, "O")]
    samples = make_samples(rows, candles)
    whole = Block("train", START, START + 120 * DAY.seconds)
    early, late = cross_folds(samples, candles, whole, folds=2, embargo=6)
    border = START + 50 * DAY.seconds
    assert [(fold.test_block.start, fold.test_block.end) for fold in (early, late)] == [
        (whole.start, border),
        (border, whole.end),
    ]
    assert early.train.first.tolist() == [64, 74, 84, 94, 110]
    assert early.test.first.tolist() == [14, 24, 34, 44]
    assert late.train.first.tolist() == [4, 14, 24, 34, 44]
    assert late.test.first.tolist() == [64, 74, 84, 94, 110]
    assert [fold.removed for fold in (early, late)] == [{"shared with the test": 3}, {"shared with the test": 2}]


def test_advice_counts_patterns_and_not_their_samples() -> None:
    """A pattern that many windows show counts once: the advice asks for as many annotations as are lacking."""
    candles = {DAY: make_candles(DAY, 400)}
    rows = [Row(first + later, first + later + 5, "flag") for first in range(10, 390, 20) for later in range(3)]
    samples = make_samples([*rows, *(Row(first, first + 3, "O") for first in range(0, 390, 20))], candles)
    annotation = np.where(samples.codes > 0, np.arange(len(samples)) // 3, -1)
    once = samples.replace(annotation=annotation, annotation_ids=tuple(map(str, range(len(rows) // 3))))
    advice = [split(each, candles, embargo=0).warnings for each in (samples, once)]
    assert advice[0] == ()
    assert len(advice[1]) == 1
    assert "test block" in advice[1][0]
    assert advice[1][0].endswith("too few to judge by: 3 flag (annotate 2 more)")

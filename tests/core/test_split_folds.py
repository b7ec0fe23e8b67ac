"""Folds of the train block, and advice, where several samples show one pattern."""

from __future__ import annotations

import numpy as np

from candle_ml.split import Block, cross_folds, split

from .split_samples import DAY, START, Row, make_candles, make_samples


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

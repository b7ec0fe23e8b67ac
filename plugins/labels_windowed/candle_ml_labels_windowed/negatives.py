"""Which windows without a pattern are trained on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import Samples
from candle_ml_labels_windowed.marks import Believed
from candle_ml_labels_windowed.options import NegativeOptions

Rows = NDArray[np.int64]


def drawn(labelled: Samples, candles: Candles, pool: NDArray[np.bool_], count: int, options: NegativeOptions) -> Rows:
    """Rows of `count` windows of the pool, or of all of it, ascending; with `clear: overlap` a share of them near."""
    if options.clear != "overlap":
        return draw(labelled, candles, pool, count, options.seed)
    near = labelled.codes != 0
    close = draw(labelled, candles, pool & near, round(options.near * count), options.seed)
    far = draw(labelled, candles, pool & ~near, count - len(close), options.seed)
    return np.sort(np.concatenate((close, far)))


def draw(labelled: Samples, candles: Candles, pool: NDArray[np.bool_], count: int, seed: int) -> Rows:
    """Rows of `count` windows of the pool, or of all of it, ascending.

    Every candle and scale has a number drawn from the seed and the name of the series alone (PCG64); the windows with
    the smallest numbers are taken, so that neither times nor prices nor candles added later reorder the draw.
    """
    rows = np.flatnonzero(pool)
    scales, column = np.unique(labelled.scale, return_inverse=True)
    numbers = _numbers(seed, candles.key, len(candles) * len(scales))
    own = numbers[labelled.last[rows] * len(scales) + column[rows]]
    return np.sort(rows[np.argsort(own, kind="stable")[:count]])


def eligible(
    labelled: Samples,
    overlap: NDArray[np.float64],
    candles: Candles,
    believed: Believed,
    reviewed: Sequence[ReviewedRange],
    options: NegativeOptions,
    left_out: Counter[str],
) -> NDArray[np.bool_]:
    """The windows that are `O`, wholly reviewed and as clear of annotations as asked for; counts the others.

    `overlap` is each window's largest intersection over union with a pattern.
    """
    seen = _whole(_covered_by_ranges(candles, reviewed), labelled.first, labelled.last)
    clear = overlap < options.iou if options.clear == "overlap" else labelled.codes == 0
    if options.clear == "window":
        near = _covered_by_marks(len(candles), believed, options.margin)
        clear &= _whole(~near, labelled.first, labelled.last)
    left_out["window not reviewed"] += int((~seen).sum())
    left_out["window near an annotation"] += int((seen & ~clear).sum())
    wanted: NDArray[np.bool_] = seen & clear
    return wanted


def _covered_by_ranges(candles: Candles, reviewed: Sequence[ReviewedRange]) -> NDArray[np.bool_]:
    covered = np.zeros(len(candles), dtype=bool)
    for item in reviewed:
        first, last = candles.index_range(item.start_time, item.end_time)
        covered[first : last + 1] = True
    return covered


def _covered_by_marks(count: int, believed: Believed, margin: int) -> NDArray[np.bool_]:
    covered = np.zeros(count, dtype=bool)
    for marks in (believed.patterns, believed.doubtful):
        for first, last in zip(marks.first.tolist(), marks.last.tolist(), strict=True):
            covered[max(0, first - margin) : last + 1 + margin] = True
    return covered


def _whole(covered: NDArray[np.bool_], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether every candle of `[first, last]` is covered."""
    before = np.concatenate(([0], np.cumsum(covered)))
    whole: NDArray[np.bool_] = before[last + 1] - before[first] == last - first + 1
    return whole


def _numbers(seed: int, key: SeriesKey, count: int) -> NDArray[np.uint64]:
    name = int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=8).digest(), "little")
    return np.random.PCG64(np.random.SeedSequence((seed, name))).random_raw(count)

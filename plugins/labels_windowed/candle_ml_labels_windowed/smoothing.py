"""Scores of windows that agree with those of the windows around them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from candle_ml.scores import Samples, Scores


def smoothed(samples: Samples, scores: Scores, reach: int) -> Scores:
    """Each window's scores as the mean over all windows whose first and last candle are at most `reach` from its own.

    A pattern raises the scores of all windows that nearly hold it, chance those of one. Means are taken in the order of
    the windows' lengths and ends, so they are the same bits whatever stands before and after.
    """
    if not reach or not len(samples):
        return scores
    scales, column = np.unique(samples.scale, return_inverse=True)
    end = samples.last + reach
    table = np.zeros((len(scales), int(end.max()) + reach + 1, len(scores.classes) + 1))
    table[column, end, :-1] = scores.probabilities
    table[column, end, -1] = 1.0
    total = np.zeros((len(samples), len(scores.classes) + 1))
    for number, scale in enumerate(scales.tolist()):
        rows = np.flatnonzero(column == number)
        for other, shift in _around(scale, scales.tolist(), reach):
            total[rows] += table[other, end[rows] + shift]
    return Scores(scores.classes, total[:, :-1] / total[:, -1:])


def _around(scale: int, scales: list[int], reach: int) -> Iterator[tuple[int, int]]:
    """Which scales (by index), ending how many candles later, differ by at most `reach` candles at either end."""
    for number, other in enumerate(scales):
        for shift in range(-reach, reach + 1):
            if abs(shift - other + scale) <= reach:
                yield number, shift

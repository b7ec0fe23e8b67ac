"""`window-kernels`: how much of a window rises above, and falls below, small shapes at several widths."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import divisor, tamed
from candle_ml_features_talib.options import WindowKernelsOptions
from candle_ml_features_talib.window_paths import close_path, windows

_WEIGHTS = 9
_HIGH = 3
_KERNELS = tuple(combinations(range(_WEIGHTS), _HIGH))
_PLACES = np.array(_KERNELS).T
_STEPS = 2.0**16  # in a window's range
_STEPS_OF_DEVIATION = 2.0**9  # no response is larger than sqrt(18 * points) deviations, which `int16` holds
_WINDOWS_AT_ONCE = 64


class WindowKernels:
    """Shares of a window's resampled closes at which a kernel responds more than a bias, one column each.

    The 84 kernels are those of MiniRocket (Dempster, Schmidt and Webb: MiniRocket, 2021): nine weights, of which three
    are 2 and six are -1. The path is shifted to mean 0 and divided by its standard deviation, with zeros beyond its
    ends. Biases are not drawn from training windows but the quantiles of a kernel's response to a random walk, so that
    nothing is fitted. Paths are rounded to whole steps: sums of whole numbers are the same bits in any order, so a
    value depends on the window alone.
    """

    scope: Literal["window"] = "window"
    needs_volume = False
    lookback = 0

    def __init__(self, options: WindowKernelsOptions) -> None:
        self._points = options.points
        self._dilations = tuple(dict.fromkeys(options.dilations))
        self._quantiles = [(number + 0.5) / options.biases for number in range(options.biases)]
        names = ["".join(map(str, places)) for places in _KERNELS]
        self.columns: tuple[str, ...] = tuple(
            f"kernel_{dilation}_{name}_{number}"
            for dilation in self._dilations
            for number in range(options.biases)
            for name in names
        )

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """`(n_windows, n_columns)` `float32`, from 0 to 1."""
        features = np.empty((len(first), len(self.columns)), dtype=np.float32)
        if not len(first):
            return features
        candles, lengths = tamed(candles), last - first + 1
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            paths = _standardised(close_path(windows(candles, first[rows], length), self._points))
            for start in range(0, len(rows), _WINDOWS_AT_ONCE):
                some = slice(start, start + _WINDOWS_AT_ONCE)
                features[rows[some]] = self._shares(paths[some])
        return features

    def _shares(self, path: NDArray[np.int16]) -> NDArray[np.float32]:
        """`(m, n_columns)` of paths `(m, points)` of whole numbers.

        Windows stand side by side in memory, so that every step runs along thousands of numbers.
        """
        counts = []
        for dilation in self._dilations:
            response = _responses(path, dilation)
            for bias in self._biases[dilation]:
                above = response > np.repeat(bias, len(path))
                counts.append(above.view(np.uint8).sum(axis=0, dtype=np.uint8).reshape(len(_KERNELS), -1))
        return np.concatenate(counts).T.astype(np.float32) / np.float32(self._points)

    @cached_property
    def _biases(self) -> dict[int, list[NDArray[np.int16]]]:
        """The biases of each dilation: of every kernel the same quantiles."""
        found = {}
        for dilation in self._dilations:
            spread = _spread(_kernels_at_points(self._points, dilation), self._points) * _STEPS_OF_DEVIATION
            levels = (NormalDist().inv_cdf(quantile) for quantile in self._quantiles)
            found[dilation] = [np.floor(spread * level).astype(np.int16) for level in levels]
        return found


def _responses(path: NDArray[np.int16], dilation: int) -> NDArray[np.int16]:
    """How each kernel responds around each point of paths `(m, points)`: `(points, kernels * m)`.

    A kernel's sum is three times the three points that count 2, less all nine. Sums may run over: the result does not.
    """
    count, points = path.shape
    margin = _WEIGHTS // 2 * dilation
    padded = np.zeros((points + 2 * margin, count), dtype=np.int16)
    padded[margin : margin + points] = path.T
    placed = np.stack([padded[place * dilation :][:points] for place in range(_WEIGHTS)], axis=1)
    every = placed.sum(axis=1, keepdims=True, dtype=np.int16)
    placed *= _HIGH
    response = (placed - every).take(_PLACES[0], axis=1)
    response += placed.take(_PLACES[1], axis=1)
    response += placed.take(_PLACES[2], axis=1)
    flat: NDArray[np.int16] = response.reshape(points, -1)
    return flat


def _standardised(path: NDArray[np.float64]) -> NDArray[np.int16]:
    """Paths as whole steps of a 512th of their standard deviation, with mean 0; 0 where a path does not move."""
    steps = np.rint(path * _STEPS)
    points = steps.shape[1]
    centred = points * steps - steps.sum(axis=1, keepdims=True)
    deviation = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / points)
    standardised: NDArray[np.int16] = np.rint(centred * _STEPS_OF_DEVIATION / divisor(deviation)).astype(np.int16)
    return standardised


def _kernels_at_points(points: int, dilation: int) -> NDArray[np.float64]:
    """The matrix `(points, points * kernels)` by which a path becomes each kernel's response around each point."""
    matrix = np.zeros((points, points, len(_KERNELS)))
    weights = np.array([[2.0 if place in high else -1.0 for high in _KERNELS] for place in range(_WEIGHTS)])
    for place, weight in enumerate(weights):
        for centre in range(points):
            point = centre + (place - _WEIGHTS // 2) * dilation
            if 0 <= point < points:
                matrix[point, centre] = weight
    return matrix.reshape(points, -1)


def _spread(matrix: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Standard deviation of each kernel's response to a standardised random walk, its mean over all points."""
    steps = np.arange(1, points + 1)
    centre = np.eye(points) - 1.0 / points
    covariance = centre @ np.minimum.outer(steps, steps) @ centre
    covariance *= points / np.trace(covariance)
    variance = ((covariance @ matrix) * matrix).sum(axis=0)
    spread: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0.0)).reshape(points, -1).mean(axis=0)
    return spread

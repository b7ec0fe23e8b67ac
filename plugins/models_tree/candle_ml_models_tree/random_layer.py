"""The features of `random-features`: random sums of the directions in which samples differ, all in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from candle_ml.components import SampleMatrix
from candle_ml_models_tree.checks import check_finite, rows_at_once

LAYER = ("mean", "scale", "directions", "unit", "weights", "offsets")
"""The arrays of a layer, by their names in a model's file."""

_LEAST_SPREAD = 1e-3
_STEPS, _MOST_STEPS = 64.0, 255.0  # of a column's deviation
_TURNED, _MOST_TURNED = 256.0, 1023.0  # of the widest direction's deviation
_UNITS, _MOST_UNITS = 32.0, 127.0  # of a weight's deviation
_LARGEST_SUM = 2.0**24 - 1
_MOST_VALUES_KEPT = 1 << 26  # 256 MB


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Random features: `max(0, turned @ weights + offsets)`, where `turned` are whole steps along the directions.

    Columns become whole steps `(column - mean) * scale`, these are summed by `directions`, and the sums become whole
    steps again, times `unit`. `mean` and `scale` are `float32` `(columns,)`, `directions` `int8` `(columns,
    directions)`, `unit` `float32` `(directions,)`, `weights` `int8` `(directions, features)`, `offsets` `int32`
    `(features,)`. Sums of whole numbers below 2 ** 24 are exact in `float32`, whatever their order: a feature is the
    same bits on every machine and in any company.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    directions: NDArray[np.int8]
    unit: NDArray[np.float32]
    weights: NDArray[np.int8]
    offsets: NDArray[np.int32]

    def features(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, features)`, whole numbers."""
        steps = _whole((rows - self.mean) * self.scale, _MOST_STEPS)
        turned = _whole((steps @ self.directions.astype(np.float32)) * self.unit, _MOST_TURNED)
        summed: NDArray[np.float32] = turned @ self.weights.astype(np.float32)
        summed += self.offsets.astype(np.float32)
        return np.maximum(summed, 0.0, out=summed)


@dataclass(slots=True, eq=False)
class _Moments:
    """Of samples, added up block by block: their number and sum by class, and the products of their columns.

    Everything is counted from `origin`, so that large numbers do not hide small differences.
    """

    origin: NDArray[np.float32]
    count: NDArray[np.float64]
    sums: NDArray[np.float64]
    products: NDArray[np.float64]

    def add(self, block: NDArray[np.float32], codes: NDArray[np.int32]) -> None:
        """Add samples."""
        moved = block - self.origin
        members = np.eye(len(self.count), dtype=np.float32)[codes]
        self.count += members.sum(axis=0)
        self.sums += members.T @ moved
        self.products += moved.T @ moved

    def standardised(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of each column (1 where it does not vary), its correlations, and its mean by class."""
        total = self.count.sum()
        mean = self.sums.sum(axis=0) / total
        covariance = self.products / total - np.outer(mean, mean)
        deviation = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
        deviation = np.where(deviation > _LEAST_SPREAD, deviation, 1.0)
        by_class = (self.sums[self.count > 0] / self.count[self.count > 0, np.newaxis] - mean) / deviation
        return mean + self.origin, deviation, covariance / np.outer(deviation, deviation), by_class


def drawn_layer(blocks: Blocks, codes: NDArray[np.int32], directions: int, features: int, seed: int) -> Layer:
    """A layer that is drawn from the seed for these samples of these classes."""
    mean, deviation, correlation, by_class = _moments(blocks, codes).standardised()
    apart = np.sqrt(np.square(by_class).mean(axis=0))
    weight = apart / apart.mean() if apart.any() else np.ones_like(apart)
    turning, spread = _widest(correlation * np.outer(weight, weight), weight, directions)
    whole, factor = _quantised(turning)
    unit = _TURNED / (spread[0] * _STEPS * factor)
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = np.rint(rng.standard_normal((len(spread), features)) * _UNITS)
    size = np.sqrt(np.square(spread).sum()) / spread[0] * _TURNED * _UNITS
    return Layer(
        mean=mean.astype(np.float32),
        scale=(_STEPS / deviation).astype(np.float32),
        directions=whole,
        unit=unit.astype(np.float32),
        weights=np.clip(drawn, -_MOST_UNITS, _MOST_UNITS).astype(np.int8),
        offsets=np.rint(rng.uniform(-size, size, features)).astype(np.int32),
    )


class Blocks:
    """The blocks of a matrix, each with its rows, as often as they are asked for; computed once where they are few.

    Raises `DataError` for values that are not finite.
    """

    def __init__(self, matrix: SampleMatrix) -> None:
        self.columns = matrix.shape[1]
        self._matrix = matrix
        self._kept: list[NDArray[np.float32]] = []

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], slice]]:
        start = 0
        for block in self._kept or self._computed():
            yield block, slice(start, start + len(block))
            start += len(block)

    def _computed(self) -> Iterator[NDArray[np.float32]]:
        few, blocks = len(self._matrix.codes) * self.columns <= _MOST_VALUES_KEPT, []
        for block in self._matrix.batches(rows_at_once(self.columns)):
            check_finite(block, self._matrix.columns)
            yield block
            if few:
                blocks.append(block)
        self._kept = blocks


def _moments(blocks: Blocks, codes: NDArray[np.int32]) -> _Moments:
    columns, classes = blocks.columns, int(codes.max()) + 1
    moments = _Moments(
        np.zeros(0, dtype=np.float32), np.zeros(classes), np.zeros((classes, columns)), np.zeros((columns, columns))
    )
    for block, rows in blocks:
        if not rows.start:
            moments.origin = block.mean(axis=0)
        moments.add(block, codes[rows])
    return moments


def _widest(
    covariance: NDArray[np.float64], weight: NDArray[np.float64], directions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The directions of most variance, as sums of standardised columns `(columns, directions)`, and their deviations.

    The largest part of each is positive, so that the same samples give the same directions.
    """
    columns = len(covariance)
    wanted = (max(0, columns - directions), columns - 1)
    variance, turning = eigh(covariance, subset_by_index=wanted)
    variance, turning = variance[::-1], turning[:, ::-1]
    turning = turning * np.sign(turning[np.abs(turning).argmax(axis=0), np.arange(turning.shape[1])])
    return turning * weight[:, np.newaxis], np.sqrt(np.maximum(variance, _LEAST_SPREAD**2))


def _quantised(turning: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Directions as whole numbers, and how much larger these are; no sum of steps reaches 2 ** 24."""
    most, total = np.abs(turning).max(axis=0), np.abs(turning).sum(axis=0) + len(turning) / _MOST_STEPS
    factor = np.minimum(_MOST_UNITS / most, (_LARGEST_SUM / _MOST_STEPS - len(turning)) / total)
    return np.rint(turning * factor).astype(np.int8), factor


def _whole(values: NDArray[np.float32], most: float) -> NDArray[np.float32]:
    """Rounded to whole numbers from `-most` to `most`, in place."""
    np.rint(values, out=values)
    return np.clip(values, -most, most, out=values)

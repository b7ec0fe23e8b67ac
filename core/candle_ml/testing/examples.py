"""Example input: realistic candles, annotations and sample matrices, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import MatrixLayout
from candle_ml.scores import SampleKind

_START = 1_577_836_800  # 2020-01-01T00:00:00Z
LABELS = ("example_flag", "example_wedge")


def example_candles(
    count: int, seed: int = 0, pair: str = "EXAMPLE", timeframe: str = "1h", price: float = 100.0, volume: bool = True
) -> Candles:
    """A random walk with changing volatility, trends, gaps, candles without range and repeated closes."""
    random = np.random.default_rng(seed)
    volatility = 0.01 * np.exp(0.5 * np.sin(np.arange(count) / 40) + 0.3 * random.standard_normal(count))
    gap = np.where(random.random(count) < 0.1, 0.5 * volatility * random.standard_normal(count), 0.0)
    step = volatility * random.standard_normal(count) + 0.002 * np.sin(np.arange(count) / 25)
    step[random.random(count) < 0.03] = 0.0
    level = np.cumsum(step + gap)
    close, open_ = price * np.exp(level), price * np.exp(level - step)
    wicks = volatility * np.abs(random.standard_normal((2, count)))
    wicks[:, random.random(count) < 0.05] = 0.0
    high, low = np.maximum(open_, close) * np.exp(wicks[0]), np.minimum(open_, close) * np.exp(-wicks[1])
    key = SeriesKey(pair, timeframe)
    traded = np.round(1000 * np.exp(random.standard_normal(count))) if volume else None
    return Candles(key, _START + key.seconds * np.arange(count, dtype=np.int64), open_, high, low, close, traded)


def example_series(count: int) -> tuple[Candles, ...]:
    """Three series of one length: usual prices with volume, tiny ones without, large ones with."""
    return (
        example_candles(count, seed=1),
        example_candles(count, seed=2, pair="TINY", timeframe="15m", price=0.0004, volume=False),
        example_candles(count, seed=3, pair="LARGE", timeframe="1d", price=60_000.0),
    )


def example_annotations(candles: Candles, seed: int = 0) -> tuple[tuple[Annotation, ...], tuple[ReviewedRange, ...]]:
    """Spans of two labels, some `O` spans and two reviewed ranges that leave parts of the series unseen."""
    random = np.random.default_rng(seed)
    count = len(candles)
    ranges = [(count // 10, count // 2), (count * 6 // 10, count * 9 // 10)]
    annotations: list[Annotation] = []
    for start, end in ranges:
        first = start + int(random.integers(2, 10))
        while first + 30 < end:
            last = first + int(random.integers(3, 20))
            label = (*LABELS, NO_PATTERN)[len(annotations) % 5 % 3]
            times = int(candles.time[first]), int(candles.time[last])
            annotations.append(Annotation(f"span:{len(annotations)}", candles.key, *times, label))
            first = last + int(random.integers(15, 45))
    reviewed = [ReviewedRange(candles.key, int(candles.time[a]), int(candles.time[b])) for a, b in ranges]
    return tuple(annotations), tuple(reviewed)


class ArrayMatrix:
    """A `SampleMatrix` over an array, `float32` `(n, k)` or `(n, T, k)`."""

    def __init__(
        self,
        values: NDArray[np.float32],
        codes: NDArray[np.int32],
        weights: NDArray[np.float32],
        columns: tuple[str, ...],
    ) -> None:
        self.values = values
        self.shape: tuple[int, ...] = values.shape
        self.dtype = values.dtype
        self.codes = codes
        self.weights = weights
        self.columns = columns

    def batches(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """C-contiguous blocks of at most `rows` samples, in order."""
        for start in range(0, len(self.values), rows):
            yield np.ascontiguousarray(self.values[start : start + rows])

    def dense(self) -> NDArray[np.float32]:
        """The whole matrix as one C-contiguous array."""
        return np.ascontiguousarray(self.values)

    def take(self, rows: slice) -> ArrayMatrix:
        """The samples of these rows."""
        return ArrayMatrix(self.values[rows], self.codes[rows], self.weights[rows], self.columns)


def example_matrix(kind: SampleKind, layout: MatrixLayout, count: int = 240, seed: int = 0) -> ArrayMatrix:
    """Samples of three classes that the first two of five features tell apart, as a trainer of `kind` gets them."""
    random = np.random.default_rng(seed)
    steps = 8
    codes = random.integers(0, 3, (count, steps)) if kind == "sequence" else random.integers(0, 3, count)
    shape = (count, steps, 5) if layout == "sequence" else (count, 5)
    values = random.standard_normal(shape)
    spread = codes if codes.ndim == len(shape) - 1 else codes[:, np.newaxis] if layout == "sequence" else codes[:, 0]
    values[..., 0] += 4 * (spread == 1)
    values[..., 1] += 4 * (spread == 2)
    weights = random.uniform(0.5, 1.5, count).astype(np.float32)
    columns = tuple(f"feature_{number}" for number in range(5))
    return ArrayMatrix(values.astype(np.float32), codes.astype(np.int32), weights, columns)

"""Samples of several series as one set, and their lazy matrix: windows of any length as rows of one width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Encoded, LabelEncoder, MatrixLayout
from candle_ml.dataset import Dataset, SeriesData, effective_reviewed
from candle_ml.errors import PluginError, TrainingError
from candle_ml.features import FeaturePlan, window_features
from candle_ml.scores import Samples

Code = TypeVar("Code", np.int32, np.int64)

_JOINED_AS_THEY_ARE = ("first", "last", "scale", "known_at", "weight", "span_length")
_ROWS_AT_ONCE = 8192


def concatenate(parts: Sequence[Samples]) -> Samples:
    """One set of all samples in the order given, over the union of series, classes (`O`, then sorted) and annotations.

    Raises `TrainingError` for no parts, `PluginError` where kind or width differ.
    """
    if not parts:
        raise TrainingError.at("samples", "no series", "add a source that has candles")
    forms = sorted({(part.kind, part.width) for part in parts})
    if len(forms) > 1:
        found = " and ".join(f"kind {kind} of width {width}" for kind, width in forms)
        raise PluginError.at("samples", found, "one kind and width for all series")
    series = tuple(dict.fromkeys(key for part in parts for key in part.series))
    classes = (NO_PATTERN, *sorted({name for part in parts for name in part.classes} - {NO_PATTERN}))
    annotation_ids = tuple(dict.fromkeys(name for part in parts for name in part.annotation_ids))
    return parts[0].replace(
        series=series,
        classes=classes,
        annotation_ids=annotation_ids,
        series_code=np.concatenate([_recode(part.series_code, part.series, series) for part in parts]),
        codes=np.concatenate([_recode(part.codes, part.classes, classes) for part in parts]),
        annotation=np.concatenate([_recode(part.annotation, part.annotation_ids, annotation_ids) for part in parts]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _JOINED_AS_THEY_ARE},
    )


def build_samples(dataset: Dataset, encoder: LabelEncoder) -> Encoded:
    """The samples of every series, with negatives only where somebody looked for every label of the data set."""
    labels = {item.label for data in dataset.series.values() for item in data.annotations} - {NO_PATTERN}
    return joined([encoded_series(data, encoder, labels) for data in dataset.series.values()])


def encoded_series(data: SeriesData, encoder: LabelEncoder, labels: Collection[str]) -> Encoded:
    """The samples of one series, with negatives only where somebody looked for each of `labels`.

    Annotation ids are led by their series, in which they are unique.
    """
    encoded = encoder.encode(data.candles, data.annotations, effective_reviewed(data, labels))
    return replace(encoded, samples=_named(encoded.samples))


def joined(encoded: Sequence[Encoded]) -> Encoded:
    """The samples of several series as one set; `left_out` adds up what each rule left out of any of them."""
    left_out = Counter[str]()
    for one in encoded:
        left_out.update(one.left_out)
    return Encoded(concatenate([one.samples for one in encoded]), dict(sorted(left_out.items())))


def with_history(samples: Samples, plan: FeaturePlan) -> Samples:
    """The samples whose every feature is known: those with `plan.lookback` candles before their first."""
    return samples.take(samples.first >= plan.lookback)


class SeriesFeatures(Protocol):
    """The candles of a series and their feature matrix, `float32` `(n_candles, n_candle_columns)`, C-contiguous."""

    @property
    def candles(self) -> Candles: ...

    @property
    def matrix(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, eq=False)
class HeldFeatures:
    """`SeriesFeatures` in memory."""

    candles: Candles
    matrix: NDArray[np.float32]


class WindowMatrix:
    """The matrix of samples, computed block by block: `(n, k)` for layout `flat`, `(n, width, k)` for `sequence`.

    A row of `flat` holds the candle features of `width` steps, oldest first (`rsi_14[-23]` ... `rsi_14[0]`), then the
    window features. Each step of `sequence` holds its candle features, then the window features, the same at every
    step, so that no layout loses a feature.

    A window of L candles becomes `width` steps by one rule: step i is the mean of the candles from `floor(i * L /
    width)` up to, but without, `floor((i + 1) * L / width)`, and of the first of these alone where there is none. So L
    = width is the window itself, a longer window is averaged and a shorter one repeats candles.
    """

    def __init__(
        self,
        plan: FeaturePlan,
        series: Mapping[SeriesKey, SeriesFeatures],
        samples: Samples,
        layout: MatrixLayout = "flat",
    ) -> None:
        self._plan = plan
        self._series = series
        self._samples = samples
        self._layout = layout
        self.dtype = np.dtype(np.float32)
        self.codes = samples.codes
        self.weights = samples.weight
        self.columns = _columns(plan.candle_columns, plan.window_columns, samples.width, layout)
        steps = (samples.width,) if layout == "sequence" else ()
        self.shape: tuple[int, ...] = (len(samples), *steps, len(self.columns))

    def batches(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """C-contiguous blocks of at most `rows` samples, in order; only one block is held."""
        for start in range(0, len(self._samples), rows):
            block = np.empty((min(rows, len(self._samples) - start), *self.shape[1:]), dtype=self.dtype)
            self._fill(block, start)
            yield block

    def dense(self) -> NDArray[np.float32]:
        """The whole matrix as one C-contiguous array."""
        matrix = np.empty(self.shape, dtype=self.dtype)
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            self._fill(matrix[start : start + _ROWS_AT_ONCE], start)
        return matrix

    def take(self, rows: slice) -> WindowMatrix:
        """The matrix of these samples, with the series that they lie in."""
        samples = self._samples.take(np.arange(len(self._samples))[rows])
        keys = [samples.series[code] for code in np.unique(samples.series_code).tolist()]
        return self._of({key: self._series[key] for key in keys}, samples)

    def _of(self, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> WindowMatrix:
        return WindowMatrix(self._plan, series, samples, self._layout)

    def _fill(self, block: NDArray[np.float32], start: int) -> None:
        """Write the samples from `start` on into `block`, one series and window length at a time."""
        rows = slice(start, start + len(block))
        first, last, code = (getattr(self._samples, name)[rows] for name in ("first", "last", "series_code"))
        for number in np.unique(code).tolist():
            features = self._series[self._samples.series[number]]
            matrix = features.matrix
            of_series = np.flatnonzero(code == number)
            lengths = last[of_series] - first[of_series] + 1
            for length in np.unique(lengths).tolist():
                chosen = of_series[lengths == length]
                self._fill_candle_features(block, chosen, matrix, first[chosen], length)
            if self._plan.window_columns:
                values = window_features(self._plan, features.candles, first[of_series], last[of_series])
                self._fill_window_features(block, of_series, values)

    def _fill_candle_features(
        self,
        block: NDArray[np.float32],
        rows: NDArray[np.int64],
        matrix: NDArray[np.float32],
        first: NDArray[np.int64],
        length: int,
    ) -> None:
        steps = _resampled(matrix, first, length, self._samples.width)
        chosen = _evenly_spaced(rows)
        if self._layout == "sequence":
            block[chosen, :, : matrix.shape[1]] = steps
        else:
            block[chosen, : steps.shape[1] * steps.shape[2]] = steps.reshape(len(steps), -1)

    def _fill_window_features(
        self, block: NDArray[np.float32], rows: NDArray[np.int64], values: NDArray[np.float32]
    ) -> None:
        column = block.shape[-1] - values.shape[1]
        chosen = _evenly_spaced(rows)
        if self._layout == "sequence":
            block[chosen, :, column:] = values[:, np.newaxis, :]
        else:
            block[chosen, column:] = values


def series_annotation(series: SeriesKey, name: str) -> str:
    """The id of an annotation among those of several series."""
    return f"{series} {name}"


def _named(samples: Samples) -> Samples:
    """The samples of one series, with the series before each annotation id."""
    ids = tuple(series_annotation(samples.series[0], name) for name in samples.annotation_ids)
    return samples.replace(annotation_ids=ids)


def _recode(codes: NDArray[Code], names: Sequence[object], union: Sequence[object]) -> NDArray[Code]:
    """Codes into `union` instead of `names`; -1 stays."""
    position: dict[object, int] = {name: number for number, name in enumerate(union)}
    table: NDArray[Code] = np.array([*(position[name] for name in names), -1], dtype=codes.dtype)
    return table[codes]


@lru_cache(maxsize=16)
def _columns(candle: tuple[str, ...], window: tuple[str, ...], width: int, layout: MatrixLayout) -> tuple[str, ...]:
    """Kept, because a request has the columns of the one before it, and they are a thousand."""
    if layout == "sequence":
        return candle + window
    return tuple(f"{name}[{step}]" for step in range(1 - width, 1) for name in candle) + window


def _resampled(matrix: NDArray[np.float32], first: NDArray[np.int64], length: int, width: int) -> NDArray[np.float32]:
    """The windows of `length` candles from `first` on as `(n, width, columns)`.

    Sums run candle by candle, never from the start of the series, so a value does not depend on what stands around it.
    """
    if length == width:
        return _windows(matrix, first, width)
    edges = np.arange(width + 1) * length // width
    count = np.maximum(np.diff(edges), 1)
    steps: NDArray[np.float32] = matrix[first[:, np.newaxis] + edges[:-1]]
    for further in range(1, int(count.max())):
        longer = np.flatnonzero(count > further)
        steps[:, longer] += matrix[first[:, np.newaxis] + edges[longer] + further]
    steps /= count[:, np.newaxis].astype(np.float32)
    return steps


def _windows(matrix: NDArray[np.float32], first: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """Whole windows: a view where they are evenly spaced, as in a scan, else each copied as one piece of memory."""
    columns = matrix.shape[1]
    if not columns:
        return np.empty((len(first), width, 0), dtype=np.float32)
    every = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(matrix).reshape(-1), width * columns)
    windows: NDArray[np.float32] = every[_evenly_spaced(first * columns)].reshape(len(first), width, columns)
    return windows


def _evenly_spaced(positions: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Positions in an array, as a slice where that means the same."""
    step = int(positions[1] - positions[0]) if len(positions) > 1 else 1
    if step < 1 or (np.diff(positions) != step).any():
        return positions
    return slice(int(positions[0]), int(positions[-1]) + 1, step)

"""Samples, the windows a model looks at, and the scores it gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import SeriesKey

SampleKind = Literal["window", "sequence"]
UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """`n` windows over the candles of one or several series.

    `series_code` (`int32`) indexes `series`; `first` and `last` (`int64`, inclusive) index that series' candles, and a
    window of any length becomes a row `width` candles wide. `scale` (`int32`) is the window length class in candles.
    `known_at` (`int64`) is the open time of the last candle that the sample, its label included, needs. `codes`
    (`int32`) index `classes`, -1 where unlabelled or ambiguous: shape `(n,)` for kind `window`, `(n, width)` for kind
    `sequence`. `classes[0]` is always `O`. `weight` is `float32`. `annotation` is the index into `annotation_ids` that
    the label came from (`int64`, -1: none); `span_length` (`int64`) is that annotation's length in candles (0: none).
    """

    kind: SampleKind
    width: int
    series: tuple[SeriesKey, ...]
    classes: tuple[str, ...]
    series_code: NDArray[np.int32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    scale: NDArray[np.int32]
    known_at: NDArray[np.int64]
    codes: NDArray[np.int32]
    weight: NDArray[np.float32]
    annotation: NDArray[np.int64]
    span_length: NDArray[np.int64]
    annotation_ids: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Samples:
        """The samples of these rows, in their order."""
        columns = ("series_code", "first", "last", "scale", "known_at", "codes", "weight", "annotation", "span_length")
        return self.replace(**{name: getattr(self, name)[rows] for name in columns})

    def unlabelled(self) -> Samples:
        """The same windows without anything that tells their class: what a model is given to score."""
        return self.replace(
            codes=np.full_like(self.codes, UNLABELLED),
            weight=np.ones_like(self.weight),
            annotation=np.full_like(self.annotation, -1),
            span_length=np.zeros_like(self.span_length),
        )

    def replace(self, **changes: object) -> Samples:
        """A copy with some fields changed."""
        fields = {name: changes.get(name, getattr(self, name)) for name in Samples.__slots__}
        return Samples(**fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Class probabilities of samples, `float64` `(n, classes)`; `(n, width, classes)` for kind `sequence`."""

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DecodeParams:
    """How scores become spans: `thresholds` by label, 0..1, and `lengths` by label, the typical span in candles.

    Both come from training and stand in the bundle. Which spans survive does not depend on the thresholds.
    """

    thresholds: dict[str, float]
    lengths: dict[str, int]

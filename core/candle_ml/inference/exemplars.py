"""The annotated spans that a model was fitted on, and which of them look most like another span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from candle_ml.annotations import NO_PATTERN, Annotation
from candle_ml.bundle import Frozen, Text, Timeframe
from candle_ml.bundle_arrays import DAMAGE, read_arrays
from candle_ml.candles import LATEST_TIME, Candles, SeriesKey
from candle_ml.errors import BundleError
from candle_ml.inference.shapes import WIDTH, Shapes, distances, shapes
from candle_ml.predictions import PredictedSpan

NEAREST = 3
MOST_OF_LABEL = 2000
LARGEST_FILE = 64 << 20


class Similar(NamedTuple):
    """An annotated span, and how far its shape is from another: root mean square, as a share of a span's range."""

    id: str
    pair: str
    timeframe: str
    start_time: int
    end_time: int
    label: str
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Exemplars:
    """`n` annotated spans, their labels as `codes` (`int32`) into `labels`, their shapes as `float32` `(n, WIDTH)`."""

    annotations: tuple[Annotation, ...]
    labels: tuple[str, ...]
    codes: NDArray[np.int32]
    shapes: Shapes

    @classmethod
    def of(cls, annotated: Sequence[tuple[Candles, Sequence[Annotation]]]) -> Exemplars:
        """The patterns among the annotations of some series: of each label the latest 2,000 with a candle."""
        found = [(item, *_ends(candles, item), candles) for candles, items in annotated for item in items]
        found = [one for one in found if one[0].label != NO_PATTERN and one[1] <= one[2]]
        found.sort(key=lambda one: (one[0].label, one[0].end_time, one[0].start_time, one[0].series, one[0].id))
        kept = tuple(one for label in {one[0].label: None for one in found} for one in _latest(found, label))
        rows = [shapes(candles, np.array([first]), np.array([last])) for _, first, last, candles in kept]
        return _labelled(tuple(one[0] for one in kept), np.concatenate(rows or [np.empty((0, WIDTH), np.float32)]))

    def nearest(self, shape: Shapes, label: str, count: int = NEAREST) -> tuple[Similar, ...]:
        """The annotated spans of a label whose shapes are nearest to a shape, `(WIDTH,)`, the nearest first."""
        if label not in self.labels:
            return ()
        rows = np.flatnonzero(self.codes == self.labels.index(label))
        away = distances(shape, self.shapes[rows])
        order = np.argsort(away, kind="stable")[:count].tolist()
        return tuple(_similar(self.annotations[rows[place]], float(away[place])) for place in order)

    def like(self, candles: Candles, spans: Sequence[PredictedSpan]) -> list[tuple[Similar, ...]]:
        """For each span of these candles the nearest annotated ones of its label."""
        ends = [candles.index_range(span.start_time, span.end_time) for span in spans]
        first, last = np.array(ends, dtype=np.int64).reshape(-1, 2).T
        return [
            self.nearest(shape, span.label) for shape, span in zip(shapes(candles, first, last), spans, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write one compressed `.npz` file."""
        about = _About(
            annotations=tuple(
                _Span(
                    id=item.id,
                    pair=item.series.pair,
                    timeframe=item.series.timeframe,
                    start_time=item.start_time,
                    end_time=item.end_time,
                    label=item.label,
                )
                for item in self.annotations
            )
        )
        content = np.frombuffer(about.model_dump_json().encode(), dtype=np.uint8)
        np.savez_compressed(path, allow_pickle=False, about=content, shapes=self.shapes)

    @classmethod
    def load(cls, path: Path) -> Exemplars:
        """Read what `save` wrote. Raises `BundleError`."""
        try:
            arrays = read_arrays(path, LARGEST_FILE)
            about = _About.model_validate_json(arrays["about"].tobytes())
            annotations = tuple(one.annotation() for one in about.annotations)
            return _labelled(annotations, _checked(arrays["shapes"], len(annotations)))
        except DAMAGE as error:
            raise BundleError.at(path.name, "not annotated spans", "a bundle written by candle-ml") from error


_Time = Annotated[int, Field(ge=0, le=LATEST_TIME)]


class _Span(Frozen):
    id: str
    pair: Text
    timeframe: Timeframe
    start_time: _Time
    end_time: _Time
    label: Text

    def annotation(self) -> Annotation:
        """Raises `DataError` for a span that ends before it starts."""
        return Annotation(self.id, SeriesKey(self.pair, self.timeframe), self.start_time, self.end_time, self.label)


class _About(Frozen):
    annotations: tuple[_Span, ...]


def _ends(candles: Candles, item: Annotation) -> tuple[int, int]:
    return candles.index_range(item.start_time, item.end_time)


_Found = tuple[Annotation, int, int, Candles]


def _latest(found: Sequence[_Found], label: str) -> Sequence[_Found]:
    return [one for one in found if one[0].label == label][-MOST_OF_LABEL:]


def _labelled(annotations: tuple[Annotation, ...], shapes: Shapes) -> Exemplars:
    labels = tuple(sorted({item.label for item in annotations}))
    codes = np.array([labels.index(item.label) for item in annotations], dtype=np.int32)
    return Exemplars(annotations, labels, codes, shapes)


def _checked(stored: NDArray[np.float32], count: int) -> Shapes:
    """Raises `ValueError` for shapes that are none."""
    if stored.dtype != np.float32 or stored.shape != (count, WIDTH) or not ((stored >= 0) & (stored <= 1)).all():
        raise ValueError("shapes that are none")
    return stored


def _similar(item: Annotation, distance: float) -> Similar:
    series = item.series
    return Similar(item.id, series.pair, series.timeframe, item.start_time, item.end_time, item.label, distance)

"""What a run's models said of candles that they had not been fitted on: honest values for the training range."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.bundle_arrays import DAMAGE, check_unpacked, read_arrays
from candle_ml.candles import LATEST_TIME, SeriesKey
from candle_ml.errors import BundleError
from candle_ml.predictions import PredictedSpan, Prediction

Origin = Literal["folds", "test block"]
_ROUNDING = 1e-6
LARGEST_FILE = 256 << 20
_CANDLE, _SPAN, _SERIES = 9, 44, 2048
"""Bytes of a candle beside its probabilities, of a span, and of the names and heads of a series' arrays."""
_SPAN_TIMES = ("start_time", "end_time", "known_at", "candle_count")


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Predictions by series, each candle's by a model that was fitted on earlier candles only.

    `origin` is `folds` (each stretch by the model of its fold) or `test block` (by the model that was evaluated). A
    series has the candles that were predicted and no others; all predictions have the same `classes`.
    """

    origin: Origin
    classes: tuple[str, ...]
    series: Mapping[SeriesKey, Prediction]

    @classmethod
    def of(cls, origin: Origin, predictions: Sequence[Prediction], classes: tuple[str, ...]) -> OutOfFold:
        """Join predictions of separate stretches of time.

        `classes` come first, then any others in alphabetical order; a class that a prediction lacks has probability 0.
        """
        others = sorted({name for one in predictions for name in one.classes} - set(classes))
        every = (*classes, *others)
        by_series: dict[SeriesKey, list[Prediction]] = {}
        for one in sorted(predictions, key=lambda each: int(each.time[0]) if len(each) else 0):
            by_series.setdefault(one.key, []).append(_over(one, every))
        return cls(origin, every, {key: _joined(by_series[key]) for key in sorted(by_series)})

    @staticmethod
    def size(candles: int, classes: int, spans: int = 0, series: int = 0) -> int:
        """Bytes that `save` writes at most, before it compresses them."""
        return candles * (_CANDLE + classes * np.dtype(np.float32).itemsize) + spans * _SPAN + series * _SERIES

    def fits(self) -> bool:
        """Whether `load` takes what `save` would write."""
        candles, spans = (
            sum(map(len, each)) for each in (self.series.values(), (p.spans for p in self.series.values()))
        )
        return self.size(candles, len(self.classes), spans, len(self.series)) <= LARGEST_FILE

    def rows(self, key: SeriesKey, start: int | None = None, end: int | None = None) -> Prediction:
        """The predicted candles of a series that open in `[start, end]` (None: open), with the spans that touch them.

        A series that was not predicted has none.
        """
        found = self.series.get(key) or _nothing(key, self.classes)
        first = 0 if start is None else int(np.searchsorted(found.time, start))
        after = len(found) if end is None else int(np.searchsorted(found.time, end, side="right"))
        rows = slice(first, after)
        return replace(
            found,
            time=found.time[rows],
            probabilities=found.probabilities[rows],
            sufficient=found.sufficient[rows],
            provisional=found.provisional[rows],
            spans=tuple(
                span
                for span in found.spans
                if (start is None or span.end_time >= start) and (end is None or span.start_time <= end)
            ),
        )

    def save(self, path: Path) -> None:
        """Write one compressed `.npz` file; probabilities are stored as `float32`.

        Raises `BundleError` where `load` would refuse it for its size.
        """
        arrays: dict[str, NDArray[np.generic]] = {}
        for number, prediction in enumerate(self.series.values()):
            arrays[f"{number}.time"] = prediction.time
            arrays[f"{number}.probabilities"] = prediction.probabilities.astype(np.float32)
            arrays[f"{number}.sufficient"] = prediction.sufficient
            arrays[f"{number}.span_times"] = np.array(
                [[getattr(span, name) for name in _SPAN_TIMES] for span in prediction.spans], dtype=np.int64
            ).reshape(-1, len(_SPAN_TIMES))
            arrays[f"{number}.span_classes"] = np.array(
                [self.classes.index(span.label) for span in prediction.spans], dtype=np.int32
            )
            arrays[f"{number}.span_confidence"] = np.array([span.confidence for span in prediction.spans])
        keys = [[key.pair, key.timeframe] for key in self.series]
        about = json.dumps({"origin": self.origin, "classes": self.classes, "series": keys})
        check_unpacked(path.name, sum(array.nbytes for array in arrays.values()) + len(about), LARGEST_FILE)
        np.savez_compressed(path, allow_pickle=False, about=np.frombuffer(about.encode(), dtype=np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> OutOfFold:
        """Read what `save` wrote. Raises `BundleError`."""
        try:
            arrays = read_arrays(path, LARGEST_FILE)
            about = json.loads(arrays["about"].tobytes())
            classes = tuple(about["classes"])
            keys = [SeriesKey(*key) for key in about["series"]]
            series = {key: _checked(_read(arrays, number, key, classes)) for number, key in enumerate(keys)}
            return cls(get_args(Origin)[get_args(Origin).index(about["origin"])], classes, series)
        except DAMAGE as error:
            raise BundleError.at(path.name, "not out-of-fold predictions", "a bundle written by candle-ml") from error


def _read(arrays: Mapping[str, NDArray[Any]], number: int, key: SeriesKey, classes: tuple[str, ...]) -> Prediction:
    time = np.asarray(arrays[f"{number}.time"], dtype=np.int64)
    times = arrays[f"{number}.span_times"]
    if len(times) > len(time) or (np.diff(time) <= 0).any():
        raise ValueError("more spans than candles, or times out of order")
    if not all(((values >= 0) & (values <= LATEST_TIME)).all() for values in (time, times)):
        raise ValueError("times beyond all calendars")
    labels = [classes[code] for code in arrays[f"{number}.span_classes"].tolist()]
    confidence = arrays[f"{number}.span_confidence"].tolist()
    spans = tuple(
        PredictedSpan(label, start, end, sure, count, known_at, provisional=False)
        for label, (start, end, known_at, count), sure in zip(labels, times.tolist(), confidence, strict=True)
    )
    probabilities = arrays[f"{number}.probabilities"].astype(np.float64).reshape(len(time), len(classes))
    sufficient = arrays[f"{number}.sufficient"].reshape(len(time))
    return Prediction(key, classes, time, probabilities, sufficient, np.zeros(len(time), dtype=bool), spans)


def _checked(read: Prediction) -> Prediction:
    """Raises `ValueError` for what cannot be shown: classes out of order, or shares that are none."""
    shares = read.probabilities[read.sufficient]
    sure = np.array([span.confidence for span in read.spans])
    if read.classes[0] != NO_PATTERN:
        raise ValueError("classes are out of order")
    if not all(((values >= 0) & (values <= 1 + _ROUNDING)).all() for values in (shares, sure)):
        raise ValueError("a probability that is none")
    return read


def _over(prediction: Prediction, classes: tuple[str, ...]) -> Prediction:
    """The same prediction over more classes, or the same in another order."""
    probabilities = np.zeros((len(prediction), len(classes)))
    probabilities[:, [classes.index(name) for name in prediction.classes]] = prediction.probabilities
    probabilities[~prediction.sufficient] = np.nan
    return replace(prediction, classes=classes, probabilities=probabilities)


def _joined(parts: Sequence[Prediction]) -> Prediction:
    """One prediction of the candles of all, which follow each other in time; what was provisional then is settled."""
    count = sum(len(part) for part in parts)
    return replace(
        parts[0],
        time=np.concatenate([part.time for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        sufficient=np.concatenate([part.sufficient for part in parts]),
        provisional=np.zeros(count, dtype=bool),
        spans=tuple(span._replace(provisional=False) for part in parts for span in part.spans),
    )


def _nothing(key: SeriesKey, classes: tuple[str, ...]) -> Prediction:
    none = np.zeros(0, dtype=bool)
    return Prediction(key, classes, np.zeros(0, dtype=np.int64), np.zeros((0, len(classes))), none, none, ())

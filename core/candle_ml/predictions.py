"""Predictions: one row a candle and the spans that survived, before and after thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import SeriesKey


class PredictedSpan(NamedTuple):
    """A pattern found in the candles that open in `[start_time, end_time]`.

    `confidence` is its calibrated probability; `known_at` the open time of the last candle that the claim needs;
    `provisional` says that a later candle could still change it.
    """

    label: str
    start_time: int
    end_time: int
    confidence: float
    candle_count: int
    known_at: int
    provisional: bool


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model says of `n` consecutive candles of one series, whatever the threshold.

    `probabilities` is `float64` `(n, classes)`, NaN where `sufficient` (bool) is False: too little history stands
    before that candle. `provisional` (bool) marks candles that a later candle could still change. `classes[0]` is `O`.
    """

    key: SeriesKey
    classes: tuple[str, ...]
    time: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    sufficient: NDArray[np.bool_]
    provisional: NDArray[np.bool_]
    spans: tuple[PredictedSpan, ...]

    def __len__(self) -> int:
        return len(self.time)

    def since(self, start_time: int) -> Prediction:
        """The candles that open at or after `start_time`, with the spans that reach into them."""
        rows = slice(int(np.searchsorted(self.time, start_time)), None)
        return replace(
            self,
            time=self.time[rows],
            probabilities=self.probabilities[rows],
            sufficient=self.sufficient[rows],
            provisional=self.provisional[rows],
            spans=tuple(span for span in self.spans if span.end_time >= start_time),
        )

    def labels(self, thresholds: Mapping[str, float]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Class code and confidence of every candle: its best pattern at or above its threshold, else `O`.

        Codes are `int32`, -1 where history is insufficient; there the confidence is NaN.
        """
        codes = np.full(len(self), -1, dtype=np.int32)
        confidence = np.full(len(self), np.nan)
        rows = np.flatnonzero(self.sufficient)
        if not len(rows):
            return codes, confidence
        known = self.probabilities[rows]
        best = 1 + np.argmax(known[:, 1:], axis=1)
        best_confidence = known[np.arange(len(rows)), best]
        limit = np.array([thresholds.get(name, 0.0) for name in self.classes])
        kept = best_confidence >= limit[best]
        codes[rows] = np.where(kept, best, 0)
        confidence[rows] = np.where(kept, best_confidence, known[:, 0])
        return codes, confidence

    def spans_above(self, thresholds: Mapping[str, float]) -> tuple[PredictedSpan, ...]:
        """The spans whose confidence reaches the threshold of their label."""
        return tuple(span for span in self.spans if span.confidence >= thresholds.get(span.label, 0.0))


def uniform_thresholds(classes: tuple[str, ...], threshold: float) -> dict[str, float]:
    """One threshold for every pattern."""
    return {name: threshold for name in classes if name != NO_PATTERN}

"""Encoders that leak, and the features that they tell of what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import Candles
from candle_ml.components import (
    Encoded,
    Truth,
)
from candle_ml.samples import concatenate
from candle_ml_labels_windowed.windowed import WindowedEncoder

from .planted_features import HOUR


class LabelEndsLater(WindowedEncoder):
    """A pattern's window ends in the middle of the pattern, and claims to be known there."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """Windows moved back by half of the span."""
        made = super().encode(candles, annotations, reviewed)
        samples = made.samples
        back = np.minimum(samples.span_length // 2, samples.first)
        last = samples.last - back
        moved = samples.replace(first=samples.first - back, last=last, known_at=candles.time[last])
        return Encoded(moved, made.left_out)


class NegativesAnywhere(WindowedEncoder):
    """Draws windows without a pattern from the whole series."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """As if everything had been looked at."""
        everything = ReviewedRange(candles.key, int(candles.time[0]), int(candles.time[-1]))
        return super().encode(candles, annotations, [everything])


class KnownTwice(WindowedEncoder):
    """Gives every sample a second time, as if its label had been confirmed at the end of the series."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """Copies with a `known_at` that lies."""
        made = super().encode(candles, annotations, reviewed)
        early = made.samples.replace(known_at=candles.time[made.samples.first])
        return Encoded(concatenate([made.samples, early]), made.left_out)


class KeepsWhatFalls(WindowedEncoder):
    """Keeps those windows without a pattern after which the price falls."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder but for some negatives."""
        made = super().encode(candles, annotations, reviewed)
        samples, after = made.samples, np.minimum(made.samples.last + 10, len(candles) - 1)
        falls = candles.close[after] < candles.close[samples.last]
        return Encoded(samples.take((samples.codes > 0) | falls), made.left_out)


class WeighsWhatRises(WindowedEncoder):
    """Weighs windows by whether the price rises after them."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder with other weights."""
        made = super().encode(candles, annotations, reviewed)
        samples, after = made.samples, np.minimum(made.samples.last + 10, len(candles) - 1)
        rises = candles.close[after] > candles.close[samples.last]
        return Encoded(samples.replace(weight=np.where(rises, 2, 1).astype(np.float32)), made.left_out)


class WeighsWhatRose(WindowedEncoder):
    """Weighs windows by whether the price has risen in them, which was known."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder with other weights."""
        made = super().encode(candles, annotations, reviewed)
        rose = candles.close[made.samples.last] > candles.close[made.samples.first]
        return Encoded(made.samples.replace(weight=np.where(rose, 2, 1).astype(np.float32)), made.left_out)


class NegativesKnownEarly(WindowedEncoder):
    """Says that windows without a pattern are known when they begin."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder with another `known_at`."""
        made = super().encode(candles, annotations, reviewed)
        samples = made.samples
        early = np.where(samples.codes == 0, candles.time[samples.first], samples.known_at)
        return Encoded(samples.replace(known_at=early), made.left_out)


class BorrowedAnnotations(NegativesAnywhere):
    """Says that windows from the whole series without a pattern come from the first annotation."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the encoder that takes everything for looked at."""
        made = super().encode(candles, annotations, reviewed)
        return Encoded(made.samples.replace(annotation=np.maximum(made.samples.annotation, 0)), made.left_out)


class Neighbours(WindowedEncoder):
    """Gives every sample seven more times, a candle earlier each, and honestly says when it is known."""

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder and their neighbours."""
        made = super().encode(candles, annotations, reviewed)
        moved = [made.samples.replace(first=made.samples.first - n, last=made.samples.last - n) for n in range(8)]
        return Encoded(concatenate([one.take(one.first >= 0) for one in moved]), made.left_out)


class Remembering(WindowedEncoder):
    """Tells `TargetEncoded` how often each hour of the day is in a pattern."""

    share_by_hour: ClassVar[dict[int, float]] = {}

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder."""
        flags = [one.start_time // HOUR % 24 for one in annotations if one.label == "audit_flag"]
        hours = [one.start_time // HOUR % 24 for one in annotations if one.label != NO_PATTERN]
        self.share_by_hour.update({hour: flags.count(hour) / hours.count(hour) for hour in hours})
        return super().encode(candles, annotations, reviewed)


class TellingWhere(WindowedEncoder):
    """Tells `annotated` every candle that `encode` was shown an annotation of, whatever its label."""

    times: ClassVar[set[int]] = set()

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """The samples of the plain encoder."""
        _remember(self.times, candles, annotations)
        return super().encode(candles, annotations, reviewed)


class TellingTruth(WindowedEncoder):
    """Tells `believed` every candle that `truth` was shown an annotation of."""

    times: ClassVar[set[int]] = set()

    def truth(self, candles: Candles, annotations: Sequence[Annotation]) -> Truth:
        """The truth of the plain encoder."""
        _remember(self.times, candles, annotations)
        return super().truth(candles, annotations)


def _remember(times: set[int], candles: Candles, annotations: Sequence[Annotation]) -> None:
    for one in annotations:
        times.update(range(one.start_time, one.end_time + 1, candles.key.seconds))


def annotated(candles: Candles) -> NDArray[np.float64]:
    return np.isin(candles.time, list(TellingWhere.times)).astype(np.float64)


def believed(candles: Candles) -> NDArray[np.float64]:
    return np.isin(candles.time, list(TellingTruth.times)).astype(np.float64)


def target_encoded(candles: Candles) -> NDArray[np.float64]:
    hours = candles.time // HOUR % 24
    return np.array([Remembering.share_by_hour.get(hour, 0.0) for hour in hours.tolist()])

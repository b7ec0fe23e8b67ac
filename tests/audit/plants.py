"""Plugins that leak, each in one well-known way, and twins of some that do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import find_peaks

from candle_ml.annotations import NO_PATTERN, Annotation, Ingest, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    Encoded,
    FeatureExtractorComponent,
    FitContext,
    LabelEncoderComponent,
    ModelTrainerComponent,
    NoOptions,
    SampleMatrix,
    SourceContext,
    Truth,
)
from candle_ml.plugins import PluginManager
from candle_ml.plugins.records import Offer, Provider
from candle_ml.samples import concatenate
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

HOUR = 3600
Compute = Callable[[Candles], NDArray[np.float64]]


class Planted:
    """An extractor of one column."""

    scope: Literal["candle"] = "candle"
    needs_volume = False

    def __init__(self, column: str, lookback: int, compute: Compute) -> None:
        self.columns = (column,)
        self.lookback = lookback
        self._compute = compute

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`, NaN in the first `lookback` rows."""
        values = np.asarray(self._compute(candles), dtype=np.float32).reshape(-1, 1).copy()
        values[: self.lookback] = np.nan
        return values


def centred_rolling(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return np.asarray((close / close.rolling(5, center=True, min_periods=1).mean()).to_numpy())


def past_rolling(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return np.asarray((close / close.rolling(5).mean()).to_numpy())


def shifted_back(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return (close.shift(-1) / close - 1).fillna(0.0).to_numpy()


def filled_backwards(candles: Candles) -> NDArray[np.float64]:
    """The body's share of the range, undefined where a candle has no range."""
    share = pd.Series(candles.close - candles.open) / pd.Series(candles.high - candles.low).replace(0.0, np.nan)
    return np.asarray(share.bfill().fillna(0.0).to_numpy())


def scaled_by_the_series(candles: Candles) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = (candles.close - candles.close.mean()) / (candles.close.std() or 1.0)
    return scaled


def gradient(candles: Candles) -> NDArray[np.float64]:
    if len(candles) < 2:
        return np.zeros(len(candles))
    return np.asarray(np.gradient(np.log(candles.close)))


def _four_hours(candles: Candles) -> pd.DataFrame:
    """Each candle's bucket of four hours, and the last close in it."""
    frame = pd.DataFrame({"close": candles.close, "bucket": candles.time // (4 * HOUR)})
    return frame.assign(merged=frame.groupby("bucket")["close"].transform("last"))


def merged_while_open(candles: Candles) -> NDArray[np.float64]:
    frame = _four_hours(candles)
    return (frame["close"] / frame["merged"]).to_numpy()


def merged_when_closed(candles: Candles) -> NDArray[np.float64]:
    frame = _four_hours(candles)
    last = frame.groupby("bucket")["close"].last()
    before = frame["bucket"].map(dict(zip(last.index[1:], last.to_numpy()[:-1], strict=True)))
    return (frame["close"] / before).fillna(1.0).to_numpy()


def next_breaks_out(candles: Candles) -> NDArray[np.float64]:
    breaks = np.zeros(len(candles))
    breaks[:-1] = candles.high[1:] > candles.high[:-1]
    return breaks


def candles_from_the_top(candles: Candles) -> NDArray[np.float64]:
    return np.asarray(np.arange(len(candles)) - int(np.argmax(candles.close)), dtype=np.float64)


def slow_average(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return (close / close.ewm(span=200, adjust=False).mean()).to_numpy()


def far_away(candles: Candles) -> NDArray[np.float64]:
    """The return of the next 40 candles, where there are so many."""
    coming = np.zeros(len(candles))
    if len(candles) > 40:
        coming[:-40] = np.log(candles.close[40:] / candles.close[:-40])
    return coming


def centred_wide(candles: Candles) -> NDArray[np.float64]:
    """How far the close is above its centred mean of 101, where there is one."""
    close = pd.Series(np.log(candles.close))
    return np.asarray((close - close.rolling(101, center=True).mean()).fillna(0.0).to_numpy())


def peaks(candles: Candles) -> NDArray[np.float64]:
    """1 at tops and -1 at bottoms that stand out by 15 %."""
    turns = np.zeros(len(candles))
    close = np.log(candles.close)
    for side in (1, -1):
        turns[find_peaks(side * close, prominence=0.15)[0]] = side
    return turns


def years_away(candles: Candles) -> NDArray[np.float64]:
    """The return of the next 700 candles, where there are so many."""
    coming = np.zeros(len(candles))
    if len(candles) > 700:
        coming[:-700] = np.log(candles.close[700:] / candles.close[:-700])
    return coming


def open_week(candles: Candles) -> NDArray[np.float64]:
    """The close of the week over that of the day, of daily candles alone."""
    if candles.key.timeframe != "1d":
        return np.zeros(len(candles))
    frame = pd.DataFrame({"close": candles.close, "week": (candles.time // 86400 + 3) // 7})
    return (frame.groupby("week")["close"].transform("last") / frame["close"]).to_numpy()


def before_holidays(candles: Candles) -> NDArray[np.float64]:
    """Whether the next candle is more than three days away."""
    return np.append(np.diff(candles.time) > 3 * 86400, False)[: len(candles)].astype(np.float64)


def smoothed_when_long(candles: Candles) -> NDArray[np.float64]:
    """The close over its centred mean of five, in series of more than a thousand candles."""
    return centred_rolling(candles) if len(candles) > 1000 else np.ones(len(candles))


def at_last_month(candles: Candles) -> NDArray[np.float64]:
    """The last close of the month before, which has closed."""
    month = pd.Series(candles.time).floordiv(30 * 86400)
    closes = pd.Series(candles.close).groupby(month).last().shift(1)
    return (candles.close / month.map(closes).fillna(1.0)).to_numpy()


def shifted_in_place(candles: Candles) -> NDArray[np.float64]:
    """The next close, written over the close of the candles themselves."""
    candles.close[:-1] = candles.close[1:]
    return candles.close


def last_bit(candles: Candles) -> NDArray[np.float64]:
    """Whether the next five candles rise, told in the last bit of a `float32`."""
    rises = np.zeros(len(candles), dtype=bool)
    rises[:-5] = candles.close[5:] > candles.close[:-5]
    return np.where(rises, np.nextafter(np.float32(1), np.float32(2)), np.float32(1)).astype(np.float64)


def through_the_base(candles: Candles) -> NDArray[np.float64]:
    """The return of the next five candles, read from the array that the close is a part of."""
    whole = candles.close if candles.close.base is None else np.asarray(candles.close.base)
    place = candles.close.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    coming = np.zeros(len(whole))
    coming[:-5] = np.log(whole[5:] / whole[:-5])
    return coming[place // 8 : place // 8 + len(candles)]


def summed_cumulatively(candles: Candles) -> NDArray[np.float64]:
    """The close over its mean of 20, whose last bits hang on how far the sums have come."""
    sums = np.concatenate(([0.0], np.cumsum(candles.close)))
    share = np.ones(len(candles))
    share[19:] = candles.close[19:] / ((sums[20:] - sums[:-20]) / 20)
    return share


class AfterTheWindow:
    """A window extractor that looks at one candle after the window."""

    scope: Literal["window"] = "window"
    columns = ("next_move",)
    lookback = 0
    needs_volume = False

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """`(n_windows, 1)`."""
        after = np.minimum(last + 1, len(candles) - 1)
        return (candles.close[after] / candles.close[last]).astype(np.float32).reshape(-1, 1)


class OtherSeries:
    """Looks up the longer candles of the same market among the series that it has seen.

    With `closed` it takes the last one that has closed, else the one that is open.
    """

    scope: Literal["candle"] = "candle"
    columns = ("longer_close",)
    lookback = 8
    needs_volume = False

    def __init__(self, closed: bool) -> None:
        self._closed = closed
        self._seen: dict[SeriesKey, Candles] = {}

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`."""
        self._seen[candles.key] = candles
        ends = candles.time + candles.key.seconds
        longer = self._seen.get(SeriesKey(candles.key.pair, "4h"))
        values = np.ones(len(candles))
        if longer is not None and candles.key != longer.key:
            known = longer.time + longer.key.seconds if self._closed else longer.time
            place = np.searchsorted(known, ends if self._closed else candles.time, side="right") - 1
            values = np.where(place >= 0, candles.close / longer.close[np.maximum(place, 0)], 1.0)
        result = values.astype(np.float32).reshape(-1, 1)
        result[: self.lookback] = np.nan
        return result


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


class Cheat:
    """A model that says what it is told of the samples that it scores."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.told: list[tuple[set[int], set[float]]] = []

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """`(n, classes)`: 0.9 for the class of each sample, the first where it is told none."""
        self.told.append(({*matrix.codes.tolist()}, {*matrix.weights.tolist()}))
        others = len(self.classes) - 1
        return np.where(np.arange(others + 1) == np.maximum(matrix.codes, 0)[:, np.newaxis], 0.9, 0.1 / others)

    def save(self, folder: Path) -> None:
        """One file with the classes."""
        (folder / "classes.txt").write_text("\n".join(self.classes), "utf-8")

    def feature_importance(self) -> None:
        """None."""


class CheatTrainer:
    """Fits nothing."""

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> Cheat:
        """A model of these classes."""
        return Cheat(context.classes)


class ShiftedCopies:
    """A source that gives every series a second time, under another name and half of its time later."""

    def read(self, context: SourceContext) -> Ingest:
        """Candles, annotations and ranges of the copies."""
        moved = [self._copy(candles) for candles in context.known.candles]
        shifts = {candles.key: shift for candles, (_, shift) in zip(context.known.candles, moved, strict=True)}
        names = {candles.key: copied.key for candles, (copied, _) in zip(context.known.candles, moved, strict=True)}

        def later(time: int, key: SeriesKey) -> int:
            return time + shifts[key]

        annotations = tuple(
            replace(
                one,
                series=names[one.series],
                start_time=later(one.start_time, one.series),
                end_time=later(one.end_time, one.series),
            )
            for one in context.known.annotations
        )
        reviewed = tuple(
            replace(
                one,
                series=names[one.series],
                start_time=later(one.start_time, one.series),
                end_time=later(one.end_time, one.series),
            )
            for one in context.known.reviewed
        )
        return Ingest(tuple(copied for copied, _ in moved), annotations, reviewed)

    def _copy(self, candles: Candles) -> tuple[Candles, int]:
        shift = int(candles.time[len(candles) // 2] - candles.time[0])
        key = SeriesKey(f"{candles.key.pair}-again", candles.key.timeframe)
        return replace(candles, key=key, time=candles.time + shift), shift


def extractor(name: str, lookback: int, compute: Compute) -> FeatureExtractorComponent:
    """The component of one planted column, called like it."""
    column = name.replace("-", "_")
    return FeatureExtractorComponent(
        name=name, summary="planted", build=lambda options: Planted(column, lookback, compute), options=NoOptions
    )


def encoder(name: str, made: type[WindowedEncoder]) -> LabelEncoderComponent:
    """The component of a planted encoder."""
    return LabelEncoderComponent(name=name, summary="planted", build=made, options=WindowedOptions)


def built(name: str, make: Callable[[], object]) -> FeatureExtractorComponent:
    """The component of an extractor without options."""
    return FeatureExtractorComponent(name=name, summary="planted", build=lambda options: make(), options=NoOptions)


PLANTS: tuple[Component, ...] = (
    extractor("centred-rolling", 4, centred_rolling),
    extractor("past-rolling", 4, past_rolling),
    extractor("shifted-back", 0, shifted_back),
    extractor("filled-backwards", 0, filled_backwards),
    extractor("scaled-by-the-series", 0, scaled_by_the_series),
    extractor("gradient", 1, gradient),
    extractor("merged-while-open", 16, merged_while_open),
    extractor("merged-when-closed", 32, merged_when_closed),
    extractor("next-breaks-out", 0, next_breaks_out),
    extractor("candles-from-the-top", 0, candles_from_the_top),
    extractor("last-bit", 0, last_bit),
    extractor("far-away", 0, far_away),
    extractor("centred-wide", 50, centred_wide),
    extractor("peaks", 0, peaks),
    extractor("years-away", 0, years_away),
    extractor("open-week", 0, open_week),
    extractor("before-holidays", 0, before_holidays),
    extractor("smoothed-when-long", 4, smoothed_when_long),
    extractor("at-last-month", 60, at_last_month),
    extractor("through-the-base", 0, through_the_base),
    extractor("shifted-in-place", 0, shifted_in_place),
    extractor("summed-cumulatively", 19, summed_cumulatively),
    extractor("slow-average", 20, slow_average),
    extractor("target-encoded", 0, target_encoded),
    extractor("annotated", 0, annotated),
    extractor("believed", 0, believed),
    built("after-the-window", AfterTheWindow),
    built("longer-open", lambda: OtherSeries(closed=False)),
    built("longer-closed", lambda: OtherSeries(closed=True)),
    encoder("label-ends-later", LabelEndsLater),
    encoder("negatives-anywhere", NegativesAnywhere),
    encoder("known-twice", KnownTwice),
    encoder("remembering", Remembering),
    encoder("neighbours", Neighbours),
    encoder("keeps-what-falls", KeepsWhatFalls),
    encoder("weighs-what-rises", WeighsWhatRises),
    encoder("weighs-what-rose", WeighsWhatRose),
    encoder("negatives-known-early", NegativesKnownEarly),
    encoder("borrowed-annotations", BorrowedAnnotations),
    encoder("telling-where", TellingWhere),
    encoder("telling-truth", TellingTruth),
    ModelTrainerComponent(
        name="cheat",
        summary="planted",
        build=lambda options: CheatTrainer(),
        load=lambda folder: Cheat(tuple((folder / "classes.txt").read_text("utf-8").split("\n"))),
    ),
    AnnotationSourceComponent(
        name="shifted-copies", summary="planted", build=lambda options: ShiftedCopies(), options=NoOptions
    ),
)


def manager_with_plants() -> PluginManager:
    """The installed plugins and the planted ones."""
    installed = PluginManager.load()
    provider = Provider("planted", "planted-plugins", "0.0.0")
    return replace(installed, offers=(*installed.offers, *(Offer(provider, one) for one in PLANTS)))

"""Plugins that leak, each in one well-known way, and twins of some that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Ingest
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    FitContext,
    LabelEncoderComponent,
    ModelTrainerComponent,
    NoOptions,
    SampleMatrix,
    SourceContext,
)
from candle_ml.plugins import PluginManager
from candle_ml.plugins.records import Offer, Provider
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

from .planted_encoders import (
    BorrowedAnnotations,
    KeepsWhatFalls,
    KnownTwice,
    LabelEndsLater,
    NegativesAnywhere,
    NegativesKnownEarly,
    Neighbours,
    Remembering,
    TellingTruth,
    TellingWhere,
    WeighsWhatRises,
    WeighsWhatRose,
    annotated,
    believed,
    target_encoded,
)
from .planted_features import (
    AfterTheWindow,
    Compute,
    OtherSeries,
    Planted,
    at_last_month,
    before_holidays,
    candles_from_the_top,
    centred_rolling,
    centred_wide,
    far_away,
    filled_backwards,
    gradient,
    last_bit,
    merged_when_closed,
    merged_while_open,
    next_breaks_out,
    open_week,
    past_rolling,
    peaks,
    scaled_by_the_series,
    shifted_back,
    shifted_in_place,
    slow_average,
    smoothed_when_long,
    summed_cumulatively,
    through_the_base,
    years_away,
)


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

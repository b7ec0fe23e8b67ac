"""Candles in, prediction out: features, windows, scores, calibration, decoding, in this order and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from candle_ml.calibration import Calibrator
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import LabelEncoder, MatrixLayout, Model
from candle_ml.config import PipelineConfig, check_sample_kind
from candle_ml.features import FeaturePlan, candle_features, plan
from candle_ml.plugins.source_code import source_digests
from candle_ml.predictions import Prediction
from candle_ml.samples import HeldFeatures, SeriesFeatures, WindowMatrix, with_history
from candle_ml.scores import DecodeParams, Samples, Scores


@dataclass(frozen=True, slots=True)
class Recipe:
    """How candles become a sample matrix: the same at training and at inference, built from the configuration."""

    plan: FeaturePlan
    encoder: LabelEncoder
    layout: MatrixLayout

    @property
    def parts(self) -> tuple[object, ...]:
        """What plugins have built for it: the extractors and the encoder."""
        of_candles = (one.extractor for one in self.plan.candle_extractors)
        of_windows = (one.extractor for one in self.plan.window_extractors)
        return (*of_candles, *of_windows, self.encoder)

    def features(self, candles: Candles) -> SeriesFeatures:
        """The candles and their feature matrix."""
        return HeldFeatures(candles, candle_features(self.plan, candles))

    def matrix(self, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> WindowMatrix:
        """The lazy matrix of samples that all have enough history, with their classes: what a model is fitted on."""
        return _RecipeMatrix(self, series, samples)

    def unlabelled_matrix(self, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> WindowMatrix:
        """The same without classes and weights: what a model scores."""
        return self.matrix(series, samples.unlabelled())

    def required_history(self, params: DecodeParams) -> int:
        """Candles that must stand before a candle so that its prediction is that of the full series."""
        return self.plan.lookback + self.encoder.longest_window - 1 + self.encoder.reach(params)


class _RecipeMatrix(WindowMatrix):
    """A matrix that another process gets by building its recipe again."""

    def __init__(self, recipe: Recipe, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> None:
        super().__init__(recipe.plan, series, samples, recipe.layout)
        self._recipe = recipe

    def __reduce__(self) -> tuple[Callable[..., WindowMatrix], tuple[object, ...]]:
        return _RecipeMatrix, (self._recipe, self._series, self._samples)

    def _of(self, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> WindowMatrix:
        return _RecipeMatrix(self._recipe, series, samples)


def build_recipe(config: PipelineConfig) -> Recipe:
    """The recipe that a configuration describes. Raises `PluginError` or `ConfigError`."""
    manager = config.manager
    chosen = config.features.use
    extractors = [manager.build("feature-extractor", choice.name, choice.options) for choice in chosen]
    labels = config.labels.chosen
    encoder = manager.build("label-encoder", labels.name, labels.options)
    check_sample_kind(config, encoder.kind)
    layout = config.model.chosen.component.layout
    return _Built(plan(extractors, [choice.name for choice in chosen]), encoder, layout, _Origin(config.text, config))


@dataclass(frozen=True, slots=True)
class _Origin:
    """A configuration; two that mean the same are equal."""

    text: str
    config: PipelineConfig = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Built(Recipe):
    """A recipe that another process gets by building it again: what plugins build need not be picklable."""

    origin: _Origin

    def __reduce__(self) -> tuple[Callable[[_Origin], Recipe], tuple[_Origin]]:
        return _built_here, (self.origin,)


@lru_cache(maxsize=4)
def _built_here(origin: _Origin) -> Recipe:
    return build_recipe(origin.config)


@dataclass(frozen=True, slots=True)
class Predictor:
    """A fitted model with all that turns candles into its prediction."""

    recipe: Recipe
    model: Model
    calibrator: Calibrator
    params: DecodeParams

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by code; the first is `O`."""
        return self.model.classes

    @property
    def sources(self) -> dict[str, str]:
        """SHA-256 of the source of everything that computes, by package: candle-ml itself and the plugins."""
        return source_digests((self, *self.recipe.parts, self.model))

    @property
    def required_history(self) -> int:
        """Candles that must stand before a candle so that it gets a prediction."""
        return self.recipe.required_history(self.params)

    def candidates(self, candles: Candles) -> Samples:
        """Every candidate window with enough history."""
        return with_history(self.recipe.encoder.candidates(candles), self.recipe.plan)

    def scan(self, candles: Candles) -> tuple[Samples, NDArray[np.float64]]:
        """Every candidate, and the model's own probabilities for it, uncalibrated."""
        series = self.recipe.features(candles)
        samples = self.candidates(candles)
        if not len(samples):
            shape = (0, len(self.classes)) if samples.kind == "window" else (0, samples.width, len(self.classes))
            return samples, np.empty(shape)
        return samples, self.model.predict_proba(self.recipe.unlabelled_matrix({candles.key: series}, samples))

    def predict(self, candles: Candles) -> Prediction:
        """What the model says of every candle, whatever the threshold.

        Raises `DataError` where an extractor needs volume and the candles have none.
        """
        return self.decoded(candles, *self.scan(candles))

    def decoded(self, candles: Candles, samples: Samples, raw: NDArray[np.float64]) -> Prediction:
        """What is said of the candles that a scan has already seen, by the probabilities that it found."""
        scores = Scores(self.classes, self.calibrator.apply(raw))
        return self.recipe.encoder.decode(candles, samples, scores, self.params)

"""Imports fine; its component does not."""

from collections.abc import Iterable

from candle_ml.components import FeatureExtractorComponent, ModelTrainerComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """One with an extra, one without, one whose own code fails."""
    heavy = lazy("needs_package.heavy:Heavy")
    yield FeatureExtractorComponent(name="heavy", summary="needs a package", build=heavy, extra="fast")
    yield FeatureExtractorComponent(name="heavy-without-extra", summary="needs a package", build=heavy)
    yield FeatureExtractorComponent(name="nowhere", summary="points nowhere", build=lazy("needs_package:Nowhere"))


@hookimpl
def candle_ml_model_trainers() -> Iterable[ModelTrainerComponent]:
    """A trainer whose models need a package."""
    heavy = lazy("needs_package.heavy:Heavy")
    yield ModelTrainerComponent(name="heavy-model", summary="needs a package", build=heavy, load=heavy, extra="fast")

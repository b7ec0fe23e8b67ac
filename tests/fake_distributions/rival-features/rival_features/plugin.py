"""Offers a component name that another distribution offers too."""

from collections.abc import Iterable

from candle_ml.components import FeatureExtractorComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """Another momentum, and something of its own."""
    yield FeatureExtractorComponent(name="momentum", summary="another", build=lazy("rival_features:Momentum"))
    yield FeatureExtractorComponent(name="rival-only", summary="its own", build=lazy("rival_features:Only"))

"""Stands under a plugin name that another distribution uses too."""

from collections.abc import Iterable

from candle_ml.components import FeatureExtractorComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """A component that nobody else offers."""
    yield FeatureExtractorComponent(name="rival-named", summary="its own", build=lazy("rival_name:Named"))

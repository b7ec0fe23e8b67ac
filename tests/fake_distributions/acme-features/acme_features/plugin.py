"""The hooks of this plugin."""

from collections.abc import Iterable

from acme_features.options import MomentumOptions
from candle_ml.components import FeatureExtractorComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """Momentum, and a component whose module must never be imported unasked."""
    yield FeatureExtractorComponent(
        name="momentum",
        summary="log return over some candles",
        build=lazy("acme_features.momentum:Momentum"),
        options=MomentumOptions,
    )
    yield FeatureExtractorComponent(
        name="acme-range", summary="log range of the candle", build=lazy("acme_features.acme_range:Range")
    )

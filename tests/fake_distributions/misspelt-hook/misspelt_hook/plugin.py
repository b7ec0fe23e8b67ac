"""A hook in the singular."""

from collections.abc import Iterable

from candle_ml.components import FeatureExtractorComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractor() -> Iterable[FeatureExtractorComponent]:
    """Would be found under the plural."""
    yield FeatureExtractorComponent(name="unreachable", summary="never seen", build=lazy("misspelt_hook:Nothing"))

"""A hook that yields a component of another kind."""

from candle_ml.components import LabelEncoderComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_feature_extractors() -> list[LabelEncoderComponent]:
    """An encoder under the hook of extractors."""
    return [LabelEncoderComponent(name="lost-encoder", summary="in the wrong place", build=lazy("rule_breakers:Lost"))]

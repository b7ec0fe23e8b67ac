"""A hook that wants an argument that hooks do not get."""

from candle_ml.components import LabelEncoderComponent
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_label_encoders(settings: object) -> list[LabelEncoderComponent]:
    """Never called."""
    return []

"""A hook function without the marker."""

from candle_ml.components import LabelEncoderComponent


def candle_ml_label_encoders() -> list[LabelEncoderComponent]:
    """Never called."""
    return []

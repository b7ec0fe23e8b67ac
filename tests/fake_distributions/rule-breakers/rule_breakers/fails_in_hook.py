"""A hook that raises."""

from collections.abc import Iterable

from candle_ml.components import LabelEncoderComponent
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_label_encoders() -> Iterable[LabelEncoderComponent]:
    """Raises."""
    raise RuntimeError("no licence file")

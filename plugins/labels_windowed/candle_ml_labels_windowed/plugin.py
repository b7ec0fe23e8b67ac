"""The hooks of this plugin."""

from __future__ import annotations

from collections.abc import Iterable

from candle_ml.components import LabelEncoderComponent, lazy
from candle_ml.hookspecs import hookimpl
from candle_ml_labels_windowed.options import WindowedOptions


@hookimpl
def candle_ml_label_encoders() -> Iterable[LabelEncoderComponent]:
    """The windowed label encoder."""
    yield LabelEncoderComponent(
        name="windowed",
        summary="windows of fixed length before, or around, each annotation",
        options=WindowedOptions,
        build=lazy("candle_ml_labels_windowed.windowed:WindowedEncoder"),
    )

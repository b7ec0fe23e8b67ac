"""The hooks of this plugin."""

from collections.abc import Iterable

from acme_sequence.options import CentroidOptions, InsideOutsideOptions
from candle_ml.components import LabelEncoderComponent, ModelTrainerComponent, lazy
from candle_ml.hookspecs import hookimpl


@hookimpl
def candle_ml_label_encoders() -> Iterable[LabelEncoderComponent]:
    """A label for every candle of a window."""
    yield LabelEncoderComponent(
        name="inside-outside",
        summary="every candle of a window is inside a pattern or outside",
        build=lazy("acme_sequence.inside_outside:InsideOutside"),
        options=InsideOutsideOptions,
    )


@hookimpl
def candle_ml_model_trainers() -> Iterable[ModelTrainerComponent]:
    """A model of single candles within sequences."""
    yield ModelTrainerComponent(
        name="centroid",
        summary="the class whose mean candle is nearest",
        build=lazy("acme_sequence.centroid:CentroidTrainer"),
        load=lazy("acme_sequence.centroid:load"),
        options=CentroidOptions,
        kinds=frozenset({"sequence"}),
        layout="sequence",
    )

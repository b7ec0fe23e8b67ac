"""The hooks of candle-ml. A plugin is a module of `@hookimpl` functions under the entry-point group `candle_ml`."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from candle_ml.components import (
    AnnotationSourceComponent,
    FeatureExtractorComponent,
    LabelEncoderComponent,
    ModelTrainerComponent,
)

ENTRY_POINT_GROUP = "candle_ml"

hookspec = pluggy.HookspecMarker("candle_ml")
hookimpl = pluggy.HookimplMarker("candle_ml")


@hookspec
def candle_ml_annotation_sources() -> Iterable[AnnotationSourceComponent]:
    """Sources of candles, annotations and reviewed ranges."""
    return ()


@hookspec
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """Features of candles or of windows."""
    return ()


@hookspec
def candle_ml_label_encoders() -> Iterable[LabelEncoderComponent]:
    """Ways to turn annotations into samples and scores into predictions."""
    return ()


@hookspec
def candle_ml_model_trainers() -> Iterable[ModelTrainerComponent]:
    """Trainers of models."""
    return ()

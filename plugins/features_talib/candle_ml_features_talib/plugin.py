"""TA-Lib features and labels, and the shapes of candles and windows."""

from __future__ import annotations

from collections.abc import Iterable

from candle_ml.components import AnnotationSourceComponent, FeatureExtractorComponent, lazy
from candle_ml.hookspecs import hookimpl
from candle_ml_features_talib import options


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """The five feature extractors."""
    yield FeatureExtractorComponent(
        name="talib-cdl",
        summary="TA-Lib's candle patterns, -2 to 2 a candle",
        options=options.CdlOptions,
        build=lazy("candle_ml_features_talib.cdl:CdlFeatures"),
        extra="features-talib",
    )
    yield FeatureExtractorComponent(
        name="talib-indicators",
        summary="TA-Lib's indicators, free of the price's unit",
        options=options.IndicatorOptions,
        build=lazy("candle_ml_features_talib.indicators:IndicatorFeatures"),
        extra="features-talib",
    )
    yield FeatureExtractorComponent(
        name="candle-shape",
        summary="body, wicks, gap and range of each candle",
        options=options.CandleShapeOptions,
        build=lazy("candle_ml_features_talib.candle_shape:CandleShape"),
    )
    yield FeatureExtractorComponent(
        name="window-shape",
        summary="shape of a whole window, whatever its length, price and time",
        options=options.WindowShapeOptions,
        build=lazy("candle_ml_features_talib.window_shape:WindowShape"),
    )
    yield FeatureExtractorComponent(
        name="window-kernels",
        summary="how much of a whole window follows each of 84 small shapes",
        options=options.WindowKernelsOptions,
        build=lazy("candle_ml_features_talib.window_kernels:WindowKernels"),
    )


@hookimpl
def candle_ml_annotation_sources() -> Iterable[AnnotationSourceComponent]:
    """Programmatic labels."""
    yield AnnotationSourceComponent(
        name="talib-patterns",
        summary="labels every candle pattern that TA-Lib finds in the candles read so far",
        options=options.PatternLabelOptions,
        build=lazy("candle_ml_features_talib.labels:PatternLabels"),
        extra="features-talib",
    )

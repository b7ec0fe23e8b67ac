"""Candle files and annotation files on disk, and the annotator's API."""

from collections.abc import Iterable

from candle_ml.components import AnnotationSourceComponent, lazy
from candle_ml.hookspecs import hookimpl
from candle_ml_sources.options import AnnotationFilesOptions, AnnotatorApiOptions, CandleFilesOptions


@hookimpl
def candle_ml_annotation_sources() -> Iterable[AnnotationSourceComponent]:
    """The sources of this package."""
    yield AnnotationSourceComponent(
        name="candle-files",
        summary="candles from CSV and Parquet files",
        build=lazy("candle_ml_sources.candle_files:CandleFiles"),
        options=CandleFilesOptions,
        extra="sources",
    )
    yield AnnotationSourceComponent(
        name="annotation-files",
        summary="annotations and reviewed ranges from JSON and CSV files",
        build=lazy("candle_ml_sources.annotation_files:AnnotationFiles"),
        options=AnnotationFilesOptions,
        extra="sources",
    )
    yield AnnotationSourceComponent(
        name="annotator-api",
        summary="candles, annotations and reviewed ranges of the annotator's charts",
        build=lazy("candle_ml_sources.annotator_api:AnnotatorApi"),
        options=AnnotatorApiOptions,
        extra="annotator",
    )

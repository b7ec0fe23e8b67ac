"""TA-Lib's candle patterns, by way of the plugin that offers them."""

from __future__ import annotations

from collections.abc import Sequence

from candle_ml.annotations import Annotation
from candle_ml.candles import Candles
from candle_ml.config import PipelineConfig
from candle_ml.errors import PluginError, Problem
from candle_ml_server.problems import INVALID, NO_PATTERNS, ProblemError
from candle_ml_server.schemas import (
    AvailablePattern,
    DetectedPattern,
    DetectMetadata,
    DetectRequest,
    DetectResponse,
)
from candle_ml_server.series import request_candles, series_key

_COMPONENT = "talib-patterns"


class Patterns:
    """Lists and runs the pattern functions; TA-Lib is imported at the first use."""

    def __init__(self, config: PipelineConfig, most_candles: int) -> None:
        self._config = config
        self._most_candles = most_candles

    def available(self) -> tuple[AvailablePattern, ...]:
        """Every function. Raises `ProblemError` (503) where the plugin or TA-Lib is missing."""
        self._require_plugin()
        return tuple(
            AvailablePattern(function_name=function, display_name=shown, lookback=lookback)
            for function, shown, lookback in _talib_available()
        )

    def detect(self, request: DetectRequest) -> bytes:
        """The JSON of a `DetectResponse`. Raises `ProblemError`: 422, or 503 where the plugin or TA-Lib is missing."""
        self._require_plugin()
        functions = self._chosen(request.patterns)
        candles = request_candles(request.candles, series_key("candles", "1d"), self._most_candles)
        found = [_detected(annotation) for annotation in _talib_detect(candles, functions)]
        response = DetectResponse(annotations=found, metadata=DetectMetadata(count=len(found)))
        return response.model_dump_json().encode()

    def _chosen(self, names: Sequence[str]) -> Sequence[str]:
        known = [function for function, _, _ in _talib_available()]
        unknown = [
            Problem(f"patterns[{number}]", repr(name), "a function that GET /patterns/available lists")
            for number, name in enumerate(names)
            if name not in known
        ]
        if unknown:
            raise ProblemError.listing(INVALID, unknown)
        return list(dict.fromkeys(names)) or known

    def _require_plugin(self) -> None:
        try:
            self._config.manager.component("annotation-source", _COMPONENT)
        except PluginError as error:
            raise ProblemError.of(NO_PATTERNS, error) from None


def _talib_available() -> Sequence[tuple[str, str, int]]:
    try:
        from candle_ml_features_talib.labels import available
    except ImportError as error:
        raise ProblemError(NO_PATTERNS, "TA-Lib is not installed: pip install 'candle-ml[features-talib]'") from error
    return available()


def _talib_detect(candles: Candles, functions: Sequence[str]) -> Sequence[Annotation]:
    from candle_ml_features_talib.labels import detect

    return detect(candles, functions)


def _detected(annotation: Annotation) -> DetectedPattern:
    return DetectedPattern.model_construct(
        start_time=annotation.start_time,
        end_time=annotation.end_time,
        label=annotation.label,
        confidence=annotation.confidence or 0.0,
        source="talib",
    )

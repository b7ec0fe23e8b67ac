"""`talib-patterns`: labels for every candle pattern that TA-Lib finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, Ingest, ReviewedRange
from candle_ml.candles import Candles
from candle_ml.components import SourceContext
from candle_ml.errors import ConfigError
from candle_ml_features_talib.cdl import pattern_call
from candle_ml_features_talib.options import PatternLabelOptions
from candle_ml_features_talib.patterns import BY_FUNCTION, PATTERNS, Pattern
from candle_ml_features_talib.talib_call import description

SOURCE = "talib"


def available() -> list[tuple[str, str, int]]:
    """TA-Lib's name, display name and lookback in candles of each of the 61 pattern functions."""
    return [
        (pattern.function, str(description(pattern.function)["display_name"]), pattern_call(pattern).lookback)
        for pattern in PATTERNS
    ]


def detect(candles: Candles, functions: Sequence[str], minimum_strength: float = 0.0) -> list[Annotation]:
    """The patterns of these functions in the candles, by end time.

    `confidence` is the strength, min(|value| / 100, 1); only patterns of at least `minimum_strength` are given. A span
    has the pattern's own length. Raises `ConfigError` for a function that is no candle pattern.
    """
    found = [annotation for name in functions for annotation in _detect_one(candles, _pattern(name), minimum_strength)]
    return sorted(found, key=lambda annotation: annotation.end_time)


def possible_labels(patterns: Iterable[Pattern]) -> frozenset[str]:
    """Every label that these patterns can give."""
    return frozenset(f"{side}_{pattern.name}" for pattern in patterns for side in ("bullish", "bearish"))


class PatternLabels:
    """Labels the candles that the sources before it have read, and declares that it has looked at all of them."""

    def __init__(self, options: PatternLabelOptions) -> None:
        self._patterns = options.chosen()
        self._options = options

    def read(self, context: SourceContext) -> Ingest:
        """Annotations with source `talib`, and a `scanned` range a series: its candles after the warm-up."""
        annotations: list[Annotation] = []
        reviewed: list[ReviewedRange] = []
        notes: list[str] = []
        for done, candles in enumerate(context.known.candles):
            context.progress("talib-patterns", done, len(context.known.candles))
            annotations += self._merged(candles, context.known.annotations)
            reviewed += self._scanned(candles)
            if len(candles) <= self._lookback:
                notes.append(
                    f"talib-patterns: {candles.key} has {len(candles)} candles, {self._lookback + 1} are needed"
                )
        return Ingest(annotations=tuple(annotations), reviewed=tuple(reviewed), notes=tuple(notes))

    @property
    def _lookback(self) -> int:
        return max(pattern_call(pattern).lookback for pattern in self._patterns)

    def _merged(self, candles: Candles, known: Sequence[Annotation]) -> list[Annotation]:
        names = [pattern.function for pattern in self._patterns]
        found = detect(candles, names, self._options.minimum_strength)
        if self._options.merge == "add":
            return found
        taken = _taken(candles, known)
        return [annotation for annotation in found if not _overlaps(annotation, candles, taken)]

    def _scanned(self, candles: Candles) -> list[ReviewedRange]:
        if len(candles) <= self._lookback:
            return []
        first, last = int(candles.time[self._lookback]), int(candles.time[-1])
        return [ReviewedRange(candles.key, first, last, origin="scanned", labels=possible_labels(self._patterns))]


def _pattern(name: str) -> Pattern:
    if name not in BY_FUNCTION:
        raise ConfigError.at("talib-patterns", f"{name!r} is no candle pattern of TA-Lib", "such as CDLENGULFING")
    return BY_FUNCTION[name]


def _detect_one(candles: Candles, pattern: Pattern, minimum_strength: float) -> Iterable[Annotation]:
    call = pattern_call(pattern)
    values = call(candles)[0]
    strength = np.minimum(np.abs(values) / 100.0, 1.0)
    for row in np.flatnonzero((values != 0) & (strength >= minimum_strength)).tolist():
        end_time = int(candles.time[row])
        side = "bullish" if values[row] > 0 else "bearish"
        yield Annotation(
            id=f"{SOURCE}:{pattern.function}:{end_time}",
            series=candles.key,
            start_time=int(candles.time[row - pattern.length + 1]),
            end_time=end_time,
            label=f"{side}_{pattern.name}",
            source=SOURCE,
            confidence=float(strength[row]),
        )


def _taken(candles: Candles, known: Sequence[Annotation]) -> NDArray[np.int64]:
    """For each candle, how many candles before it are annotated already; one entry more than candles."""
    annotated = np.zeros(len(candles), dtype=bool)
    for annotation in known:
        if annotation.series == candles.key:
            first, last = candles.index_range(annotation.start_time, annotation.end_time)
            annotated[first : last + 1] = True
    return np.concatenate(([0], np.cumsum(annotated)))


def _overlaps(annotation: Annotation, candles: Candles, taken: NDArray[np.int64]) -> bool:
    first, last = candles.index_range(annotation.start_time, annotation.end_time)
    return bool(taken[last + 1] > taken[first])

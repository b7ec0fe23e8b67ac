"""What somebody says about candles: annotations, reviewed ranges, and everything one source has read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError

NO_PATTERN = "O"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A claim about the candles of `series` that open in `[start_time, end_time]` (both inclusive, Unix seconds UTC).

    `id` is namespaced (`span:7`, `point:7`). `label` `O` says "nothing here". `confidence` is within 0..1 or None, on
    one scale whatever the source. `outcome`, `notes`, `sub_spans` and `model_prediction` (JSON text) are carried into
    data sets and traces and are never features: they are later knowledge.
    """

    id: str
    series: SeriesKey
    start_time: int
    end_time: int
    label: str
    source: str = "human"
    confidence: float | None = None
    color: str | None = None
    outcome: str | None = None
    notes: str | None = None
    sub_spans: str | None = None
    model_prediction: str | None = None

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise DataError.at(self.id, "an empty label", "name the pattern")
        if self.end_time < self.start_time:
            raise DataError.at(self.id, f"end_time {self.end_time} before start_time {self.start_time}", "start first")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise DataError.at(self.id, f"confidence {self.confidence}", "a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class ReviewedRange:
    """Candles of `series` that somebody looked at: only there is "no label" evidence of "no pattern".

    `labels` are the patterns that were looked for (None: every pattern). `origin` is `explicit`, `assumed` (from the
    first to the last annotation) or `scanned` (a program looked at every candle).
    """

    series: SeriesKey
    start_time: int
    end_time: int
    origin: str = "explicit"
    labels: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.end_time < self.start_time:
            where = f"{self.series}: reviewed range"
            raise DataError.at(where, f"end_time {self.end_time} before start_time {self.start_time}", "start first")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """An input row that was set aside: where it stands, what was found and what would do."""

    where: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Ingest:
    """What a source has read; every part may be empty. One `Candles` per series."""

    candles: tuple[Candles, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    reviewed: tuple[ReviewedRange, ...] = ()
    label_colors: Mapping[str, str] = field(default_factory=dict)
    rejected: tuple[RejectedRow, ...] = ()
    notes: tuple[str, ...] = ()

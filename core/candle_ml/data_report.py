"""What stands in a data set, in numbers a person can check."""

from __future__ import annotations

from collections import Counter

import numpy as np
from pydantic import BaseModel, ConfigDict

from candle_ml.annotations import RejectedRow
from candle_ml.candles import SeriesKey
from candle_ml.dataset import Dataset, SeriesData, iso_time
from candle_ml.errors import Problem


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnnotationCount(_Report):
    """How many annotations one source gave one label, and how many candles they cover."""

    label: str
    source: str
    annotations: int
    candles: int


class ReviewedShare(_Report):
    """Which share of a series' candles was reviewed, by origin (`explicit`, `assumed`, `scanned`) and labels.

    Without `labels` every pattern was looked for.
    """

    origin: str
    labels: tuple[str, ...] | None
    share: float


class SeriesReport(_Report):
    """One series. `gaps` counts steps from candle to candle longer than the timeframe (weekends are such steps)."""

    pair: str
    timeframe: str
    candles: int
    first_time: str
    last_time: str
    has_volume: bool
    gaps: int
    longest_gap_seconds: int
    annotations: tuple[AnnotationCount, ...]
    reviewed: tuple[ReviewedShare, ...]


class RejectedCount(_Report):
    """How many rows of one file or source were set aside, and the first of them in full."""

    where: str
    rows: int
    first: str


class DataReport(_Report):
    """A data set: its hash, every series, the rows set aside and what was assumed."""

    hash: str
    series: tuple[SeriesReport, ...]
    rejected: int
    rejected_by_origin: tuple[RejectedCount, ...]
    label_colors: dict[str, str]
    notes: tuple[str, ...]


def describe(dataset: Dataset) -> DataReport:
    """Count candles, gaps, annotations and reviewed candles of every series, and the rows set aside."""
    return DataReport(
        hash=dataset.hash,
        series=tuple(_series_report(key, data) for key, data in dataset.series.items()),
        rejected=len(dataset.rejected),
        rejected_by_origin=_rejected_counts(dataset.rejected),
        label_colors=dict(dataset.label_colors),
        notes=dataset.notes,
    )


def _series_report(key: SeriesKey, data: SeriesData) -> SeriesReport:
    time = data.candles.time
    steps = np.diff(time)
    gaps = steps[steps > key.seconds]
    return SeriesReport(
        pair=key.pair,
        timeframe=key.timeframe,
        candles=len(time),
        first_time=iso_time(int(time[0])),
        last_time=iso_time(int(time[-1])),
        has_volume=data.candles.volume is not None,
        gaps=len(gaps),
        longest_gap_seconds=int(gaps.max()) if len(gaps) else 0,
        annotations=_annotation_counts(data),
        reviewed=_reviewed_shares(data),
    )


def _annotation_counts(data: SeriesData) -> tuple[AnnotationCount, ...]:
    spans, candles = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for item in data.annotations:
        first, last = data.candles.index_range(item.start_time, item.end_time)
        spans[item.label, item.source] += 1
        candles[item.label, item.source] += last - first + 1
    return tuple(
        AnnotationCount(label=label, source=source, annotations=spans[label, source], candles=candles[label, source])
        for label, source in sorted(spans)
    )


def _reviewed_shares(data: SeriesData) -> tuple[ReviewedShare, ...]:
    covered: dict[tuple[str, tuple[str, ...] | None], np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    for item in data.reviewed:
        group = (item.origin, None if item.labels is None else tuple(sorted(item.labels)))
        mask = covered.setdefault(group, np.zeros(len(data.candles), dtype=bool))
        first, last = data.candles.index_range(item.start_time, item.end_time)
        mask[first : last + 1] = True
    return tuple(
        ReviewedShare(origin=origin, labels=labels, share=float(mask.mean()))
        for (origin, labels), mask in covered.items()
    )


def _rejected_counts(rejected: tuple[RejectedRow, ...]) -> tuple[RejectedCount, ...]:
    counts = Counter(_origin(row) for row in rejected)
    first = {_origin(row): str(Problem(row.where, row.found, row.expected)) for row in reversed(rejected)}
    return tuple(RejectedCount(where=where, rows=rows, first=first[where]) for where, rows in counts.items())


def _origin(row: RejectedRow) -> str:
    return row.where.partition(": ")[0]

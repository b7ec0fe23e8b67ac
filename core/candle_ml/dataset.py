"""A data set: checked candles, annotations and reviewed ranges by series, with a hash of what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError

_FOREVER = 253_402_300_799  # 9999-12-31T23:59:59Z
_WEAKEST_ORIGIN_FIRST = ("assumed", "scanned", "explicit")


@dataclass(frozen=True, slots=True, eq=False)
class SeriesData:
    """One series: its candles, its annotations in order of (start, end, id), and where somebody looked.

    Annotations and reviewed ranges start and end at opens of candles.
    """

    candles: Candles
    annotations: tuple[Annotation, ...] = ()
    reviewed: tuple[ReviewedRange, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Everything that a run learns from; `series` is ordered by key and never empty.

    `hash` is the SHA-256 of candles, annotations and reviewed ranges, whatever files they came from. `rejected` rows
    were set aside, and `notes` say what was assumed or adjusted.
    """

    series: Mapping[SeriesKey, SeriesData]
    label_colors: Mapping[str, str]
    rejected: tuple[RejectedRow, ...]
    notes: tuple[str, ...]
    hash: str


def iso_time(seconds: int) -> str:
    """Unix seconds as `2024-01-31T00:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def content_hash(series: Mapping[SeriesKey, SeriesData]) -> str:
    """SHA-256 (hex) of every series: key, candle columns (little-endian), annotations and reviewed ranges, sorted."""
    digest = hashlib.sha256()
    for key in sorted(series):
        data = series[key]
        candles = data.candles
        digest.update(f"{key.pair}\n{key.timeframe}\n{len(candles)}\n{candles.volume is not None}\n".encode())
        digest.update(candles.time.astype("<i8").tobytes())
        for column in (candles.open, candles.high, candles.low, candles.close, candles.volume):
            if column is not None:
                digest.update(column.astype("<f8").tobytes())
        claims = sorted([_annotation_text(item) for item in data.annotations] + [_range_text(r) for r in data.reviewed])
        digest.update(json.dumps(claims).encode())
    return digest.hexdigest()


def _annotation_text(item: Annotation) -> str:
    values = [getattr(item, name) for name in Annotation.__slots__ if name != "series"]
    return json.dumps(["annotation", *values])


def _range_text(item: ReviewedRange) -> str:
    labels = None if item.labels is None else sorted(item.labels)
    return json.dumps(["reviewed", item.start_time, item.end_time, item.origin, labels])


def effective_reviewed(data: SeriesData, labels: Collection[str]) -> tuple[ReviewedRange, ...]:
    """The longest runs of candles where every one of `labels` was looked for.

    A range without labels covers all of them, one with labels only its own; `O` is no label to look for, and without
    labels nothing was looked for. The origin of a run is the weakest of the ranges in it (assumed, scanned, explicit).
    """
    wanted = frozenset(labels) - {NO_PATTERN}
    if not wanted:
        return ()
    covered = np.ones(len(data.candles), dtype=bool)
    for label in wanted:
        covered &= _looked_for(data, label)
    return tuple(_run(data, first, last, wanted) for first, last in _runs(covered))


def _looked_for(data: SeriesData, label: str) -> NDArray[np.bool_]:
    covered = np.zeros(len(data.candles), dtype=bool)
    for item in data.reviewed:
        if item.labels is None or label in item.labels:
            first, last = data.candles.index_range(item.start_time, item.end_time)
            covered[first : last + 1] = True
    return covered


def _runs(covered: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], covered, [False])).astype(np.int8))).tolist()
    return [(first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _run(data: SeriesData, first: int, last: int, labels: frozenset[str]) -> ReviewedRange:
    start_time, end_time = int(data.candles.time[first]), int(data.candles.time[last])
    origins = {
        item.origin
        for item in data.reviewed
        if item.start_time <= end_time and item.end_time >= start_time and (item.labels is None or item.labels & labels)
    }
    origin = next(name for name in (*_WEAKEST_ORIGIN_FIRST, *sorted(origins)) if name in origins)
    return ReviewedRange(data.candles.key, start_time, end_time, origin, labels)


def restricted(dataset: Dataset, start: int | None, end: int | None) -> Dataset:
    """What was known of `[start, end]` (Unix seconds, both inclusive, None: open) when it ended.

    Candles before `start` stay as history; annotations and reviewed ranges count where they lie inside. Raises
    `DataError` where no candle is left.
    """
    first, last = start or 0, _FOREVER if end is None else end
    series = {}
    for key, data in dataset.series.items():
        candles = data.candles[: data.candles.index_range(0, last)[1] + 1]
        if len(candles) and candles.time[-1] >= first:
            annotations = tuple(a for a in data.annotations if first <= a.start_time and a.end_time <= last)
            reviewed = tuple(
                replace(r, start_time=max(r.start_time, first), end_time=min(r.end_time, last))
                for r in data.reviewed
                if r.start_time <= last and r.end_time >= first
            )
            series[key] = SeriesData(candles, annotations, reviewed)
    if not series:
        asked = f"no candle from {iso_time(first)} to {iso_time(last)}"
        raise DataError.at("data", asked, "choose a time that the candles cover")
    return replace(dataset, series=series, hash=content_hash(series))

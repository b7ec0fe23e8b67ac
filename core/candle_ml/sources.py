"""From sources to one data set: read in order, merge, check, and say what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey, bad_rows
from candle_ml.components import AnnotationSource, Keep, Progress, SourceContext, as_it_is, no_progress
from candle_ml.data_report import DataReport, describe
from candle_ml.dataset import Dataset, SeriesData, content_hash, effective_reviewed, iso_time
from candle_ml.errors import DataError, Problem

__all__ = [
    "PROGRAM_SOURCES",
    "DataReport",
    "Dataset",
    "MergedCandles",
    "SeriesData",
    "describe",
    "effective_reviewed",
    "ingest",
    "iso_time",
    "merge_candles",
    "readable",
    "refuse",
]

PROGRAM_SOURCES = frozenset({"model", "programmatic", "talib"})
"""Values of `Annotation.source` that no person stands behind."""
_MOST_ROWS_NAMED = 20


def ingest(
    sources: Sequence[tuple[str, AnnotationSource]],
    root: Path,
    *,
    strict: bool = False,
    assume_reviewed: bool = True,
    progress: Progress = no_progress,
    keep: Keep = as_it_is,
) -> Dataset:
    """Read named sources in order, each seeing what those before it have read, and merge them into one data set.

    `root` is the folder that relative paths start from. A row that cannot be used is set aside and named; `strict`
    raises `DataError` instead. With `assume_reviewed`, a series without a given reviewed range counts as reviewed from
    its first to its last annotation, and a note says so. Columns of candles are held as `keep` returns them. Raises
    `DataError` where no candles are read at all.
    """
    reading = _Reading(keep)
    for done, (name, source) in enumerate(sources):
        progress(f"reading {name}", done, len(sources))
        reading.add(name, source.read(SourceContext(root, reading.known(), progress, keep)))
    progress("reading", len(sources), len(sources))
    if not reading.candles:
        raise DataError.at("data", "no candles were read", "add a source that has some, such as candle-files")
    dataset = _dataset(reading, assume_reviewed)
    if strict and dataset.rejected:
        raise refuse("data", dataset.rejected)
    return dataset


def refuse(where: str, rejected: Sequence[RejectedRow]) -> DataError:
    """The error that names these rows: the first 20, how many more there are and, if it is one thing, what would do."""
    problems = [Problem(row.where, row.found, row.expected) for row in rejected[:_MOST_ROWS_NAMED]]
    if more := rejected[_MOST_ROWS_NAMED:]:
        expected = {row.expected for row in more}
        problems.append(Problem(where, f"{len(more)} more bad rows", expected.pop() if len(expected) == 1 else ""))
    return DataError(*problems)


@contextmanager
def readable(path: Path, where: str) -> Iterator[None]:
    """Raise `DataError` where the file that is read inside cannot be; no pipe or device is opened."""
    try:
        if path.exists() and not path.is_file():
            raise DataError.at(where, "not a regular file", "a readable file")
        yield
    except OSError as error:
        raise DataError.at(where, f"cannot be read ({error.strerror})", "a readable file") from error


@dataclass(frozen=True, slots=True, eq=False)
class MergedCandles:
    """Two sets of candles of one series as one.

    `repeated` counts the rows of the second that stand in the first with the same values; `refused` holds the time of
    every other row that was left out, with what was found and what would do. `volume_dropped`: only one had volume.
    """

    candles: Candles
    repeated: int
    refused: tuple[tuple[int, str, str], ...]
    volume_dropped: bool


def merge_candles(first: Candles, second: Candles) -> MergedCandles:
    """Add the candles of `second` to `first`, which wins wherever the two differ."""
    position = np.searchsorted(first.time, second.time)
    shared = np.isin(second.time, first.time)
    same = np.zeros(len(second), dtype=bool)
    same[shared] = _same_values(first, position[shared], second, np.flatnonzero(shared))
    refused = [_conflict(first, int(time)) for time in second.time[shared & ~same]]
    volume_dropped = (first.volume is None) != (second.volume is None)
    joined, absurd = _joined(first, second, np.flatnonzero(~shared))
    return MergedCandles(joined, int(same.sum()), (*refused, *absurd), volume_dropped)


def _same_values(
    first: Candles, first_rows: NDArray[np.int64], second: Candles, second_rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    same = np.ones(len(first_rows), dtype=bool)
    for name in ("open", "high", "low", "close", "volume"):
        left, right = getattr(first, name), getattr(second, name)
        if left is not None and right is not None:
            same &= left[first_rows] == right[second_rows]
    return same


def _conflict(first: Candles, time: int) -> tuple[int, str, str]:
    row, _ = first.index_range(time, time)
    values = ", ".join(f"{name} {getattr(first, name)[row]:g}" for name in ("open", "high", "low", "close"))
    found = f"time {iso_time(time)} a second time, with other values than {values}"
    return time, found, f"two files or sources of {first.key} disagree: keep one of them"


def _joined(first: Candles, second: Candles, added: NDArray[np.int64]) -> tuple[Candles, list[tuple[int, str, str]]]:
    """`first` and the rows `added` of `second`, without the rows whose prices are absurd beside the others."""

    def both(name: str) -> NDArray[np.float64]:
        return np.concatenate((getattr(first, name), getattr(second, name)[added]))

    time = np.concatenate((first.time, second.time[added]))
    open_, high, low, close = (both(name) for name in ("open", "high", "low", "close"))
    volume = None if first.volume is None or second.volume is None else both("volume")
    problems = bad_rows(time, open_, high, low, close, volume)
    order = np.argsort(time)
    kept = order[~np.isin(order, [problem.row for problem in problems])]
    kept_volume = None if volume is None else volume[kept]
    candles = Candles(first.key, time[kept], open_[kept], high[kept], low[kept], close[kept], kept_volume)
    return candles, [(int(time[problem.row]), problem.found, problem.expected) for problem in problems]


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    keep: Keep
    candles: dict[SeriesKey, Candles] = field(default_factory=dict)
    annotations: dict[tuple[SeriesKey, str], Annotation] = field(default_factory=dict)
    origin: dict[tuple[SeriesKey, str], str] = field(default_factory=dict)
    reviewed: list[tuple[str, ReviewedRange]] = field(default_factory=list)
    label_colors: dict[str, str] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def known(self) -> Ingest:
        return Ingest(
            tuple(self.candles.values()),
            tuple(self.annotations.values()),
            tuple(item for _, item in self.reviewed),
            dict(self.label_colors),
            tuple(self.rejected),
            tuple(self.notes),
        )

    def add(self, name: str, read: Ingest) -> None:
        self.rejected.extend(read.rejected)
        self.notes.extend(read.notes)
        for candles in read.candles:
            self._add_candles(name, candles)
        for annotation in read.annotations:
            self._add_annotation(name, annotation)
        self.reviewed.extend((name, item) for item in read.reviewed)
        self.label_colors = {**read.label_colors, **self.label_colors}

    def _add_candles(self, name: str, candles: Candles) -> None:
        earlier = self.candles.get(candles.key)
        if earlier is None:
            self.candles[candles.key] = candles
            return
        merged = merge_candles(earlier, candles)
        self.candles[candles.key] = merged.candles.kept(self.keep)
        where = f"{name}: {candles.key}"
        self.rejected += [
            RejectedRow(f"{where}: {iso_time(time)}", found, expected) for time, found, expected in merged.refused
        ]
        if merged.repeated:
            self.notes.append(f"{where}: {merged.repeated} candles had been read before, with the same values")
        if merged.volume_dropped:
            self.notes.append(f"{where}: volume dropped, because some candles have none")

    def _add_annotation(self, name: str, annotation: Annotation) -> None:
        key = (annotation.series, annotation.id)
        earlier = self.annotations.setdefault(key, annotation)
        self.origin.setdefault(key, name)
        where = f"{name}: {annotation.series}: {annotation.id}"
        if earlier is annotation:
            return
        if earlier == annotation:
            self.notes.append(f"{where}: had been read before, with the same values")
        else:
            expected = f"one annotation an id; {self.origin[key]} has another"
            self.rejected.append(RejectedRow(where, "an id that is taken", expected))


def _dataset(reading: _Reading, assume_reviewed: bool) -> Dataset:
    annotations = _snapped_annotations(reading)
    reviewed = _clipped_ranges(reading)
    for key in sorted(reading.candles) if assume_reviewed else ():
        reviewed[key].update(_assumed(key, annotations[key], reviewed[key], reading.notes))
    series = {
        key: SeriesData(reading.candles[key], _in_order(annotations[key]), _ranges_in_order(reviewed[key]))
        for key in sorted(reading.candles)
    }
    colors = dict(sorted(reading.label_colors.items()))
    return Dataset(series, colors, tuple(reading.rejected), tuple(reading.notes), content_hash(series))


def _snapped_annotations(reading: _Reading) -> dict[SeriesKey, list[Annotation]]:
    snapped: dict[SeriesKey, list[Annotation]] = {key: [] for key in reading.candles}
    moved = Counter[str]()
    for key, annotation in reading.annotations.items():
        fitted = _snap(reading.candles.get(annotation.series), annotation)
        if isinstance(fitted, Annotation):
            snapped[annotation.series].append(fitted)
            moved[f"{reading.origin[key]}: {annotation.series}"] += fitted != annotation
        else:
            where = f"{reading.origin[key]}: {annotation.series}: {annotation.id}"
            reading.rejected.append(RejectedRow(where, *fitted))
    reading.notes += [
        f"{where}: {count} annotations moved to the candles within them" for where, count in moved.items() if count
    ]
    return snapped


def _snap(candles: Candles | None, annotation: Annotation) -> Annotation | tuple[str, str]:
    """The annotation from the first to the last candle that opens in it, or what was found and what would do."""
    span = f"{iso_time(annotation.start_time)} to {iso_time(annotation.end_time)}"
    if candles is None:
        return "a series without candles", "a series that a source reads candles of"
    extent = f"candles stand from {iso_time(int(candles.time[0]))} to {iso_time(int(candles.time[-1]))}"
    first, last = candles.index_range(annotation.start_time, annotation.end_time)
    if last < first:
        return f"no candle opens in {span}", extent
    margin = annotation.series.seconds
    if annotation.start_time <= candles.time[0] - margin or annotation.end_time >= candles.time[-1] + 2 * margin:
        return f"{span} reaches outside the candles", extent
    return replace(annotation, start_time=int(candles.time[first]), end_time=int(candles.time[last]))


def _clipped_ranges(reading: _Reading) -> dict[SeriesKey, set[ReviewedRange]]:
    """Reviewed ranges from the first to the last candle that opens in them; one without a candle is set aside."""
    clipped: dict[SeriesKey, set[ReviewedRange]] = {key: set() for key in reading.candles}
    for name, item in reading.reviewed:
        candles = reading.candles.get(item.series)
        first, last = (0, -1) if candles is None else candles.index_range(item.start_time, item.end_time)
        if candles is None or last < first:
            span = f"{iso_time(item.start_time)} to {iso_time(item.end_time)}"
            where = f"{name}: {item.series}: reviewed range"
            reading.rejected.append(RejectedRow(where, f"no candle opens in {span}", "a range of the candles"))
        else:
            start_time, end_time = int(candles.time[first]), int(candles.time[last])
            clipped[item.series].add(replace(item, start_time=start_time, end_time=end_time))
    return clipped


def _assumed(
    key: SeriesKey, annotations: Sequence[Annotation], given: Collection[ReviewedRange], notes: list[str]
) -> Iterator[ReviewedRange]:
    """What counts as reviewed where nobody said so: people are assumed to look for every pattern, programs for theirs.

    A program that declared what it scanned is believed, and nothing is assumed of it.
    """
    if any(item.origin != "scanned" for item in given):
        return
    people = [item for item in annotations if item.source not in PROGRAM_SOURCES]
    programs = [item for item in annotations if item.source in PROGRAM_SOURCES and not _is_scanned(item, given)]
    for group, labels in ((people, None), (programs, frozenset(item.label for item in programs))):
        if group:
            start_time, end_time = min(item.start_time for item in group), max(item.end_time for item in group)
            what = "every pattern" if labels is None else ", ".join(sorted(labels))
            extent = f"{iso_time(start_time)} to {iso_time(end_time)}"
            notes.append(f"{key}: assumed to be reviewed for {what} from {extent}, the first to the last annotation")
            yield ReviewedRange(key, start_time, end_time, "assumed", labels)


def _is_scanned(annotation: Annotation, ranges: Collection[ReviewedRange]) -> bool:
    return any(item.labels is None or annotation.label in item.labels for item in ranges)


def _in_order(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    return tuple(sorted(annotations, key=lambda item: (item.start_time, item.end_time, item.id)))


def _ranges_in_order(ranges: Collection[ReviewedRange]) -> tuple[ReviewedRange, ...]:
    return tuple(sorted(ranges, key=lambda r: (r.start_time, r.end_time, r.origin, sorted(r.labels or ()))))

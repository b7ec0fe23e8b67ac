"""The source `annotation-files`: annotations and reviewed ranges from JSON and CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.sources import iso_time, refuse
from candle_ml_sources.annotation_csv import read_annotation_csv
from candle_ml_sources.annotation_json import read_json
from candle_ml_sources.claims import BadFieldError, Claim, FileRows, to_annotation, to_range
from candle_ml_sources.files import DataFile, find_files, name_series, read_bytes, read_each
from candle_ml_sources.options import AnnotationFilesOptions

_SUFFIXES = (".json", ".csv")
_NAME_HINT = "name it like AAPL_1d.json or AAPL/1d.bio.csv, or give series"


class AnnotationFiles:
    """Reads annotations and reviewed ranges, one series a file."""

    def __init__(self, options: AnnotationFilesOptions) -> None:
        self.options = options

    def read(self, context: SourceContext) -> Ingest:
        """All annotations and reviewed ranges of the files. Raises `DataError` for a file of another kind.

        Rows that cannot be used are set aside and named; with the option `strict` they raise `DataError`.
        """
        options = self.options
        given = None if options.series is None else SeriesKey(options.series.pair, options.series.timeframe)
        found = find_files(context.root, options.path, _SUFFIXES)
        named = name_series(found, given, {}, _NAME_HINT)
        files = read_each(named, self._read_file, "annotation files", context.progress)
        collected = _Collected({candles.key: candles for candles in context.known.candles}, options)
        for (_, series), rows in zip(named, files, strict=True):
            collected.add(series, rows)
        read = collected.ingest()
        if options.strict and read.rejected:
            raise refuse(options.path, read.rejected)
        return read

    def _read_file(self, file: DataFile, series: SeriesKey) -> FileRows:
        data = read_bytes(file)
        if file.path.name.lower().endswith(".json"):
            return read_json(file.where, data, self.options.time_unit)
        return read_annotation_csv(file.where, data, self.options.time_unit, self.options.bio_reviewed)


@dataclass(slots=True)
class _Collected:
    """What the files say, one annotation an id."""

    candles: Mapping[SeriesKey, Candles]
    options: AnnotationFilesOptions
    annotations: dict[tuple[SeriesKey, str], Annotation] = field(default_factory=dict)
    places: dict[tuple[SeriesKey, str], str] = field(default_factory=dict)
    reviewed: list[ReviewedRange] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated: Counter[SeriesKey] = field(default_factory=Counter)
    moved: Counter[SeriesKey] = field(default_factory=Counter)
    early: Counter[SeriesKey] = field(default_factory=Counter)

    def add(self, series: SeriesKey, rows: FileRows) -> None:
        self.rejected.extend(rows.rejected)
        self.notes.extend(rows.notes)
        self.reviewed.extend(to_range(item, series) for item in rows.ranges)
        for claim in rows.claims:
            try:
                self._add_claim(series, claim)
            except BadFieldError as error:
                self.rejected.append(error.at(claim.row.where))

    def _add_claim(self, series: SeriesKey, claim: Claim) -> None:
        read = to_annotation(claim, series, self.options.source)
        annotation = self._on_candles(read)
        key = (series, annotation.id)
        if key not in self.annotations:
            self.annotations[key] = annotation
            self.places[key] = claim.row.where
            self.moved[series] += annotation != read
        elif self.annotations[key] == annotation:
            self.repeated[series] += 1
        else:
            found = f"{annotation.id} a second time, with other values than {self.places[key]}"
            raise BadFieldError(found, "one row an id")

    def _on_candles(self, annotation: Annotation) -> Annotation:
        """The annotation with its times at opens of candles, where the candles are known."""
        candles = self.candles.get(annotation.series)
        if candles is None:
            self.early[annotation.series] += 1
            return annotation
        if self.options.unknown_time == "reject":
            _check_opens(candles, "start_time", annotation.start_time)
            _check_opens(candles, "end_time", annotation.end_time)
        start_time, end_time = (_open_of(candles, time) for time in (annotation.start_time, annotation.end_time))
        return replace(annotation, start_time=start_time, end_time=end_time)

    def ingest(self) -> Ingest:
        """Everything collected, with a color for each label whose annotations have one."""
        annotations = tuple(self.annotations.values())
        colors: dict[str, str] = {}
        for annotation in annotations:
            if annotation.color is not None:
                colors.setdefault(annotation.label, annotation.color)
        counted = (
            (self.repeated, "stand there again, with the same values"),
            (self.moved, "moved to the open of the candle that they fall in"),
            (self.early, "read before any candles of the series, so their times were not compared"),
        )
        notes = [
            f"{self.options.path}: {series}: {count} annotations {what}"
            for counts, what in counted
            for series, count in counts.items()
            if count
        ]
        return Ingest((), annotations, tuple(self.reviewed), colors, tuple(self.rejected), (*self.notes, *notes))


def _open_of(candles: Candles, time: int) -> int:
    """The open of the candle that a time falls in; the time itself where it falls in none."""
    row = int(np.searchsorted(candles.time, time, side="right")) - 1
    opened = int(candles.time[row]) if row >= 0 else time
    return opened if time < opened + candles.key.seconds else time


def _check_opens(candles: Candles, name: str, time: int) -> None:
    first, last = candles.index_range(time, time)
    if last < first:
        found = f"{name} {iso_time(time)}, when no candle of {candles.key} opens"
        raise BadFieldError(found, "the open of a candle, or unknown_time: snap")

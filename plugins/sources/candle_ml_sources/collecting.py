"""Claims of several files or answers as annotations on candles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.sources import iso_time
from candle_ml_sources.claims import BadFieldError, Claim, FileRows, to_annotation, to_range


@dataclass(slots=True)
class Collected:
    """What rows say, one annotation an id; `where` names them all, the options are those of `annotation-files`."""

    candles: Mapping[SeriesKey, Candles]
    where: str
    source: str
    unknown_time: str
    annotations: dict[tuple[SeriesKey, str], Annotation] = field(default_factory=dict)
    places: dict[tuple[SeriesKey, str], str] = field(default_factory=dict)
    reviewed: list[ReviewedRange] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated: Counter[SeriesKey] = field(default_factory=Counter)
    moved: Counter[SeriesKey] = field(default_factory=Counter)
    early: Counter[SeriesKey] = field(default_factory=Counter)

    def add(self, series: SeriesKey, rows: FileRows) -> None:
        """Add the rows of one series; a claim that cannot be used is set aside."""
        self.rejected.extend(rows.rejected)
        self.notes.extend(rows.notes)
        self.reviewed.extend(to_range(item, series) for item in rows.ranges)
        for claim in rows.claims:
            try:
                self._add_claim(series, claim)
            except BadFieldError as error:
                self.rejected.append(error.at(claim.row.where))

    def _add_claim(self, series: SeriesKey, claim: Claim) -> None:
        read = to_annotation(claim, series, self.source)
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
        if self.unknown_time == "reject":
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
            f"{self.where}: {series}: {count} annotations {what}"
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

"""The source `candle-files`: candles from CSV and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from candle_ml.annotations import Ingest, RejectedRow
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Keep, SourceContext
from candle_ml.errors import DataError, Problem
from candle_ml.sources import merge_candles, refuse
from candle_ml_sources.candle_checks import CandleRows
from candle_ml_sources.candle_rows import read_candles
from candle_ml_sources.files import DataFile, find_files, name_series, read_each
from candle_ml_sources.options import CandleFilesOptions
from candle_ml_sources.tables import read_table

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_NAME_HINT = "name it like AAPL_1d.csv or AAPL/1d.csv, or list it under files"


@dataclass(frozen=True, slots=True)
class _Files:
    """Named files, and how they are read."""

    options: CandleFilesOptions
    named: tuple[tuple[DataFile, SeriesKey], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(file.path for file, _ in self.named)

    def read(self, context: SourceContext) -> Ingest:
        """All candles of the files, by series. Raises `DataError` as `CandleFiles.read` does."""
        read_file = partial(self._read_file, context.keep)
        read = _merged_by_series(read_each(self.named, read_file, "candle files", context.progress), context.keep)
        if self.options.strict and read.rejected:
            raise refuse(self.options.path, read.rejected)
        return read

    def _read_file(self, keep: Keep, file: DataFile, series: SeriesKey) -> CandleRows:
        read = read_candles(read_table(file), series, self.options.time_unit)
        return replace(read, candles=read.candles.kept(keep), rows=keep(read.rows))


class CandleFiles:
    """Reads candles, one series a file; several files of one series become one."""

    def __init__(self, options: CandleFilesOptions) -> None:
        self.options = options

    def read(self, context: SourceContext) -> Ingest:
        """All candles of the files, by series. Raises `DataError` for a file that is no table of candles.

        Rows that are no candles are set aside and named; with the option `strict` they raise `DataError`.
        """
        named, problems = self._named(context.root)
        if problems:
            raise DataError(*problems)
        return _Files(self.options, tuple(named)).read(context)

    def by_series(self, root: Path) -> tuple[dict[SeriesKey, _Files], list[Problem]]:
        """The files of each series, in order of the series, and a problem for each file of no known series."""
        named, problems = self._named(root)
        groups = groupby(sorted(named, key=lambda each: each[1]), key=lambda each: each[1])
        return {series: _Files(self.options, tuple(group)) for series, group in groups}, problems

    def _named(self, root: Path) -> tuple[list[tuple[DataFile, SeriesKey]], list[Problem]]:
        options = self.options
        given = SeriesKey(options.pair, options.timeframe) if options.pair and options.timeframe else None
        found = find_files(root, options.path, _SUFFIXES)
        return name_series(found, given, options.files, _NAME_HINT)


def _merged_by_series(parts: Sequence[CandleRows], keep: Keep) -> Ingest:
    rejected = [row for part in parts for row in part.rejected]
    notes = [note for part in parts for note in part.notes]
    ordered = sorted(parts, key=lambda part: part.candles.key)
    groups = [list(group) for _, group in groupby(ordered, key=lambda part: part.candles.key)]
    candles = tuple(_merged(group, keep, rejected, notes) for group in groups)
    return Ingest(candles=candles, rejected=tuple(rejected), notes=tuple(notes))


def _merged(parts: Sequence[CandleRows], keep: Keep, rejected: list[RejectedRow], notes: list[str]) -> Candles:
    """The candles of one series; the first file wins where two differ."""
    candles = parts[0].candles
    for number, part in enumerate(parts[1:], start=1):
        merged = merge_candles(candles, part.candles)
        candles = merged.candles
        rejected += [
            RejectedRow(_place(parts[: number + 1], time), found, expected) for time, found, expected in merged.refused
        ]
        if merged.repeated:
            notes.append(f"{part.where}: {merged.repeated} rows stand in another file, with the same values")
        if merged.volume_dropped:
            notes.append(f"{part.where}: volume of {candles.key} dropped, because some of its files have none")
    return candles if len(parts) == 1 else candles.kept(keep)


def _place(parts: Sequence[CandleRows], time: int) -> str:
    """The last of the files' rows with this time."""
    return next(place for part in reversed(parts) if (place := part.place(time)) is not None)

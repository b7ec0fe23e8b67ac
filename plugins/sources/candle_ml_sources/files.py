"""Which files to read, and which series each belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from candle_ml.candles import SeriesKey
from candle_ml.components import Progress
from candle_ml.errors import DataError, Problem
from candle_ml.sources import readable
from candle_ml_sources.options import SeriesName

_Read = TypeVar("_Read")
_TIMEFRAME = r"(?P<timeframe>[1-9][0-9]{0,3}[smhdwM])"
_PAIR_AND_TIMEFRAME = re.compile(rf"(?P<pair>.+)[_-]{_TIMEFRAME}(\..*)?")
_TIMEFRAME_ONLY = re.compile(rf"{_TIMEFRAME}(\..*)?")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file to read: `where` is how messages name it, `name` its path within the folder that was searched."""

    path: Path
    name: str
    where: str


def find_files(root: Path, path: str, suffixes: Sequence[str]) -> list[DataFile]:
    """The file at `path`, or every file with one of the suffixes in that folder and below, in order of name.

    Hidden files are passed over. Raises `DataError` where nothing is found.
    """
    start = root / path
    endings = ", ".join(suffixes)
    if start.is_dir():
        found = [DataFile(file, name, f"{path}/{name}") for name, file in _below(start, suffixes)]
        if not found:
            raise DataError.at(path, "a folder without data files", f"files that end in {endings}")
        return found
    if not start.exists():
        raise DataError.at(path, "no such file or folder", "a path within the project folder")
    if not start.name.lower().endswith(tuple(suffixes)):
        raise DataError.at(path, "a file of an unknown kind", f"a file that ends in {endings}")
    return [DataFile(start, start.name, path)]


def _below(folder: Path, suffixes: Sequence[str]) -> list[tuple[str, Path]]:
    named = [(file.relative_to(folder), file) for file in folder.rglob("*") if not file.is_dir()]
    return sorted(
        (name.as_posix(), file)
        for name, file in named
        if name.name.lower().endswith(tuple(suffixes)) and not any(part.startswith(".") for part in name.parts)
    )


def name_series(
    files: Sequence[DataFile], given: SeriesKey | None, mapping: Mapping[str, SeriesName], hint: str
) -> tuple[list[tuple[DataFile, SeriesKey]], list[Problem]]:
    """Each file with its series: from `mapping`, else `given`, else its name; and every doubt about the others."""
    problems = [
        Problem(f"files: {name}", "no such file was found", "a file's name or its path within the folder")
        for name in mapping
        if not any(name in (file.name, file.path.name) for file in files)
    ]
    named: list[tuple[DataFile, SeriesKey]] = []
    for file in files:
        series = _series_of(file, given, mapping, alone=len(files) == 1, hint=hint)
        if isinstance(series, Problem):
            problems.append(series)
        else:
            named.append((file, series))
    return named, problems


def _series_of(
    file: DataFile, given: SeriesKey | None, mapping: Mapping[str, SeriesName], alone: bool, hint: str
) -> SeriesKey | Problem:
    chosen = mapping.get(file.name) or mapping.get(file.path.name)
    if chosen is not None:
        return SeriesKey(chosen.pair, chosen.timeframe)
    by_name = series_by_name(file.path)
    if given is None:
        return by_name or Problem(file.where, "a name without pair and timeframe", hint)
    if by_name in (None, given) or alone:
        return given
    return Problem(file.where, f"the name says {by_name}, the options say {given}", "read this file on its own")


def series_by_name(file: Path) -> SeriesKey | None:
    """The series that `AAPL_1d.csv`, `AAPL-1h.spans.json` or `AAPL/1d.parquet` names; None for any other name."""
    match = _PAIR_AND_TIMEFRAME.fullmatch(file.name)
    if match is not None:
        return SeriesKey(match["pair"], match["timeframe"])
    match = _TIMEFRAME_ONLY.fullmatch(file.name)
    return None if match is None or not file.parent.name else SeriesKey(file.parent.name, match["timeframe"])


def read_bytes(file: DataFile) -> bytes:
    """The whole file. Raises `DataError` where it cannot be read."""
    with readable(file.path, file.where):
        return file.path.read_bytes()


def read_each(
    files: Iterable[tuple[DataFile, SeriesKey]],
    read: Callable[[DataFile, SeriesKey], _Read],
    what: str,
    progress: Progress,
) -> list[_Read]:
    """Read every file. Raises one `DataError` that holds the problems of all files that cannot be read."""
    results: list[_Read] = []
    problems: list[Problem] = []
    todo = list(files)
    for done, (file, series) in enumerate(todo):
        progress(what, done, len(todo))
        try:
            results.append(read(file, series))
        except DataError as error:
            problems.extend(error.problems)
    progress(what, len(todo), len(todo))
    if problems:
        raise DataError(*problems)
    return results

"""Rows of a CSV or Parquet file as columns that remember where each row stands."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from candle_ml.annotations import RejectedRow
from candle_ml.errors import DataError
from candle_ml_sources.files import DataFile, read_bytes
from candle_ml_sources.texts import decode, shown

_DELIMITERS = ",;\t"
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADER = "a first line that names the columns"


@dataclass(frozen=True, slots=True, order=True)
class BadRow:
    """A row that cannot be used: its number, what was found and what would do."""

    row: int
    found: str
    expected: str


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns (pyarrow arrays of one length) under their names in lower case.

    `rows` (`int64`) holds the number by which messages name each row: the line in a text file, counted from 1. Rows
    that do not have the right number of values are in `ragged`.
    """

    where: str
    names: tuple[str, ...]
    columns: tuple[Any, ...]
    rows: NDArray[np.int64]
    ragged: tuple[BadRow, ...] = ()

    def find(self, *names: str) -> str | None:
        """The first of these names that is a column. Raises `DataError` where it stands twice."""
        for name in names:
            if self.names.count(name) > 1:
                raise DataError.at(self.where, f"column {name} {self.names.count(name)} times", "each column once")
            if name in self.names:
                return name
        return None

    def need(self, *names: str) -> str:
        """Like `find`, but raises `DataError` where none is a column."""
        found = self.find(*names)
        if found is None:
            wanted = names[0] if len(names) == 1 else f"{names[0]} (or {', '.join(names[1:])})"
            raise DataError.at(self.where, f"no column {wanted}", f"its columns are {', '.join(self.names)}")
        return found

    def column(self, name: str) -> Any:
        """The values under a name."""
        return self.columns[self.names.index(name)]

    def rejected(self, problems: Mapping[int, tuple[str, str]]) -> tuple[RejectedRow, ...]:
        """The ragged rows and those with a problem (what was found, what would do; by row index), in order of rows."""
        bad = [BadRow(int(self.rows[index]), *problem) for index, problem in problems.items()]
        return tuple(
            RejectedRow(f"{self.where}: row {item.row}", item.found, item.expected)
            for item in sorted([*self.ragged, *bad])
        )


def read_table(file: DataFile) -> Table:
    """Read CSV, gzipped CSV or Parquet, by the ending of the name. Raises `DataError` for anything else inside."""
    name = file.path.name.lower()
    if name.endswith(".parquet"):
        return _read_parquet(file)
    data = read_bytes(file)
    return read_csv(file.where, _unzipped(file.where, data) if name.endswith(".gz") else data)


def _read_parquet(file: DataFile) -> Table:
    data = read_bytes(file)
    try:
        table = pyarrow.parquet.ParquetFile(io.BytesIO(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError.at(file.where, "no Parquet file", "a whole Parquet file") from error
    if not table.num_rows:
        raise DataError.at(file.where, "no rows", "at least one row")
    names = tuple(name.strip().lower() for name in table.column_names)
    return Table(file.where, names, tuple(table.columns), np.arange(1, table.num_rows + 1))


def _unzipped(where: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError.at(where, "damaged or truncated gzip data", "a whole .gz file") from error


def read_csv(where: str, data: bytes) -> Table:
    """Read CSV with a header; the delimiter is a comma, a semicolon or a tab. Raises `DataError`."""
    text = decode(where, data)
    lines = _LINE_END.split(text)
    header = next((number for number, line in enumerate(lines) if line.strip()), None)
    if header is None:
        raise DataError.at(where, "an empty file", _HEADER)
    delimiter = max(_DELIMITERS, key=lines[header].count)
    names = tuple(name.strip().lower() for name in next(csv.reader([lines[header]], delimiter=delimiter)))
    _check_header(where, names)
    body, unclosed = _without_open_quotes(lines, header, delimiter) if '"' in text else (data, [])
    columns, rows, ragged = _parse(where, body, header + 1, len(names), delimiter)
    bad = [BadRow(row, "a quote that is not closed on its line", "whole values") for row in unclosed] + ragged
    if not len(rows) and not bad:
        raise DataError.at(where, "no rows below the header", "at least one row")
    return Table(where, names, columns, rows, tuple(bad))


def _check_header(where: str, names: Sequence[str]) -> None:
    if len(names) == 1:
        raise DataError.at(where, f"one column, {shown(names[0])}", "columns parted by a comma, a semicolon or a tab")
    if any(re.match(r"[-+]?\.?\d", name) for name in names):
        raise DataError.at(where, f"no header, but {shown(', '.join(names))}", _HEADER)


def _without_open_quotes(lines: list[str], header: int, delimiter: str) -> tuple[bytes, list[int]]:
    """The file with every line below the header in which a quoted value does not end made blank, and their numbers."""
    value = rf'(?:"(?:[^"]|"")*+"[^{delimiter}]*|[^"{delimiter}][^{delimiter}]*|)'
    whole = re.compile(rf"{value}(?:{delimiter}{value})*")
    open_lines = [
        number for number, line in enumerate(lines) if number > header and '"' in line and not whole.fullmatch(line)
    ]
    for number in open_lines:
        lines[number] = ""
    return "\n".join(lines).encode(), [number + 1 for number in open_lines]


def _parse(
    where: str, data: bytes, skipped: int, width: int, delimiter: str
) -> tuple[tuple[Any, ...], NDArray[np.int64], list[BadRow]]:
    """Text columns, the line of each row, and the rows that are too short or too long; blank lines are no rows."""
    ragged: list[BadRow] = []

    def set_aside(row: Any) -> str:
        ragged.append(BadRow(row.number, f"{row.actual_columns} values", f"{width} values, as the header has"))
        return "skip"

    names = [str(number) for number in range(width)]
    # One thread: only then does the parser number the lines.
    reading = pyarrow.csv.ReadOptions(use_threads=False, column_names=names, skip_rows=skipped)
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=set_aside)
    types = dict.fromkeys(names, pa.string())
    converting = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(data), reading, parsing, converting)
    except pa.ArrowInvalid as error:
        raise DataError.at(where, "no CSV that can be parsed", "lines of values, none longer than 1 MB") from error
    lines = np.arange(skipped + 1, skipped + 1 + table.num_rows + len(ragged))
    lines = np.setdiff1d(lines, [item.row for item in ragged])
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        filled |= pc.not_equal(pc.utf8_trim_whitespace(column), "").to_numpy()
    return tuple(column.filter(pa.array(filled)) for column in table.columns), lines[filled], ragged

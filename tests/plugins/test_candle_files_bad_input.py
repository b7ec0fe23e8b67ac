"""Every malformed candle file gives the exact message that its user needs."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candle_ml.annotations import Ingest, RejectedRow
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml_sources.candle_files import CandleFiles
from candle_ml_sources.options import CandleFilesOptions, SeriesName

HEADER = "time,open,high,low,close\n"
GOOD = "2024-01-02,1,3,0.5,2\n"
TIME_EXPECTED = "a date such as 2024-01-31, an ISO date-time, Unix seconds or milliseconds"
FIRST_LINE = "a first line that names the columns"


def read(root: Path, **options: object) -> Ingest:
    return CandleFiles(CandleFilesOptions(path="candles", **options)).read(SourceContext(root))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "candles").mkdir()
    return tmp_path / "candles"


REFUSED_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", f"an empty file; {FIRST_LINE}"),
    "blank": (b"\n  \n", f"an empty file; {FIRST_LINE}"),
    "header alone": (HEADER.encode(), "no rows below the header; at least one row"),
    "no header": (
        b"2024-01-02,1,3,0.5,2\n2024-01-03,1,3,0.5,2\n",
        f"no header, but '2024-01-02, 1, 3, 0.5, 2'; {FIRST_LINE}",
    ),
    "one column": (
        b"time open high\n1 2 3\n",
        "one column, 'time open high'; columns parted by a comma, a semicolon or a tab",
    ),
    "no close": (b"time,open,high,low\n2024-01-02,1,1,1\n", "no column close; its columns are time, open, high, low"),
    "no time": (
        b"open,high,low,close\n1,1,1,1\n",
        "no column time (or timestamp, datetime, date); its columns are open, high, low, close",
    ),
    "open twice": (b"time,open,Open,high,low,close\n1,1,1,1,1,1\n", "column open 2 times; each column once"),
    "NUL bytes": (b"time,open\0\x01\x02", "binary data; UTF-8 text"),
    "gzip named csv": (gzip.compress(HEADER.encode() * 50), "binary data; UTF-8 text"),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), "UTF-16 text; UTF-8 text"),
    "a line of two megabytes": (
        (HEADER + GOOD).encode() + b"2024-01-03,1,1,1," + b"1" * 2_200_000 + b"\n",
        "no CSV that can be parsed; lines of values, none longer than 1 MB",
    ),
    "wrong timeframe": (
        HEADER.encode() + b"".join(b"%d,1,1,1,1\n" % (1704153600 + 60 * row) for row in range(9)),
        "candles open 60 s apart (median), though the timeframe is 1d; the timeframe of the candles",
    ),
}


@pytest.mark.parametrize(("content", "message"), REFUSED_FILES.values(), ids=REFUSED_FILES.keys())
def test_a_file_that_holds_no_candles_is_refused(folder: Path, content: bytes, message: str) -> None:
    """A file that cannot be read as candles is an error that says what it is and what would do."""
    (folder / "A_1d.csv").write_bytes(content)
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value) == f"candles/A_1d.csv: {message}"


def test_latin_1_is_refused_with_its_line(folder: Path) -> None:
    """A byte that is no UTF-8 is named with its line."""
    (folder / "A_1d.csv").write_bytes((HEADER + GOOD).encode() + "2024-01-03,1,1,1,1 \xe9\n".encode("latin-1"))
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value) == "candles/A_1d.csv: row 3: byte 0xe9; UTF-8 text"


def test_a_file_without_one_good_row_is_refused(folder: Path) -> None:
    """A file of bad rows only is an error that names them."""
    (folder / "A_1d.csv").write_text("time;open;high;low;close\n02.01.2024;1,5;1,5;1,5;1,5\n2024-01-03;1,5;1;1;1\n")
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value).splitlines() == [
        "candles/A_1d.csv: none of 2 rows can be used; rows of candles",
        f"candles/A_1d.csv: row 2: time '02.01.2024'; {TIME_EXPECTED}",
        "candles/A_1d.csv: row 3: open '1,5'; a number such as 101.5",
    ]


REFUSED_BINARY: dict[str, tuple[str, bytes, str]] = {
    "truncated gzip": (
        "A_1d.csv.gz",
        gzip.compress((HEADER + GOOD * 50).encode())[:-12],
        "damaged or truncated gzip data; a whole .gz file",
    ),
    "no gzip": ("A_1d.csv.gz", (HEADER + GOOD).encode(), "damaged or truncated gzip data; a whole .gz file"),
    "damaged gzip": (
        "A_1d.csv.gz",
        gzip.compress(HEADER.encode())[:12] + b"\xff" * 40,
        "damaged or truncated gzip data; a whole .gz file",
    ),
    "CSV named parquet": ("A_1d.parquet", (HEADER + GOOD).encode(), "no Parquet file; a whole Parquet file"),
    "empty parquet": ("A_1d.parquet", b"", "no Parquet file; a whole Parquet file"),
}


@pytest.mark.parametrize(("name", "content", "message"), REFUSED_BINARY.values(), ids=REFUSED_BINARY.keys())
def test_damaged_gzip_and_parquet_are_refused(folder: Path, name: str, content: bytes, message: str) -> None:
    """A truncated or mislabelled binary file is an error, never a few of its candles."""
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value) == f"candles/{name}: {message}"


def test_a_truncated_parquet_file_is_refused(folder: Path) -> None:
    """Half a Parquet file is an error."""
    table = pd.DataFrame({"time": [1704153600], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]})
    table.to_parquet(folder / "A_1d.parquet")
    whole = (folder / "A_1d.parquet").read_bytes()
    (folder / "A_1d.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value) == "candles/A_1d.parquet: no Parquet file; a whole Parquet file"


def test_parquet_without_rows_or_columns_is_refused(folder: Path) -> None:
    """A Parquet file needs rows and the columns of candles."""
    table = pd.DataFrame({"time": [1704153600], "open": [1.0]})
    table.to_parquet(folder / "A_1d.parquet")
    table.iloc[:0].to_parquet(folder / "B_1d.parquet")
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value).splitlines() == [
        "candles/A_1d.parquet: no column high; its columns are time, open",
        "candles/B_1d.parquet: no rows; at least one row",
    ]


def test_parquet_rows_are_named_by_their_number(folder: Path) -> None:
    """A bad row of a Parquet file is named by its number, counted from 1."""
    rows = {"time": [1704153600, None, 1704326400], "open": [1.0, 1.0, None], "high": [True] * 3}
    table = pd.DataFrame({**rows, "low": [1.0] * 3, "close": [1.0] * 3}).astype({"time": "Int64"})
    table.to_parquet(folder / "A_1d.parquet")
    with pytest.raises(DataError) as error:
        read(folder.parent)
    assert str(error.value).splitlines()[1:] == [
        "candles/A_1d.parquet: row 1: high True; a number such as 101.5",
        f"candles/A_1d.parquet: row 2: time None; {TIME_EXPECTED}",
        "candles/A_1d.parquet: row 3: open None; a number such as 101.5",
    ]


BAD_ROWS: dict[str, tuple[str, str, str]] = {
    "no time": (",1,1,1,1", "time ''", TIME_EXPECTED),
    "text for a time": ("soon,1,1,1,1", "time 'soon'", TIME_EXPECTED),
    "day first": ("03/01/2024,1,1,1,1", "time '03/01/2024'", TIME_EXPECTED),
    "date without dashes": ("20240103,1,1,1,1", "time '20240103'", TIME_EXPECTED),
    "30 February": ("2024-02-30,1,1,1,1", "time '2024-02-30'", TIME_EXPECTED),
    "hour 25": ("2024-01-03T25:00:00,1,1,1,1", "time '2024-01-03T25:00:00'", TIME_EXPECTED),
    "microseconds": ("1704240000000000,1,1,1,1", "time '1704240000000000'", TIME_EXPECTED),
    "half a second": ("2024-01-03T00:00:00.5,1,1,1,1", "time '2024-01-03T00:00:00.5'", "whole seconds"),
    "before 1970": ("-86400,1,1,1,1", "time -86400", "Unix seconds between 1970 and 9999"),
    "a time again": ("2024-01-02,1,3,0.5,2", "time 1704153600 a second time", "one row a time"),
    "no price": ("2024-01-03,1,1,1,", "close ''", "a number such as 101.5"),
    "text for a price": ("2024-01-03,one,1,1,1", "open 'one'", "a number such as 101.5"),
    "thousands": ('2024-01-03,"1,000",1,1,1', "open '1,000'", "a number such as 101.5"),
    "nan": ("2024-01-03,1,nan,1,1", "high 'nan'", "a number such as 101.5"),
    "infinity": ("2024-01-03,1,1e999,1,1", "high inf", "a finite number"),
    "hexadecimal": ("2024-01-03,1,0x10,1,1", "high '0x10'", "a number such as 101.5"),
    "long text": (f"2024-01-03,{'x' * 99},1,1,1", f"open '{'x' * 55}...", "a number such as 101.5"),
    "zero": ("2024-01-03,0,1,0,1", "open 0.0", "a price above zero"),
    "negative": ("2024-01-03,1,1,-1,1", "low -1.0", "a price above zero"),
    "high below low": ("2024-01-03,2,1,3,2", "high 1.0 below low 3.0", "high at least low"),
    "high below close": ("2024-01-03,2,2,1,3", "high 2.0 below open 2.0 or close 3.0", "high the highest price"),
    "low above open": ("2024-01-03,1,3,2,3", "low 2.0 above open 1.0 or close 3.0", "low the lowest price"),
    "absurd": (
        "2024-01-03,9e6,9e6,9e6,9e6",
        "high 9000000.0, low 9000000.0",
        "prices within 1000 times the close before",
    ),
    "too few": ("2024-01-03,1,1", "3 values", "5 values, as the header has"),
    "too many": ("2024-01-03,1,1,1,1,1", "6 values", "5 values, as the header has"),
    "open quote": ('2024-01-03,"1,1,1,1', "a quote that is not closed on its line", "whole values"),
    "open quote at the end": ('2024"-01-03,1,1,1,"', "a quote that is not closed on its line", "whole values"),
}


@pytest.mark.parametrize(("row", "found", "expected"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_set_aside_and_named(folder: Path, row: str, found: str, expected: str) -> None:
    """A bad row is named with file, line and reason, the rows around it are read, and strict refuses the file."""
    (folder / "A_1d.csv").write_text(f"{HEADER}{GOOD}{row}\n2024-01-04,1,3,0.5,2\n2024-01-05,1,3,0.5,2\n")
    ingest = read(folder.parent)
    assert len(ingest.candles[0]) == 3
    assert ingest.rejected == (RejectedRow("candles/A_1d.csv: row 3", found, expected),)
    with pytest.raises(DataError) as error:
        read(folder.parent, strict=True)
    assert str(error.value) == f"candles/A_1d.csv: row 3: {found}; {expected}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from('0123456789-.,"x '), min_size=1, max_size=30), max_size=8))
def test_every_line_is_a_candle_or_a_named_row(folder: Path, junk: list[str]) -> None:
    """Whatever stands in a file, each line that is not blank is read or set aside under its own number."""
    lines = [*junk, *(f"2024-01-{number:02},1,1,1,1" for number in range(1, 10))]
    (folder / "A_1d.csv").write_text(HEADER + "\n".join(lines))
    ingest = read(folder.parent)
    named = {int(row.where.rpartition(" ")[2]) for row in ingest.rejected}
    blank = {number for number, line in enumerate(lines, 2) if not line.strip(' ,"')}
    assert len(ingest.candles[0]) + len(named - blank) == len(lines) - len(blank)


VOLUMES = {
    "text": ("many", "volume 'many'", "a number such as 101.5"),
    "none": ("", "volume ''", "a number such as 101.5"),
}
VOLUMES["negative"] = ("-1", "volume -1.0", "a finite number, zero or more")


@pytest.mark.parametrize(("volume", "found", "expected"), VOLUMES.values(), ids=VOLUMES.keys())
def test_a_bad_volume_is_set_aside_and_named(folder: Path, volume: str, found: str, expected: str) -> None:
    """Where a series has volume, a row without a usable one is set aside."""
    (folder / "A_1d.csv").write_text(
        f"time,open,high,low,close,volume\n2024-01-02,1,1,1,1,5\n2024-01-03,1,1,1,1,{volume}\n"
    )
    assert read(folder.parent).rejected == (RejectedRow("candles/A_1d.csv: row 3", found, expected),)


def test_bad_rows_are_named_in_the_order_of_the_file(folder: Path) -> None:
    """Rows set aside for different reasons are listed by line."""
    (folder / "A_1d.csv").write_text(f'{HEADER}{GOOD}x,1,1,1,1\n1,2\n2024-01-03,2,1,3,2\n"1,2\n{GOOD}')
    assert [row.where[-1] for row in read(folder.parent).rejected] == ["3", "4", "5", "6", "7"]


def message(root: Path, **options: object) -> list[str]:
    with pytest.raises(DataError) as error:
        CandleFiles(CandleFilesOptions(**options)).read(SourceContext(root))  # type: ignore[arg-type]
    return str(error.value).splitlines()


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    """A path without a file or folder is an error."""
    assert message(tmp_path, path="nowhere") == ["nowhere: no such file or folder; a path within the project folder"]


def test_a_folder_without_data_is_refused(folder: Path) -> None:
    """A folder without CSV or Parquet is an error."""
    (folder / "notes.txt").write_text("x")
    expected = ["candles: a folder without data files; files that end in .csv, .csv.gz, .parquet"]
    assert message(folder.parent, path="candles") == expected


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A path to a file with an unknown ending is an error."""
    (tmp_path / "A_1d.xlsx").write_bytes(b"PK")
    expected = ["A_1d.xlsx: a file of an unknown kind; a file that ends in .csv, .csv.gz, .parquet"]
    assert message(tmp_path, path="A_1d.xlsx") == expected


def test_names_that_name_no_series_are_all_refused(folder: Path) -> None:
    """Files whose names tell no series, and mapped files that do not exist, are named together."""
    for name in ("export.csv", "AAPL_1D.csv", "AAPL_1d.csv"):
        (folder / name).write_text(HEADER + GOOD)
    hint = "name it like AAPL_1d.csv or AAPL/1d.csv, or list it under files"
    files = {"typo.csv": SeriesName(pair="A", timeframe="1d")}
    assert message(folder.parent, path="candles", files=files) == [
        "files: typo.csv: no such file was found; a file's name or its path within the folder",
        f"candles/AAPL_1D.csv: a name without pair and timeframe; {hint}",
        f"candles/export.csv: a name without pair and timeframe; {hint}",
    ]


def test_a_folder_of_several_series_is_not_read_as_one(folder: Path) -> None:
    """With pair and timeframe given, a file in the folder whose name says otherwise is an error."""
    (folder / "AAPL_1d.csv").write_text(HEADER + GOOD)
    (folder / "MSFT_1d.csv").write_text(HEADER + GOOD)
    assert message(folder.parent, path="candles", pair="AAPL", timeframe="1d") == [
        "candles/MSFT_1d.csv: the name says MSFT 1d, the options say AAPL 1d; read this file on its own"
    ]


def test_a_broken_link_is_named(folder: Path) -> None:
    """A file that cannot be opened is an error with the system's reason."""
    (folder / "A_1d.csv").symlink_to(folder / "gone.csv")
    expected = ["candles/A_1d.csv: cannot be read (No such file or directory); a readable file"]
    assert message(folder.parent, path="candles") == expected


def test_a_pipe_is_named_and_not_read(folder: Path) -> None:
    """A pipe, which would be waited for without end, is an error."""
    os.mkfifo(folder / "A_1d.csv")
    assert message(folder.parent, path="candles") == ["candles/A_1d.csv: not a regular file; a readable file"]


def test_the_problems_of_all_files_come_together(folder: Path) -> None:
    """One error names every file that cannot be read."""
    (folder / "A_1d.csv").write_text("")
    (folder / "B_1d.csv").write_text(HEADER)
    assert [line.split(": ")[0] for line in message(folder.parent, path="candles")] == [
        "candles/A_1d.csv",
        "candles/B_1d.csv",
    ]

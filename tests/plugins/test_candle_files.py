"""Candles are read from every form of file that traders have."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from candle_ml.annotations import Ingest, RejectedRow
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml_sources.candle_files import CandleFiles
from candle_ml_sources.options import CandleFilesOptions, SeriesName

DAY = 86400
FIRST = 1704153600  # 2024-01-02T00:00:00Z
PLAIN = "time,open,high,low,close\n2024-01-02,1,3,0.5,2\n2024-01-03,2,4,1.5,3\n"


def read(root: Path, **options: object) -> Ingest:
    return CandleFiles(CandleFilesOptions(path="candles", **options)).read(SourceContext(root))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "candles").mkdir()
    return tmp_path / "candles"


def only(ingest: Ingest) -> Candles:
    (candles,) = ingest.candles
    return candles


def values(candles: Candles) -> list[tuple[float, ...]]:
    columns = (candles.time, candles.open, candles.high, candles.low, candles.close)
    return list(zip(*(column.tolist() for column in columns), strict=True))


EXPECTED = [(FIRST, 1.0, 3.0, 0.5, 2.0), (FIRST + DAY, 2.0, 4.0, 1.5, 3.0)]
FORMS = {
    "plain": PLAIN,
    "capitals and spaces": "Time, OPEN ,High,Low,Close\n2024-01-02, 1, 3,0.5 ,2\n2024-01-03,2,4,1.5,3\n",
    "any order": "close,low,high,open,time\n2,0.5,3,1,2024-01-02\n3,1.5,4,2,2024-01-03\n",
    "extra columns": "symbol,time,open,high,low,close,trades\nA,2024-01-02,1,3,0.5,2,\nA,2024-01-03,2,4,1.5,3,9\n",
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "byte-order mark": "\ufeff" + PLAIN,
    "windows lines": PLAIN.replace("\n", "\r\n"),
    "old mac lines": PLAIN.replace("\n", "\r"),
    "no last line end": PLAIN.rstrip(),
    "blank lines": "\n\n" + PLAIN.replace("\n", "\n\n") + ",,,,\n",
    "quotes": 'time,open,high,low,close\n"2024-01-02","1",3,0.5,2\n"2024-01-03",2,4,1.5,3\n',
    "unsorted": "time,open,high,low,close\n2024-01-03,2,4,1.5,3\n2024-01-02,1,3,0.5,2\n",
    "date": PLAIN.replace("time", "Date"),
    "datetime": PLAIN.replace("time", "datetime"),
    "timestamp": PLAIN.replace("time", "timestamp"),
    "exponents": "time,open,high,low,close\n2024-01-02,1e0,+3,.5,2.\n2024-01-03,2E+00,40e-1,1.5,3\n",
    "ISO without offset": PLAIN.replace("-02,", "-02T00:00:00,").replace("-03,", "-03 00:00,"),
    "ISO with Z": PLAIN.replace("-02,", "-02T00:00:00Z,").replace("-03,", "-03T00:00:00.000Z,"),
    "ISO with offset": PLAIN.replace("-02,", "-02T02:00:00+02:00,").replace("-03,", "-02T19:00:00-0500,"),
    "seconds": PLAIN.replace("2024-01-02", str(FIRST)).replace("2024-01-03", str(FIRST + DAY)),
    "fractional seconds of zero": PLAIN.replace("2024-01-02", f"{FIRST}.0").replace("2024-01-03", f"{FIRST + DAY}.000"),
    "milliseconds": PLAIN.replace("2024-01-02", f"{FIRST}000").replace("2024-01-03", f"{FIRST + DAY}000"),
    "mixed units": PLAIN.replace("2024-01-02", f"{FIRST}000").replace("2024-01-03", str(FIRST + DAY)),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_csv_gives_the_same_candles(folder: Path, text: str) -> None:
    """The same candles are read whatever the delimiter, header, line ends and way to write a time."""
    (folder / "AAPL_1d.csv").write_bytes(text.encode())
    ingest = read(folder.parent)
    assert only(ingest).key == SeriesKey("AAPL", "1d")
    assert values(only(ingest)) == EXPECTED
    assert only(ingest).volume is None
    assert ingest.rejected == ()


def frame() -> pd.DataFrame:
    rows = {"open": [1.0, 2.0], "high": [3.0, 4.0], "low": [0.5, 1.5], "close": [2.0, 3.0]}
    return pd.DataFrame({"time": pd.to_datetime(["2024-01-02", "2024-01-03"]), **rows})


PARQUET: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "microseconds": lambda table: table.astype({"time": "datetime64[us]"}),
    "nanoseconds": lambda table: table.astype({"time": "datetime64[ns]"}),
    "time zone": lambda table: table.assign(Time=table["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")).drop(
        columns="time"
    ),
    "dates": lambda table: table.assign(time=table["time"].dt.date),
    "seconds": lambda table: table.assign(time=[FIRST, FIRST + DAY]),
    "milliseconds": lambda table: table.assign(time=[FIRST * 1000, (FIRST + DAY) * 1000]),
    "text": lambda table: table.assign(time=["2024-01-02", "2024-01-03"]),
    "index": lambda table: table.set_index("time"),
    "float32": lambda table: table.astype({"open": "float32", "high": "int64"}),
    "capitals": lambda table: table.rename(columns=str.upper),
}


@pytest.mark.parametrize("change", PARQUET.values(), ids=PARQUET.keys())
def test_every_form_of_parquet_gives_the_same_candles(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """Parquet is read like CSV, with times as timestamps, dates, numbers or text."""
    change(frame()).to_parquet(folder / "AAPL_1d.parquet")
    assert values(only(read(folder.parent))) == EXPECTED


def test_gzipped_csv_is_read(folder: Path) -> None:
    """A .csv.gz file is read like the CSV inside."""
    (folder / "AAPL_1d.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    assert values(only(read(folder.parent))) == EXPECTED


def test_volume_is_read_where_there_is_some(folder: Path) -> None:
    """A volume column becomes the volume of the candles, and an empty one counts as none."""
    (folder / "A_1d.csv").write_text("time,open,high,low,close,Volume\n2024-01-02,1,1,1,1,0\n2024-01-03,1,1,1,1,5e3\n")
    (folder / "B_1d.csv").write_text("time,open,high,low,close,volume\n2024-01-02,1,1,1,1,\n2024-01-03,1,1,1,1, \n")
    first, second = read(folder.parent).candles
    assert first.volume is not None
    assert first.volume.tolist() == [0.0, 5000.0]
    assert second.volume is None


def test_time_unit_overrides_the_guess(folder: Path) -> None:
    """With time_unit a number is taken in that unit, however large it is."""
    (folder / "A_1d.csv").write_text("time,open,high,low,close\n86400000,1,1,1,1\n172800000,1,1,1,1\n")
    assert only(read(folder.parent, time_unit="ms")).time.tolist() == [DAY, 2 * DAY]


def test_eight_digits_are_seconds_only_when_the_unit_says_so(folder: Path) -> None:
    """20240102 is refused as a doubtful date unless time_unit is s."""
    (folder / "A_1d.csv").write_text("time,open,high,low,close\n20240102,1,1,1,1\n2024-01-02,1,1,1,1\n")
    assert len(read(folder.parent).rejected) == 1
    assert only(read(folder.parent, time_unit="s")).time[0] == 20240102


NAMES = {
    "AAPL_1d.csv": SeriesKey("AAPL", "1d"),
    "BTC-USD-1h.csv": SeriesKey("BTC-USD", "1h"),
    "BTC_USDT_15m.csv": SeriesKey("BTC_USDT", "15m"),
    "BRK.B_1w.csv": SeriesKey("BRK.B", "1w"),
    "MSFT_1M.export.csv": SeriesKey("MSFT", "1M"),
    "EURUSD/4h.csv": SeriesKey("EURUSD", "4h"),
    "deep/er/EURUSD/1m.csv": SeriesKey("EURUSD", "1m"),
    "UPPER_1d.CSV": SeriesKey("UPPER", "1d"),
}


@pytest.mark.parametrize(("name", "key"), NAMES.items())
def test_the_name_of_a_file_names_its_series(folder: Path, name: str, key: SeriesKey) -> None:
    """Pair and timeframe come from the file's name, or from its folder and its name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("time,open,high,low,close\n2024-01-01,1,1,1,1\n")
    assert only(read(folder.parent)).key == key


def test_hidden_files_are_passed_over(folder: Path) -> None:
    """Files and folders whose name begins with a dot are not read."""
    (folder / "AAPL_1d.csv").write_text(PLAIN)
    (folder / "._AAPL_1d.csv").write_bytes(b"\0\0")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "MSFT_1d.csv").write_text(PLAIN)
    assert [candles.key.pair for candles in read(folder.parent).candles] == ["AAPL"]


def test_a_single_file_takes_the_series_of_the_options(tmp_path: Path) -> None:
    """A path to one file needs no name of a series when pair and timeframe are given."""
    (tmp_path / "export.csv").write_text(PLAIN)
    options = CandleFilesOptions(path="export.csv", pair="EURUSD", timeframe="1d")
    assert only(CandleFiles(options).read(SourceContext(tmp_path))).key == SeriesKey("EURUSD", "1d")


def test_a_mapping_names_the_series_of_files(folder: Path) -> None:
    """The option files names series by file name or by path within the folder."""
    (folder / "one.csv").write_text(PLAIN)
    (folder / "sub").mkdir()
    (folder / "sub" / "two.csv").write_text(PLAIN)
    files = {"one.csv": SeriesName(pair="A", timeframe="1d"), "sub/two.csv": SeriesName(pair="B", timeframe="1d")}
    assert [candles.key.pair for candles in read(folder.parent, files=files).candles] == ["A", "B"]


def test_pair_and_timeframe_go_together() -> None:
    """A pair without a timeframe is refused when the options are read."""
    with pytest.raises(ValidationError, match="pair and timeframe name a series together: give both or neither"):
        CandleFilesOptions(pair="EURUSD")


def test_files_of_one_series_become_one(folder: Path) -> None:
    """Two files of a series are merged in order of time; a row that both hold is counted once, and a note says so."""
    (folder / "AAPL_1d.csv").write_text(PLAIN)
    (folder / "AAPL").mkdir()
    (folder / "AAPL" / "1d.csv").write_text(
        "time,open,high,low,close\n2024-01-03,2,4,1.5,3\n2024-01-01,1,1,1,1\n2024-01-04,5,5,5,5\n"
    )
    ingest = read(folder.parent)
    assert [(time - FIRST) // DAY for time in only(ingest).time.tolist()] == [-1, 0, 1, 2]
    assert only(ingest).close.tolist() == [1.0, 2.0, 3.0, 5.0]
    assert ingest.notes == ("candles/AAPL_1d.csv: 1 rows stand in another file, with the same values",)
    assert ingest.rejected == ()


def test_conflicting_rows_of_two_files_are_named(folder: Path) -> None:
    """Of two files with other values for one time the first wins, and the row of the second is named."""
    (folder / "AAPL_1d.csv").write_text(PLAIN)
    (folder / "AAPL-1d.csv").write_text("time,open,high,low,close\n2024-01-04,2,4,1.5,3\n2024-01-03,2,4,1.5,3.5\n")
    ingest = read(folder.parent)
    assert only(ingest).close.tolist() == [2.0, 3.5, 3.0]
    found = "time 2024-01-03T00:00:00Z a second time, with other values than open 2, high 4, low 1.5, close 3.5"
    expected = "two files or sources of AAPL 1d disagree: keep one of them"
    assert ingest.rejected == (RejectedRow("candles/AAPL_1d.csv: row 3", found, expected),)


def test_a_bad_row_does_not_block_the_good_row_of_another_file(folder: Path) -> None:
    """A time whose row is bad in one file is read from the other."""
    (folder / "AAPL-1d.csv").write_text("time,open,high,low,close\n2024-01-02,1,3,0.5,x\n2024-01-05,1,1,1,1\n")
    (folder / "AAPL_1d.csv").write_text(PLAIN)
    assert FIRST in only(read(folder.parent)).time.tolist()


def test_prices_of_another_scale_in_a_second_file_are_named(folder: Path) -> None:
    """A file of a series whose prices are thousands of times those of the others is set aside row by row."""
    (folder / "A-1d.csv").write_text(
        "time,open,high,low,close\n" + "".join(f"2024-01-0{d},1,1,1,1\n" for d in range(1, 6))
    )
    (folder / "A_1d.csv").write_text("time,open,high,low,close\n2024-01-06,5000,5000,5000,5000\n")
    ingest = read(folder.parent)
    assert len(only(ingest)) == 5
    found, expected = "high 5000.0, low 5000.0", "prices within 1000 times the close before"
    assert ingest.rejected == (RejectedRow("candles/A_1d.csv: row 2", found, expected),)


def test_volume_is_dropped_with_a_note_where_a_file_has_none(folder: Path) -> None:
    """A series of which only some files have volume has none, and a note says so."""
    (folder / "A-1d.csv").write_text("time,open,high,low,close,volume\n2024-01-02,1,1,1,1,7\n")
    (folder / "A_1d.csv").write_text("time,open,high,low,close\n2024-01-03,1,1,1,1\n")
    ingest = read(folder.parent)
    assert only(ingest).volume is None
    assert ingest.notes == ("candles/A_1d.csv: volume of A 1d dropped, because some of its files have none",)


def test_a_second_column_of_times_is_noted(folder: Path) -> None:
    """Of several columns that could be the time one is used, and a note names the others."""
    (folder / "A_1d.csv").write_text("date,timestamp,open,high,low,close\nx,1704153600,1,1,1,1\n")
    ingest = read(folder.parent)
    assert only(ingest).time.tolist() == [FIRST]
    assert ingest.notes == ("candles/A_1d.csv: column date ignored, because column timestamp holds the time",)


def hours(*opens: float) -> str:
    times = [datetime.fromtimestamp(FIRST + hour * 3600, UTC).isoformat() for hour in opens]
    return "time,open,high,low,close\n" + "".join(f"{time},1,1,1,1\n" for time in times)


def test_a_candle_too_close_to_the_one_before_is_named(folder: Path) -> None:
    """A candle that opens within half a timeframe of the one before is set aside."""
    (folder / "A_1h.csv").write_text(hours(0, 1, 1.25, 2, 3, 4))
    ingest = read(folder.parent)
    assert len(only(ingest)) == 5
    row = RejectedRow("candles/A_1h.csv: row 4", "opens 900 s after the candle before it", "steps of 1h")
    assert ingest.rejected == (row,)


def test_shortened_candles_are_kept_and_noted(folder: Path) -> None:
    """Candles that a session or daylight saving shortens are kept, and a note counts them."""
    (folder / "A_1h.csv").write_text(hours(0, 1, 1.5, 2.5, 3.5))
    ingest = read(folder.parent)
    assert len(only(ingest)) == 5
    assert ingest.notes == ("candles/A_1h.csv: 1 candles last less than 1h, the shortest 1800 s",)


def test_months_of_different_length_are_regular(folder: Path) -> None:
    """Monthly candles are neither too close nor irregular."""
    rows = "".join(f"2024-{month:02}-01,1,1,1,1\n" for month in range(1, 13))
    (folder / "A_1M.csv").write_text("time,open,high,low,close\n" + rows)
    ingest = read(folder.parent)
    assert len(only(ingest)) == 12
    assert ingest.notes == ()


def test_candles_wider_apart_than_the_timeframe_are_noted(folder: Path) -> None:
    """Daily candles under the name of an hourly file are read, and a note doubts the timeframe."""
    (folder / "A_1h.csv").write_text(PLAIN)
    note = "candles/A_1h.csv: candles open 86400 s apart (median), though the timeframe is 1h"
    assert read(folder.parent).notes == (note,)


def test_line_numbers_hold_in_large_files(folder: Path) -> None:
    """A bad row far down in a file of several megabytes is named by its own line."""
    times = np.arange(60_000) * 60 + FIRST
    lines = [f"{time},1.2345,1.2345,1.2345,1.2345,100000,{'x' * 20}" for time in times.tolist()]
    lines[49_998] = ""
    lines[50_000] = "1,2"
    lines[59_998] = lines[59_998].replace("1.2345", "oops", 1)
    (folder / "A_1m.csv").write_text("\n".join(["time,open,high,low,close,volume,note", *lines]) + "\n")
    ingest = read(folder.parent)
    assert len(only(ingest)) == 59_997
    assert [row.where for row in ingest.rejected] == ["candles/A_1m.csv: row 50002", "candles/A_1m.csv: row 60000"]


def test_strict_names_twenty_rows_and_counts_the_rest(folder: Path) -> None:
    """Strict reading refuses a file with bad rows, names the first twenty and says how many more there are."""
    bad = "".join(f"x{number},1,1,1,1\n" for number in range(23))
    (folder / "A_1d.csv").write_text("time,open,high,low,close\n2024-01-01,1,1,1,1\n" + bad)
    with pytest.raises(DataError) as error:
        read(folder.parent, strict=True)
    lines = str(error.value).splitlines()
    expected = "a date such as 2024-01-31, an ISO date-time, Unix seconds or milliseconds"
    assert lines[0] == f"candles/A_1d.csv: row 3: time 'x0'; {expected}"
    assert lines[19] == f"candles/A_1d.csv: row 22: time 'x19'; {expected}"
    assert lines[20:] == [f"candles: 3 more bad rows; {expected}"]


def test_progress_counts_files(folder: Path) -> None:
    """Reading reports how many files are done."""
    (folder / "A_1d.csv").write_text(PLAIN)
    (folder / "B_1d.csv").write_text(PLAIN)
    seen: list[tuple[str, int, int]] = []
    context = SourceContext(folder.parent, progress=lambda *step: seen.append(step))
    CandleFiles(CandleFilesOptions(path="candles")).read(context)
    assert seen == [("candle files", 0, 2), ("candle files", 1, 2), ("candle files", 2, 2)]

"""Candles: what is refused with which words, and what the rest can trust."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from candle_ml.candles import Candles, RowProblem, SeriesKey, bad_rows, timeframe_seconds
from candle_ml.errors import DataError

KEY = SeriesKey("EURUSD", "1h")
ROWS = 5
INF, NAN = float("inf"), float("nan")


def columns() -> dict[str, NDArray[np.float64]]:
    close = np.array([1.0, 1.1, 1.2, 1.3, 1.4])
    values = {"open": close.copy(), "high": np.round(close + 0.1, 1), "low": np.round(close - 0.1, 1), "close": close}
    return {**values, "volume": np.arange(ROWS, dtype=np.float64)}


def times() -> NDArray[np.int64]:
    return np.arange(ROWS, dtype=np.int64) * 3600


def with_cell(column: str, row: int, value: float) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    time, values = times(), columns()
    if column == "time":
        time[row] = int(value)
    else:
        values[column][row] = value
    return time, values


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [("1s", 1), ("15m", 900), ("4h", 14400), ("1d", 86400), ("2w", 1209600), ("1M", 2678400), ("9999s", 9999)],
)
def test_a_timeframe_is_a_number_and_a_unit(timeframe: str, seconds: int) -> None:
    """Every unit has its length; a month counts 31 days."""
    assert timeframe_seconds(timeframe) == seconds
    assert SeriesKey("EURUSD", timeframe).seconds == seconds


@pytest.mark.parametrize(
    "timeframe", ["", "h", "0h", "01h", "1H", "1.5h", "-1h", "1h ", "10000s", "1 h", "\u0661h", "1h\n"]
)
def test_anything_else_is_no_timeframe(timeframe: str) -> None:
    """A text without a positive number and a known unit is refused with both said."""
    with pytest.raises(DataError) as caught:
        SeriesKey("EURUSD", timeframe)
    expected = "write a number and one of s, m, h, d, w, M, such as 15m or 1d"
    assert str(caught.value) == f"timeframe: {timeframe!r}; {expected}"


@pytest.mark.parametrize("pair", ["", " ", "\t\n"])
def test_a_series_without_a_pair_is_refused(pair: str) -> None:
    """A blank pair is refused."""
    with pytest.raises(DataError) as caught:
        SeriesKey(pair, "1h")
    assert str(caught.value) == f"pair: {pair!r}; name what is traded, such as EURUSD"


BAD_CELLS = [
    ("time", -1, "time -1; Unix seconds between 1970 and 9999"),
    ("time", 1_700_000_000_000, "time 1700000000000; Unix seconds between 1970 and 9999"),
    ("time", 3600, "time 3600 a second time; one row a time"),
    ("open", NAN, "open nan; a finite number"),
    ("high", INF, "high inf; a finite number"),
    ("low", -INF, "low -inf; a finite number"),
    ("close", NAN, "close nan; a finite number"),
    ("open", 0.0, "open 0.0; a price above zero"),
    ("low", -0.5, "low -0.5; a price above zero"),
    ("close", 1.5, "high 1.3 below open 1.2 or close 1.5; high the highest price"),
    ("open", 1.05, "low 1.1 above open 1.05 or close 1.2; low the lowest price"),
    ("high", 1.05, "high 1.05 below low 1.1; high at least low"),
    ("volume", -1.0, "volume -1.0; a finite number, zero or more"),
    ("volume", NAN, "volume nan; a finite number, zero or more"),
    ("high", 4e6, "high 4000000.0, low 1.1; prices within 1000 times the close before"),
    ("low", 1e-6, "high 1.3, low 1e-06; prices within 1000 times the close before"),
]


@pytest.mark.parametrize(("column", "value", "words"), BAD_CELLS)
def test_a_row_with_a_bad_cell_is_named_and_refused(column: str, value: float, words: str) -> None:
    """One bad cell gives one message with series, row, finding and what would do."""
    time, values = with_cell(column, 2, value)
    with pytest.raises(DataError) as caught:
        Candles.from_columns(KEY, time, **values)
    assert str(caught.value) == f"EURUSD 1h: row 2: {words}"


def test_every_bad_row_is_named_once_in_the_order_of_rows() -> None:
    """Rows with several faults are named once, with the first of them."""
    time, values = times(), columns()
    values["open"][3] = NAN
    values["close"][3] = -1
    values["volume"][1] = -2
    assert bad_rows(time, **values) == [
        RowProblem(1, "volume -2.0", "a finite number, zero or more"),
        RowProblem(3, "open nan", "a finite number"),
    ]


def test_of_many_bad_rows_twenty_are_named_and_the_others_counted() -> None:
    """An error never lists more than twenty rows; it says how many there are besides."""
    price = np.full(50, -1.0)
    with pytest.raises(DataError) as caught:
        Candles.from_columns(KEY, np.arange(50, dtype=np.int64), price, price, price, price)
    lines = str(caught.value).split("\n")
    assert (len(lines), lines[19]) == (21, "EURUSD 1h: row 19: open -1.0; a price above zero")
    assert lines[20] == "EURUSD 1h: 30 more bad rows"


def test_the_row_of_an_error_is_that_of_the_input_whatever_its_order() -> None:
    """In an unsorted input the bad row is counted as it was given, and of two rows with one time the later is bad."""
    time, values = times()[::-1].copy(), columns()
    time[4] = time[0]
    assert [(each.row, each.found) for each in bad_rows(time, **values)] == [(4, "time 14400 a second time")]


@pytest.mark.parametrize("row", range(ROWS))
def test_only_the_absurd_row_is_blamed(row: int) -> None:
    """A single price far away from all others is named, first and last rows included; its neighbours are not."""
    time, values = times(), columns()
    for name in ("open", "high", "low", "close"):
        values[name][row] *= 1e6
    assert [each.row for each in bad_rows(time, **values)] == [row]


def test_a_price_may_grow_a_thousandfold_step_by_step() -> None:
    """Steady growth over many candles is no absurd jump."""
    price = 1.0 * 1.01 ** np.arange(2000)
    assert bad_rows(np.arange(2000, dtype=np.int64), price, price, price, price) == []


def test_rows_are_sorted_by_time_with_all_their_columns() -> None:
    """Candles given in any order come out in the order of time, volume included."""
    order = np.array([3, 1, 4, 0, 2])
    values = columns()
    candles = Candles.from_columns(KEY, times()[order], **{name: each[order] for name, each in values.items()})
    np.testing.assert_array_equal(candles.time, times())
    for name, each in values.items():
        np.testing.assert_array_equal(getattr(candles, name), each)


def test_candles_without_volume_have_none() -> None:
    """A series without volume is good."""
    values = columns()
    del values["volume"]
    candles = Candles.from_columns(KEY, times(), **values)
    assert candles.volume is None
    assert candles[1:3].volume is None


def test_no_candles_are_candles_too() -> None:
    """An empty series is good and has length 0."""
    empty = np.empty(0)
    candles = Candles.from_columns(KEY, np.empty(0, dtype=np.int64), empty, empty, empty, empty)
    assert len(candles) == 0
    assert candles.index_range(0, 10) == (0, -1)


def test_detached_candles_reach_nothing_and_stay_as_they_are() -> None:
    """A detached slice has the same values in arrays of its own, which refuse to be written into."""
    whole = Candles(KEY, times(), **columns())
    part = whole[1:3].detached()
    for name in ("time", *columns()):
        column = getattr(part, name)
        assert column.tolist() == getattr(whole, name)[1:3].tolist()
        assert column.base is None
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 9
    assert Candles(KEY, times(), **{**columns(), "volume": None}).detached().volume is None


def test_a_slice_keeps_series_and_columns_together() -> None:
    """A slice of candles is the candles of those rows."""
    values = columns()
    part = Candles.from_columns(KEY, times(), **values)[1:4]
    assert (part.key, len(part)) == (KEY, 3)
    np.testing.assert_array_equal(part.time, times()[1:4])
    np.testing.assert_array_equal(part.high, values["high"][1:4])


@given(st.integers(-10_000, 30_000), st.integers(-10_000, 30_000))
def test_an_index_range_holds_the_candles_that_open_within(start: int, end: int) -> None:
    """First and last index enclose exactly the candles whose open lies in the range; none gives last before first."""
    time = times()
    price = np.ones(ROWS)
    first, last = Candles(KEY, time, price, price, price, price).index_range(start, end)
    inside = np.flatnonzero((time >= start) & (time <= end)).tolist()
    assert list(range(first, last + 1)) == inside


@given(
    st.lists(
        st.tuples(st.integers(0, 20), *[st.floats(allow_nan=True, allow_infinity=True, width=32)] * 4), max_size=12
    )
)
def test_candles_are_either_refused_or_good(rows: list[tuple[int, float, float, float, float]]) -> None:
    """Whatever the numbers: the constructor names rows of the input, or gives sorted, finite, consistent candles."""
    time = np.array([row[0] for row in rows], dtype=np.int64)
    open_, high, low, close = (np.array([row[column] for row in rows], dtype=np.float64) for column in range(1, 5))
    try:
        candles = Candles.from_columns(KEY, time, open_, high, low, close)
    except DataError as error:
        named = [re.fullmatch(r"EURUSD 1h: row (\d+)", problem.where) for problem in error.problems]
        assert all(match is not None and int(match[1]) < len(rows) for match in named)
        return
    assert (np.diff(candles.time) > 0).all()
    assert (candles.low > 0).all()
    assert (candles.low <= np.minimum(candles.open, candles.close)).all()
    assert (candles.high >= np.maximum(candles.open, candles.close)).all()

"""The feature plan, and the contract that every extractor is held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError, PluginError
from candle_ml.features import candle_features, plan, window_features


def candles(count: int, volume: bool = False) -> Candles:
    close = 100.0 + np.arange(count)
    columns = (close - 0.5, close + 1.0, close - 1.0, close)
    time = np.arange(count, dtype=np.int64) * 60
    return Candles(SeriesKey("EURUSD", "1m"), time, *columns, np.ones(count) if volume else None)


class PerCandle:
    """The close, as often as there are columns; NaN where `missing` says so."""

    scope: Literal["candle"] = "candle"

    def __init__(self, *columns: str, lookback: int = 0, needs_volume: bool = False) -> None:
        self.columns = columns
        self.lookback = lookback
        self.needs_volume = needs_volume
        self.change: Callable[[NDArray[np.float32]], Any] = lambda values: values

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        values: NDArray[np.float32] = np.stack([candles.close] * len(self.columns)).astype(np.float32).T
        return self.change(values)


class PerWindow(PerCandle):
    """The last close of a window, as often as there are columns."""

    scope: Literal["window"] = "window"  # type: ignore[assignment]

    def extract(  # type: ignore[override]
        self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        return self.change(np.stack([candles.close[last]] * len(self.columns)).astype(np.float32).T)


FIRST, LAST = np.array([0, 3, 5]), np.array([4, 7, 9])


def test_a_plan_knows_columns_lookback_and_volume_before_any_candle_is_read() -> None:
    """A plan lists columns in the configured order, the longest lookback and who needs volume."""
    extractors = (PerCandle("a", "b", lookback=3, needs_volume=True), PerWindow("w", lookback=9), PerCandle("c"))
    made = plan(extractors, ["one", "two", "three"])
    assert made.candle_columns == ("a", "b", "c")
    assert made.window_columns == ("w",)
    assert made.lookback == 9
    assert made.needs_volume == ("one",)


def test_two_features_of_one_name_are_refused() -> None:
    """A column that two extractors give is an error that names both."""
    with pytest.raises(PluginError) as caught:
        plan((PerCandle("rsi"), PerWindow("rsi")), ["talib-indicators", "acme-features"])
    assert str(caught.value) == (
        "feature rsi: comes from talib-indicators and from acme-features; configure one of them"
    )


def test_extractors_are_named_by_class_where_they_have_no_name() -> None:
    """Without names errors call extractors by their classes."""
    with pytest.raises(PluginError) as caught:
        plan((PerCandle("rsi"), PerWindow("rsi")))
    assert str(caught.value) == "feature rsi: comes from PerCandle and from PerWindow; configure one of them"


NAMES = "the contract is a tuple of different names, one line each"
LOOKBACK = "the contract is an int, 0 or more"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("scope", "series", "scope is 'series'; the contract is 'candle' or 'window'"),
        ("lookback", 5.0, f"lookback is 5.0; {LOOKBACK}"),
        ("lookback", -3, f"lookback is -3; {LOOKBACK}"),
        ("lookback", None, f"lookback is None; {LOOKBACK}"),
        ("lookback", np.int64(5), f"lookback is {np.int64(5)!r}; {LOOKBACK}"),
        ("lookback", True, f"lookback is True; {LOOKBACK}"),
        ("needs_volume", 1, "needs_volume is 1; the contract is a bool"),
        ("columns", "close", f"columns is 'close'; {NAMES}"),
        ("columns", ["close"], f"columns is ['close']; {NAMES}"),
        ("columns", None, f"columns is None; {NAMES}"),
        ("columns", (), f"columns is (); {NAMES}"),
        ("columns", (1,), f"columns is (1,); {NAMES}"),
        ("columns", ("a\nb",), f"columns is ('a\\nb',); {NAMES}"),
        ("columns", ("a", "a"), f"columns is ('a', 'a'); {NAMES}"),
    ],
)
def test_an_extractor_that_declares_itself_wrongly_is_refused(name: str, value: object, found: str) -> None:
    """What the core must know before it reads a candle is checked when the plan is made, and said by name."""
    odd = PerCandle("a")
    setattr(odd, name, value)
    with pytest.raises(PluginError) as caught:
        plan((odd,), ["odd"])
    assert str(caught.value) == f"odd: {found}"


def test_everything_that_is_declared_wrongly_is_told_at_once() -> None:
    """Two extractors, one of which lacks everything, give one error with a line for each thing."""
    odd = PerCandle("a", lookback=-1)
    with pytest.raises(PluginError) as caught:
        plan((odd, object()), ["odd", "empty"])  # type: ignore[arg-type]
    assert [(each.where, each.found) for each in caught.value.problems] == [
        ("odd", "lookback is -1"),
        ("empty", "scope is None"),
        ("empty", "lookback is None"),
        ("empty", "needs_volume is None"),
        ("empty", "columns is None"),
    ]


def raising(error: BaseException) -> Callable[[NDArray[np.float32]], Any]:
    def change(values: NDArray[np.float32]) -> Any:
        raise error

    return change


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("a\nb"), "raised KeyError: 'a\\nb'"),
        (ValueError(), "raised ValueError"),
        (SystemExit(0), "raised SystemExit: 0"),
    ],
)
@pytest.mark.parametrize("kind", [PerCandle, PerWindow])
def test_what_an_extractor_raises_names_it(kind: type[PerCandle], error: BaseException, told: str) -> None:
    """An exception, an exit of Python or an exception without words becomes the error of that plugin."""
    odd = kind("a")
    odd.change = raising(error)
    made = plan((odd,), ["odd"])
    with pytest.raises(PluginError) as caught:
        window_features(made, candles(10), FIRST, LAST) if kind is PerWindow else candle_features(made, candles(10))
    assert str(caught.value) == f"odd: {told}; the contract is features of any number of candles"


def test_what_is_no_array_is_refused() -> None:
    """A list of lists names its type."""
    odd = PerCandle("a")
    odd.change = lambda values: values.tolist()
    with pytest.raises(PluginError) as caught:
        candle_features(plan((odd,), ["odd"]), candles(10))
    assert str(caught.value) == "odd: gave a list; the contract is a float32 array"


@pytest.mark.parametrize("volume", [False, True])
def test_without_extractors_the_candles_are_the_features(volume: bool) -> None:
    """No extractor at all: the raw columns, with volume where the plan says so."""
    made = plan((), raw_volume=volume)
    matrix = candle_features(made, candles(5, volume=True))
    assert made.candle_columns == ("open", "high", "low", "close", "volume")[: 4 + volume]
    assert (made.lookback, made.window_columns) == (0, ())
    assert matrix[2].tolist() == [101.5, 103.0, 101.0, 102.0, 1.0][: 4 + volume]


def test_window_extractors_alone_leave_no_candle_columns() -> None:
    """A plan of window extractors has no candle features, and does not fall back to raw ones."""
    made = plan((PerWindow("w"),))
    assert candle_features(made, candles(10)).shape == (10, 0)
    assert window_features(made, candles(10), FIRST, LAST)[:, 0].tolist() == [104.0, 107.0, 109.0]


def test_candle_features_are_one_matrix() -> None:
    """Blocks stand side by side, C-contiguous float32, NaN in each extractor's own first rows only."""
    matrix = candle_features(plan((PerCandle("a", lookback=2), PerCandle("b", "c", lookback=4))), candles(2000))
    assert matrix.flags.c_contiguous
    assert (matrix.dtype, matrix.shape) == (np.float32, (2000, 3))
    assert np.isnan(matrix).sum(axis=0).tolist() == [2, 4, 4]
    assert matrix[1999].tolist() == [2099.0] * 3


def test_window_features_are_one_matrix() -> None:
    """Windows that start before an extractor's lookback are NaN in its columns only."""
    made = plan((PerWindow("a"), PerWindow("b", "c", lookback=4)))
    matrix = window_features(made, candles(10), FIRST, LAST)
    assert matrix.flags.c_contiguous
    assert matrix.dtype == np.float32
    assert np.isnan(matrix).tolist() == [[False, True, True], [False, True, True], [False, False, False]]


@pytest.mark.parametrize("count", [0, 3])
def test_fewer_candles_than_the_lookback_are_all_warm_up(count: int) -> None:
    """A series no longer than the lookback has NaN features, not an error."""
    matrix = candle_features(plan((PerCandle("a", lookback=3),)), candles(count))
    assert matrix.shape == (count, 1)
    assert np.isnan(matrix).all()


def test_missing_volume_is_named_with_who_needs_it() -> None:
    """Candles without volume are refused before anything is computed, for candles and for windows."""
    made = plan((PerCandle("a"), PerCandle("b", needs_volume=True), PerWindow("w", needs_volume=True)), ["x", "y", "z"])
    message = "EURUSD 1m: no volume; add the column or leave out what needs it: y, z"
    with pytest.raises(DataError) as caught:
        candle_features(made, candles(10))
    assert str(caught.value) == message
    with pytest.raises(DataError) as caught:
        window_features(made, candles(10), FIRST, LAST)
    assert str(caught.value) == message
    assert candle_features(made, candles(10, volume=True)).shape == (10, 2)


def with_value(row: int, value: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    def change(values: NDArray[np.float32]) -> NDArray[np.float32]:
        values[row, 1] = value
        return values

    return change


BROKEN: list[tuple[Callable[[NDArray[np.float32]], Any], str]] = [
    (lambda values: values.astype(np.float64), "mine: gave float64 features; the contract is float32"),
    (lambda values: values[:-1], "mine: gave features of shape (9, 2); the contract is (10, 2)"),
    (lambda values: values[:, :1], "mine: gave features of shape (10, 1); the contract is (10, 2)"),
    (with_value(7, np.nan), "mine: feature b: nan at candle 7; every value after the lookback is finite"),
    (with_value(9, -np.inf), "mine: feature b: -inf at candle 9; every value after the lookback is finite"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_broken_contract_of_candles_is_named(change: Callable[[NDArray[np.float32]], Any], message: str) -> None:
    """Wrong type, shape or a value that is no number is an error with extractor, column and candle."""
    extractor = PerCandle("a", "b", lookback=3)
    extractor.change = change
    with pytest.raises(PluginError) as caught:
        candle_features(plan((extractor,), ["mine"]), candles(10))
    assert str(caught.value) == message


def test_values_of_the_warm_up_are_not_trusted() -> None:
    """What an extractor says of its warm-up is replaced by NaN."""
    extractor = PerCandle("a", "b", lookback=3)
    extractor.change = with_value(2, np.inf)
    assert np.isnan(candle_features(plan((extractor,)), candles(10))).sum() == 6


WINDOW_BROKEN: list[tuple[Callable[[NDArray[np.float32]], Any], str]] = [
    (lambda values: values.astype(np.float64), "mine: gave float64 features; the contract is float32"),
    (lambda values: values[:2], "mine: gave features of shape (2, 2); the contract is (3, 2)"),
    (with_value(1, np.nan), "mine: feature b: nan at candle 7; every value after the lookback is finite"),
]


@pytest.mark.parametrize(("change", "message"), WINDOW_BROKEN)
def test_a_broken_contract_of_windows_is_named(change: Callable[[NDArray[np.float32]], Any], message: str) -> None:
    """A window extractor is held to the same; a value is named by the window's last candle."""
    extractor = PerWindow("a", "b", lookback=3)
    extractor.change = change
    with pytest.raises(PluginError) as caught:
        window_features(plan((extractor,), ["mine"]), candles(10), FIRST, LAST)
    assert str(caught.value) == message


def test_windows_before_the_lookback_may_be_anything() -> None:
    """A window without its lookback is NaN, whatever the extractor says of it."""
    extractor = PerWindow("a", "b", lookback=3)
    extractor.change = with_value(0, np.inf)
    assert np.isnan(window_features(plan((extractor,)), candles(10), FIRST, LAST)).sum() == 2

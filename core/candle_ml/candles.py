"""Candles: the OHLCV columns of one series, checked once and then trusted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml.errors import DataError, Problem

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 31 * 86400}
LATEST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z: anything later is milliseconds or nonsense
_LARGEST_STEP = 1000.0
_FIRST_CLOSES = 9  # their median stands for the close before the first; of all closes it could be ages away
_MOST_PROBLEMS_NAMED = 20


def timeframe_seconds(timeframe: str) -> int:
    """Seconds from a candle's open to its close: `15m` is 900; a month (`1M`) counts 31 days.

    Raises `DataError` for anything but a positive number and one of `s m h d w M`.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,3})([smhdwM])", timeframe)
    if match is None:
        raise DataError.at(
            "timeframe", repr(timeframe), "write a number and one of s, m, h, d, w, M, such as 15m or 1d"
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]]


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """The name of a series: what is traded and how long a candle lasts."""

    pair: str
    timeframe: str

    def __post_init__(self) -> None:
        if not self.pair.strip():
            raise DataError.at("pair", repr(self.pair), "name what is traded, such as EURUSD")
        timeframe_seconds(self.timeframe)

    @property
    def seconds(self) -> int:
        """Seconds from a candle's open to its close."""
        return timeframe_seconds(self.timeframe)

    def __str__(self) -> str:
        return f"{self.pair} {self.timeframe}"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row of candles (0-based, in the order given) cannot be used."""

    row: int
    found: str
    expected: str


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Columns of one series with strictly increasing times.

    `time` is `int64` Unix seconds UTC of each open; prices are `float64`, above zero; `volume` is `float64`, at least
    zero, or None where the series has none. The constructor trusts its caller; `from_columns` checks.
    """

    key: SeriesKey
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64] | None = None

    @classmethod
    def from_columns(
        cls,
        key: SeriesKey,
        time: NDArray[np.int64],
        open: NDArray[np.float64],
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
        volume: NDArray[np.float64] | None = None,
    ) -> Candles:
        """Sort rows by time and check them. Raises `DataError` that names every bad row."""
        problems = bad_rows(time, open, high, low, close, volume)
        if problems:
            raise DataError(*_named(str(key), problems))
        order = np.argsort(time, kind="stable")
        ordered_volume = None if volume is None else volume[order]
        return cls(key, time[order], open[order], high[order], low[order], close[order], ordered_volume)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice) -> Candles:
        volume = None if self.volume is None else self.volume[rows]
        return Candles(
            self.key, self.time[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows], volume
        )

    def detached(self) -> Candles:
        """A copy that nobody can write into, and through whose arrays no other candle can be reached."""

        def alone(column: NDArray[Any]) -> NDArray[Any]:
            copied = column.copy()
            copied.setflags(write=False)
            return copied

        return self.kept(alone)

    def kept(self, keep: Callable[[NDArray[Any]], NDArray[Any]]) -> Candles:
        """The same candles with each column as `keep` returns it."""
        volume = None if self.volume is None else keep(self.volume)
        open_, high, low, close = map(keep, (self.open, self.high, self.low, self.close))
        return Candles(self.key, keep(self.time), open_, high, low, close, volume)

    def index_range(self, start_time: int, end_time: int) -> tuple[int, int]:
        """First and last index of the candles that open in `[start_time, end_time]`; last < first where none does."""
        first = int(np.searchsorted(self.time, start_time, side="left"))
        last = int(np.searchsorted(self.time, end_time, side="right")) - 1
        return first, last


def bad_rows(
    time: NDArray[np.int64],
    open: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64] | None = None,
) -> list[RowProblem]:
    """Each row that cannot be used, once, with its first reason, in row order.

    Rows may be in any order; of two rows with one time the later is the bad one. A price more than 1000 times the close
    before it (or less than a thousandth) is refused, because it would spoil indicators long after it.
    """
    problems: dict[int, RowProblem] = {}

    columns: dict[str, NDArray[np.int64] | NDArray[np.float64]]
    columns = {"time": time, "open": open, "high": high, "low": low, "close": close}
    if volume is not None:
        columns["volume"] = volume

    def note(mask: NDArray[np.bool_], found: str, expected: str) -> None:
        for row in np.flatnonzero(mask).tolist() if mask.any() else ():
            text = found.format(**{name: column[row].item() for name, column in columns.items()})
            problems.setdefault(row, RowProblem(row, text, expected))

    note((time < 0) | (time > LATEST_TIME), "time {time}", "Unix seconds between 1970 and 9999")
    prices = {"open": open, "high": high, "low": low, "close": close}
    for name, column in prices.items():
        note(~np.isfinite(column), f"{name} {{{name}}}", "a finite number")
        note(column <= 0, f"{name} {{{name}}}", "a price above zero")
    note(high < low, "high {high} below low {low}", "high at least low")
    note(high < np.maximum(open, close), "high {high} below open {open} or close {close}", "high the highest price")
    note(low > np.minimum(open, close), "low {low} above open {open} or close {close}", "low the lowest price")
    if volume is not None:
        note(~np.isfinite(volume) | (volume < 0), "volume {volume}", "a finite number, zero or more")
    note(_repeated(time), "time {time} a second time", "one row a time")
    note(
        _absurd(time, high, low, close, problems), "high {high}, low {low}", "prices within 1000 times the close before"
    )
    return [problems[row] for row in sorted(problems)]


def _repeated(time: NDArray[np.int64]) -> NDArray[np.bool_]:
    if (np.diff(time) > 0).all():
        return np.zeros(len(time), dtype=bool)
    repeated = np.ones(len(time), dtype=bool)
    repeated[np.unique(time, return_index=True)[1]] = False
    return repeated


def _absurd(
    time: NDArray[np.int64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    already: dict[int, RowProblem],
) -> NDArray[np.bool_]:
    """Rows that jump away from the last good close; a good row after an absurd one is not blamed for it."""
    absurd = np.zeros(len(time), dtype=bool)
    usable = np.ones(len(time), dtype=bool)
    usable[list(already)] = False
    order = np.argsort(time, kind="stable")
    good = order[usable[order]]
    if len(good) < 2:
        return absurd
    typical = float(np.median(close[good][:_FIRST_CLOSES]))
    reference = np.concatenate(([typical], close[good][:-1]))
    suspects = np.flatnonzero((high[good] > reference * _LARGEST_STEP) | (low[good] * _LARGEST_STEP < reference))
    if not len(suspects):
        return absurd
    last_close = typical
    for row in good:
        if high[row] > last_close * _LARGEST_STEP or low[row] * _LARGEST_STEP < last_close:
            absurd[row] = True
        else:
            last_close = float(close[row])
    return absurd


def _named(series: str, problems: list[RowProblem]) -> list[Problem]:
    named = [Problem(f"{series}: row {p.row}", p.found, p.expected) for p in problems[:_MOST_PROBLEMS_NAMED]]
    if len(problems) > _MOST_PROBLEMS_NAMED:
        named.append(Problem(series, f"{len(problems) - _MOST_PROBLEMS_NAMED} more bad rows"))
    return named

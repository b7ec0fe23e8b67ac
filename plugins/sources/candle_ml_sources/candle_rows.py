"""Candles from the rows of one file, with a reason for every row that is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import RejectedRow
from candle_ml.candles import Candles, SeriesKey, bad_rows
from candle_ml.errors import DataError, Problem
from candle_ml.sources import refuse
from candle_ml_sources.columns import is_empty, parse_numbers, parse_times
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.tables import Table

_TIME_NAMES = ("time", "timestamp", "datetime", "date")
_PRICE_NAMES = ("open", "high", "low", "close")
_CLOSEST = 0.5  # of the timeframe: sessions and daylight saving shorten a candle, but not by more
_USUAL = 0.9  # of the timeframe: February has 28 of 31 days
_SPARSE = 1.5  # of the timeframe

_Reasons = dict[int, tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class CandleRows:
    """What one file holds: candles, the number of each one's row (`int64`), rows set aside and notes."""

    where: str
    candles: Candles
    rows: NDArray[np.int64]
    rejected: tuple[RejectedRow, ...]
    notes: tuple[str, ...]

    def place(self, time: int) -> str | None:
        """How messages name the row of a time; None where the file has no candle then."""
        first, last = self.candles.index_range(time, time)
        return f"{self.where}: row {self.rows[first]}" if first == last else None


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64] | None

    def candles(self, series: SeriesKey, rows: NDArray[np.int64]) -> Candles:
        volume = None if self.volume is None else self.volume[rows]
        return Candles(
            series, self.time[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows], volume
        )


def read_candles(table: Table, series: SeriesKey, unit: TimeUnit) -> CandleRows:
    """Sort and check the rows of a table of candles.

    Raises `DataError` where a column is missing, no row is left, or candles stand too close for the timeframe.
    """
    columns, reasons, notes = _read_columns(table, unit)
    good = _others(len(columns.time), reasons)
    candles = columns.candles(series, good)
    for item in bad_rows(candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume):
        reasons[int(good[item.row])] = (item.found, item.expected)
    good = _others(len(columns.time), reasons)
    good = good[np.argsort(columns.time[good], kind="stable")]
    crowded = _crowded(table.where, series, columns.time[good])
    reasons.update({int(good[row]): reason for row, reason in crowded.items()})
    good = np.delete(good, list(crowded))
    rejected = table.rejected(reasons)
    if not len(good):
        total = f"none of {len(rejected)} rows can be used"
        raise DataError(Problem(table.where, total, "rows of candles"), *refuse(table.where, rejected).problems)
    notes += _spacing_notes(table.where, series, columns.time[good])
    return CandleRows(table.where, columns.candles(series, good), table.rows[good], rejected, tuple(notes))


def _others(count: int, reasons: _Reasons) -> NDArray[np.int64]:
    """Indices of the rows without a reason to set them aside."""
    good = np.ones(count, dtype=bool)
    good[list(reasons)] = False
    return np.flatnonzero(good)


def _read_columns(table: Table, unit: TimeUnit) -> tuple[_Columns, _Reasons, list[str]]:
    time_name = table.need(*_TIME_NAMES)
    notes = [
        f"{table.where}: column {name} ignored, because column {time_name} holds the time"
        for name in _TIME_NAMES
        if name != time_name and name in table.names
    ]
    times = parse_times(time_name, table.column(time_name), unit)
    open_, high, low, close = (parse_numbers(name, table.column(table.need(name))) for name in _PRICE_NAMES)
    volume = None
    if table.find("volume") is not None and not is_empty(table.column("volume")):
        volume = parse_numbers("volume", table.column("volume"))
    reasons: _Reasons = {}
    for parsed in (times, open_, high, low, close, volume):
        reasons = reasons if parsed is None else {**parsed.problems, **reasons}
    volumes = None if volume is None else volume.values
    return _Columns(times.values, open_.values, high.values, low.values, close.values, volumes), reasons, notes


def _crowded(where: str, series: SeriesKey, time: NDArray[np.int64]) -> _Reasons:
    """Rows (of increasing times) that open too soon after the one before.

    Raises `DataError` where so many do that the timeframe must be wrong.
    """
    steps = np.diff(time)
    if len(steps) and np.median(steps) < _USUAL * series.seconds:
        found = f"candles open {np.median(steps):g} s apart (median), though the timeframe is {series.timeframe}"
        raise DataError.at(where, found, "the timeframe of the candles")
    closest = _CLOSEST * series.seconds
    if not (steps < closest).any():
        return {}
    reasons: _Reasons = {}
    last = int(time[0])
    for row, opened in enumerate(time[1:].tolist(), start=1):
        if opened - last < closest:
            reasons[row] = (f"opens {opened - last} s after the candle before it", f"steps of {series.timeframe}")
        else:
            last = opened
    return reasons


def _spacing_notes(where: str, series: SeriesKey, time: NDArray[np.int64]) -> Sequence[str]:
    steps = np.diff(time)
    if not len(steps):
        return []
    notes = []
    short = steps[steps < _USUAL * series.seconds]
    if len(short):
        notes.append(f"{where}: {len(short)} candles last less than {series.timeframe}, the shortest {short.min()} s")
    if np.median(steps) > _SPARSE * series.seconds:
        apart = f"candles open {np.median(steps):g} s apart (median)"
        notes.append(f"{where}: {apart}, though the timeframe is {series.timeframe}")
    return notes

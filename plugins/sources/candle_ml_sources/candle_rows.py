"""Candles from the rows of one file."""

from __future__ import annotations

from candle_ml.candles import SeriesKey
from candle_ml_sources.candle_checks import CandleColumns, CandleRows, Reasons, checked_candles
from candle_ml_sources.columns import is_empty, parse_numbers, parse_times
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.tables import Table

_TIME_NAMES = ("time", "timestamp", "datetime", "date")
_PRICE_NAMES = ("open", "high", "low", "close")


def read_candles(table: Table, series: SeriesKey, unit: TimeUnit) -> CandleRows:
    """Sort and check the rows of a table of candles.

    Raises `DataError` where a column is missing, no row is left, or candles stand too close for the timeframe.
    """
    columns, reasons, notes = _read_columns(table, unit)
    return checked_candles(table.where, series, columns, reasons, table.rows, table.rejected, notes)


def _read_columns(table: Table, unit: TimeUnit) -> tuple[CandleColumns, Reasons, list[str]]:
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
    reasons: Reasons = {}
    for parsed in (times, open_, high, low, close, volume):
        reasons = reasons if parsed is None else {**parsed.problems, **reasons}
    volumes = None if volume is None else volume.values
    return CandleColumns(times.values, open_.values, high.values, low.values, close.values, volumes), reasons, notes

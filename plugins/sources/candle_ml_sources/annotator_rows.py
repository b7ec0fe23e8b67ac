"""Rows of the annotator's API as checked candles and as claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import RejectedRow
from candle_ml.candles import SeriesKey
from candle_ml.errors import DataError
from candle_ml_sources.candle_checks import CandleColumns, CandleRows, Reasons, checked_candles
from candle_ml_sources.claims import BadFieldError, FileRows, RawRow, Times, claims_of
from candle_ml_sources.json_rows import read_claims
from candle_ml_sources.texts import shown

_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
_SECONDS = "whole Unix seconds"
_NUMBER = "a number such as 101.5"


def read_chart_candles(where: str, rows: Sequence[object], series: SeriesKey) -> CandleRows:
    """Candles from the rows of a chart, sorted and checked. Raises `DataError` where none is left."""
    if not rows:
        raise DataError.at(where, "no candles", "a chart with candles")
    reasons: Reasons = {n: (shown(row), "an object") for n, row in enumerate(rows) if not isinstance(row, dict)}
    objects = [row if isinstance(row, dict) else {} for row in rows]
    time = [row.get("time") for row in objects]
    for index, value in enumerate(time):
        if not _is_time(value):
            reasons.setdefault(index, _reason("time", value, _SECONDS))
    opened = np.array([int(value) if _is_time(value) else 0 for value in time], dtype=np.int64)
    open_, high, low, close = (_numbers(objects, name, reasons) for name in ("open", "high", "low", "close"))
    has_volume = any(row.get("volume") is not None for row in objects)
    volume = _numbers(objects, "volume", reasons) if has_volume else None

    def rejecting(found: Mapping[int, tuple[str, str]]) -> tuple[RejectedRow, ...]:
        return tuple(RejectedRow(f"{where}: candle {index + 1}", *found[index]) for index in sorted(found))

    columns = CandleColumns(opened, open_, high, low, close, volume)
    return checked_candles(where, series, columns, reasons, np.arange(1, len(rows) + 1), rejecting)


def read_chart_claims(where: str, what: str, rows: Sequence[object], chart: int) -> FileRows:
    """Claims from spans, points or reviewed ranges of a chart. Raises `DataError` where rows name another one."""
    others = [row["chart_id"] for row in rows if isinstance(row, dict) and row.get("chart_id") not in (None, chart)]
    if others:
        raise DataError.at(where, f"a row of chart {shown(others[0])}", f"rows of chart {chart} only")
    return read_claims(where, what, rows, _timed)


def _timed(where: str, rows: Sequence[RawRow]) -> FileRows:
    return claims_of(where, rows, _whole_seconds("start_time", rows), _whole_seconds("end_time", rows))


def _whole_seconds(name: str, rows: Sequence[RawRow]) -> Times:
    values = [row.fields.get(name) for row in rows]
    problems = {n: BadFieldError.of(name, value, _SECONDS) for n, value in enumerate(values) if not _is_time(value)}
    return [int(value) if _is_time(value) else 0 for value in values], problems


def _is_time(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value <= _LATEST and value % 1 == 0


def _numbers(rows: Sequence[Mapping[str, object]], name: str, reasons: Reasons) -> NDArray[np.float64]:
    values = [row.get(name) for row in rows]
    for index, value in enumerate(values):
        if type(value) not in (int, float):
            reasons.setdefault(index, _reason(name, value, _NUMBER))
    return np.array([value if type(value) in (int, float) else 0.0 for value in values], dtype=np.float64)


def _reason(name: str, value: object, expected: str) -> tuple[str, str]:
    error = BadFieldError.of(name, value, expected)
    return error.found, error.expected

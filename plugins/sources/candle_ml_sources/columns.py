"""Times and numbers from columns of text, numbers or timestamps, naming each value that is neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candle_ml_sources.options import TimeUnit
from candle_ml_sources.texts import shown

_Number = TypeVar("_Number", np.int64, np.float64)
_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ISO_TIME = rf"^{_DATE}([T ]{_CLOCK} ?(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?$"
_COMPACT_DATE = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
_LEAST_MILLISECONDS = 1e11  # as seconds, the year 5138; as milliseconds, 1973
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
TIME_EXPECTED = "a date such as 2024-01-31, an ISO date-time, Unix seconds or milliseconds"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed(Generic[_Number]):
    """Values of a column, and by row index what was found and what would do where there is no value (there: 0)."""

    values: NDArray[_Number]
    problems: dict[int, tuple[str, str]]


def parse_numbers(name: str, column: Any) -> Parsed[np.float64]:
    """`float64` values of a column of text or numbers."""
    if pa.types.is_boolean(column.type) or not (_is_text(column) or _is_number(column)):
        values = np.full(len(column), np.nan)
    else:
        values = _text_numbers(column) if _is_text(column) else _floats(column)
    bad = np.isnan(values)
    problems = {row: (f"{name} {_cell(column, row)}", "a number such as 101.5") for row in np.flatnonzero(bad).tolist()}
    return Parsed(np.where(bad, 0.0, values), problems)


def parse_times(name: str, column: Any, unit: TimeUnit = "auto") -> Parsed[np.int64]:
    """Unix seconds (`int64`) of a column of text, numbers or timestamps; a time without an offset is UTC.

    With unit `auto` a number is milliseconds where seconds would be after the year 5138, and eight digits that could
    be a date such as 20240131 are no time.
    """
    seconds = _seconds(column, unit)
    unknown = ~np.isfinite(seconds) | (np.abs(seconds) > _LATEST)
    seconds[unknown] = 0
    fraction = seconds != np.floor(seconds)
    problems = {row: (f"{name} {_cell(column, row)}", TIME_EXPECTED) for row in np.flatnonzero(unknown).tolist()}
    for row in np.flatnonzero(fraction).tolist():
        problems[row] = (f"{name} {_cell(column, row)}", "whole seconds")
    return Parsed(np.floor(seconds).astype(np.int64), problems)


def is_empty(column: Any) -> bool:
    """Whether a column holds no value at all."""
    if _is_text(column):
        return bool(pc.all(pc.equal(pc.utf8_trim_whitespace(column.fill_null("")), "")).as_py())
    return bool(column.null_count == len(column))


def _seconds(column: Any, unit: TimeUnit) -> NDArray[np.float64]:
    if _is_text(column):
        return _text_seconds(pc.utf8_trim_whitespace(column.fill_null("")), unit)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _timestamp_seconds(column)
    if _is_number(column):
        return _epoch_seconds(_floats(column), unit)
    return np.full(len(column), np.nan)


def _text_seconds(text: Any, unit: TimeUnit) -> NDArray[np.float64]:
    seconds = np.full(len(text), np.nan)
    numeric = _matches(text, _NUMBER)
    if unit == "auto":
        numeric &= ~_matches(text, _COMPACT_DATE)
    iso = _matches(text, _ISO_TIME)
    seconds[numeric] = _epoch_seconds(_text_numbers(text.filter(pa.array(numeric))), unit)
    if iso.any():
        seconds[iso] = _iso_seconds(text.filter(pa.array(iso)))
    return seconds


def _iso_seconds(text: Any) -> NDArray[np.float64]:
    times = pd.to_datetime(pd.Series(text.to_pandas()), format="ISO8601", utc=True, errors="coerce")
    seconds = times.dt.as_unit("us").astype("int64").to_numpy() / 1e6
    return np.where(times.isna().to_numpy(), np.nan, seconds)


def _timestamp_seconds(column: Any) -> NDArray[np.float64]:
    timestamps = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
    return _floats(timestamps.cast(pa.int64())) / 1e6


def _epoch_seconds(numbers: NDArray[np.float64], unit: TimeUnit) -> NDArray[np.float64]:
    milliseconds = np.abs(numbers) >= _LEAST_MILLISECONDS if unit == "auto" else np.full(len(numbers), unit == "ms")
    return np.where(milliseconds, numbers / 1000, numbers)


def _text_numbers(column: Any) -> NDArray[np.float64]:
    text = pc.utf8_trim_whitespace(column.fill_null(""))
    numeric = _matches(text, _NUMBER)
    return _floats(pc.if_else(pa.array(numeric), text, None).cast(pa.float64()))


def _floats(column: Any) -> NDArray[np.float64]:
    """`float64` copy of a column of numbers; nulls are NaN."""
    floats = column.cast(pa.float64(), safe=False)
    return np.array(floats.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    return np.array(pc.match_substring_regex(text, pattern).to_numpy(), dtype=bool)


def _is_text(column: Any) -> bool:
    kind = column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(column: Any) -> bool:
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cell(column: Any, row: int) -> str:
    return shown(column[row].as_py())

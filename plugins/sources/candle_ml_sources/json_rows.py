"""Rows of JSON as objects that remember where they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from candle_ml.annotations import RejectedRow
from candle_ml.errors import DataError
from candle_ml_sources.claims import FileRows, RawRow
from candle_ml_sources.texts import decode, shown

_DEEPEST = 64
_MOST_DIGITS = 20
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def parse_json(where: str, data: bytes, expected: str) -> object:
    """The value of a JSON text: no key twice, no NaN, nothing very deep. Raises `DataError`, which says `expected`."""
    if not data.strip():
        raise DataError.at(where, "an empty file", expected)
    text = decode(where, data)
    _check_depth(where, data)
    try:
        content: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        found = f"no JSON ({error.msg}, column {error.colno})"
        raise DataError.at(f"{where}: row {error.lineno}", found, expected) from error
    except ValueError as error:
        raise DataError.at(where, str(error), "plain JSON") from error
    return content


def read_claims(
    where: str, what: str, rows: Sequence[object], timed: Callable[[str, Sequence[RawRow]], FileRows]
) -> FileRows:
    """Claims from the rows of one chart, which `timed` gives times; drawn lines are left out and counted.

    Raises `DataError` where rows name several charts.
    """
    raw, rejected = _objects(f"{where}: {what}", rows)
    lines = sum(row.fields.get("geometry") is not None for row in raw)
    claims = [_named_as_span(row) for row in raw if row.fields.get("geometry") is None]
    _check_one_chart(where, claims)
    read = timed(where, claims)
    notes = [f"{where}: {lines} drawn lines left out, because a line is no label"] if lines else []
    return FileRows(read.claims, (), [*rejected, *read.rejected], [*notes, *read.notes])


def _objects(what: str, rows: Sequence[object]) -> tuple[list[RawRow], list[RejectedRow]]:
    """Rows that are objects, numbered from 1, and those that are not."""
    numbered = [(f"{what} {number}", row) for number, row in enumerate(rows, 1)]
    raw = [RawRow(place, row) for place, row in numbered if isinstance(row, dict)]
    return raw, [RejectedRow(place, shown(row), "an object") for place, row in numbered if not isinstance(row, dict)]


def _named_as_span(row: RawRow) -> RawRow:
    """A point (it has a timestamp) under the field names of a span; a span as it is."""
    if "timestamp" not in row.fields or "start_time" in row.fields:
        return row
    time = row.fields["timestamp"]
    fields = {**row.fields, "start_time": time, "end_time": time, "label": row.fields.get("label_type")}
    return RawRow(row.where, fields, "point")


def _check_one_chart(where: str, rows: Sequence[RawRow]) -> None:
    charts = {str(row.fields["chart_id"]) for row in rows if row.fields.get("chart_id") is not None}
    if len(charts) > 1:
        raise DataError.at(where, f"annotations of the charts {', '.join(sorted(charts))}", "one file a chart")


def _check_depth(where: str, data: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    marks = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    depth = np.cumsum(np.isin(marks, list(b"[{")).astype(np.int64) - np.isin(marks, list(b"]}")))
    if depth.max(initial=0) > _DEEPEST:
        raise DataError.at(where, f"JSON nested {depth.max()} levels deep", f"at most {_DEEPEST} levels")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {shown(twice)} twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_refuse_constant)

"""Annotations and reviewed ranges in JSON: exports, lists of rows, points."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from candle_ml.annotations import RejectedRow
from candle_ml.errors import DataError
from candle_ml_sources.claims import FileRows, RawRow, with_times
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.tables import decode, shown

_DEEPEST = 64
_MOST_DIGITS = 20
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_FORMS = "a list of annotations, or an object with annotations or reviewed_ranges"


def read_json(where: str, data: bytes, unit: TimeUnit) -> FileRows:
    """Rows of `[...]` or `{"annotations": [...], "reviewed_ranges": [...]}`. Raises `DataError` for anything else."""
    content = _parse(where, data)
    document = {"annotations": content} if isinstance(content, list) else content
    if not isinstance(document, dict) or not document.keys() & {"annotations", "reviewed_ranges"}:
        raise DataError.at(where, f"{shown(content)}", _FORMS)
    claims = _read_claims(where, _rows(where, document, "annotations"), unit)
    ranges = _read_ranges(where, _rows(where, document, "reviewed_ranges"), unit)
    others = sorted(document.keys() - {"annotations", "reviewed_ranges"})
    notes = [f"{where}: ignored {', '.join(others)}"] if others else []
    return FileRows(
        claims.claims,
        ranges.claims,
        [*claims.rejected, *ranges.rejected],
        [*claims.notes, *ranges.notes, *notes],
    )


def _parse(where: str, data: bytes) -> object:
    if not data.strip():
        raise DataError.at(where, "an empty file", _FORMS)
    text = decode(where, data)
    _check_depth(where, data)
    try:
        content: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        found = f"no JSON ({error.msg}, column {error.colno})"
        raise DataError.at(f"{where}: row {error.lineno}", found, _FORMS) from error
    except ValueError as error:
        raise DataError.at(where, str(error), "plain JSON") from error
    return content


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


def _rows(where: str, document: Mapping[str, object], key: str) -> Sequence[object]:
    rows = document.get(key, [])
    if not isinstance(rows, list):
        raise DataError.at(f"{where}: {key}", shown(rows), "a list")
    return rows


def _read_claims(where: str, rows: Sequence[object], unit: TimeUnit) -> FileRows:
    raw, rejected = _objects(f"{where}: annotation", rows)
    lines = sum(row.fields.get("geometry") is not None for row in raw)
    claims = [_named_as_span(row) for row in raw if row.fields.get("geometry") is None]
    _check_one_chart(where, claims)
    timed = with_times(where, claims, unit)
    notes = [f"{where}: {lines} drawn lines left out, because a line is no label"] if lines else []
    return FileRows(timed.claims, (), [*rejected, *timed.rejected], [*notes, *timed.notes])


def _read_ranges(where: str, rows: Sequence[object], unit: TimeUnit) -> FileRows:
    raw, rejected = _objects(f"{where}: reviewed range", rows)
    _check_one_chart(where, raw)
    timed = with_times(where, raw, unit)
    return FileRows(timed.claims, (), [*rejected, *timed.rejected], timed.notes)


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


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_refuse_constant)

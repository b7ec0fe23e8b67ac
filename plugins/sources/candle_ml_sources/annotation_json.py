"""Annotations and reviewed ranges in JSON: exports, lists of rows, points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from candle_ml.errors import DataError
from candle_ml_sources.claim_times import with_times
from candle_ml_sources.claims import FileRows
from candle_ml_sources.json_rows import check_one_chart, named_as_span, objects, parse_json
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.texts import shown

_FORMS = "a list of annotations, or an object with annotations or reviewed_ranges"


def read_json(where: str, data: bytes, unit: TimeUnit) -> FileRows:
    """Rows of `[...]` or `{"annotations": [...], "reviewed_ranges": [...]}`. Raises `DataError` for anything else."""
    content = parse_json(where, data, _FORMS)
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


def _rows(where: str, document: Mapping[str, object], key: str) -> Sequence[object]:
    rows = document.get(key, [])
    if not isinstance(rows, list):
        raise DataError.at(f"{where}: {key}", shown(rows), "a list")
    return rows


def _read_claims(where: str, rows: Sequence[object], unit: TimeUnit) -> FileRows:
    raw, rejected = objects(f"{where}: annotation", rows)
    lines = sum(row.fields.get("geometry") is not None for row in raw)
    claims = [named_as_span(row) for row in raw if row.fields.get("geometry") is None]
    check_one_chart(where, claims)
    timed = with_times(where, claims, unit)
    notes = [f"{where}: {lines} drawn lines left out, because a line is no label"] if lines else []
    return FileRows(timed.claims, (), [*rejected, *timed.rejected], [*notes, *timed.notes])


def _read_ranges(where: str, rows: Sequence[object], unit: TimeUnit) -> FileRows:
    raw, rejected = objects(f"{where}: reviewed range", rows)
    check_one_chart(where, raw)
    timed = with_times(where, raw, unit)
    return FileRows(timed.claims, (), [*rejected, *timed.rejected], timed.notes)

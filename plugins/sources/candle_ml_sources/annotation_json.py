"""Annotations and reviewed ranges in JSON: exports, lists of rows, points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from candle_ml.errors import DataError
from candle_ml_sources.claim_times import with_times
from candle_ml_sources.claims import FileRows
from candle_ml_sources.json_rows import parse_json, read_claims
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.texts import shown

_FORMS = "a list of annotations, or an object with annotations or reviewed_ranges"


def read_json(where: str, data: bytes, unit: TimeUnit) -> FileRows:
    """Rows of `[...]` or `{"annotations": [...], "reviewed_ranges": [...]}`. Raises `DataError` for anything else."""
    content = parse_json(where, data, _FORMS)
    document = {"annotations": content} if isinstance(content, list) else content
    if not isinstance(document, dict) or not document.keys() & {"annotations", "reviewed_ranges"}:
        raise DataError.at(where, f"{shown(content)}", _FORMS)
    timed = partial(with_times, unit=unit)
    claims = read_claims(where, "annotation", _rows(where, document, "annotations"), timed)
    ranges = read_claims(where, "reviewed range", _rows(where, document, "reviewed_ranges"), timed)
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

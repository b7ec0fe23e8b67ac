"""Annotations in CSV: one row a span (windowed) or one row a candle (BIO)."""

from __future__ import annotations

from candle_ml_sources.bio import read_bio
from candle_ml_sources.claim_times import with_times
from candle_ml_sources.claims import FileRows, RawRow
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.tables import Table, read_csv

_OPTIONAL = ("confidence", "outcome", "notes", "sub_spans", "color", "source", "model_prediction")


def read_annotation_csv(where: str, data: bytes, unit: TimeUnit, bio_reviewed: bool) -> FileRows:
    """Rows of a windowed CSV (it has a column `start_time`) or a BIO CSV. Raises `DataError` for any other table."""
    table = read_csv(where, data)
    return _read_windowed(table, unit) if "start_time" in table.names else read_bio(table, unit, bio_reviewed)


def _read_windowed(table: Table, unit: TimeUnit) -> FileRows:
    columns = {name: table.need(name) for name in ("start_time", "end_time", "label")}
    columns.update({name: name for name in _OPTIONAL if table.find(name)})
    identity = table.find("id", "span_id")
    columns.update({} if identity is None else {"id": identity})
    values = {name: table.column(column).to_pylist() for name, column in columns.items()}
    rows = [
        RawRow(f"{table.where}: row {number}", {name: _value(cells[index]) for name, cells in values.items()})
        for index, number in enumerate(table.rows)
    ]
    timed = with_times(table.where, rows, unit)
    return FileRows(timed.claims, (), [*table.rejected({}), *timed.rejected], timed.notes)


def _value(cell: str) -> str | None:
    return None if cell.strip() in ("", "null") else cell.strip()

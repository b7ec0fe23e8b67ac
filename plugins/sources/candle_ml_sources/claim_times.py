"""Times of rows of annotation files, whatever their form."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from candle_ml_sources.claims import BadFieldError, Claim, FileRows, RawRow
from candle_ml_sources.columns import TIME_EXPECTED, parse_times
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.texts import shown


def with_times(where: str, rows: Sequence[RawRow], unit: TimeUnit) -> FileRows:
    """Claims from rows; where a row starts after it ends, the two are swapped, which a note counts."""
    starts, start_problems = _seconds("start_time", rows, unit)
    ends, end_problems = _seconds("end_time", rows, unit)
    problems = {**end_problems, **start_problems}
    good = [index for index in range(len(rows)) if index not in problems]
    claims = [Claim(rows[index], min(starts[index], ends[index]), max(starts[index], ends[index])) for index in good]
    rejected = [problems[index].at(rows[index].where) for index in sorted(problems)]
    swapped = [rows[index].where for index in good if ends[index] < starts[index]]
    notes = [f"{where}: start and end swapped in {len(swapped)} rows, first in {swapped[0]}"] if swapped else []
    return FileRows(claims, (), rejected, notes)


def _seconds(name: str, rows: Sequence[RawRow], unit: TimeUnit) -> tuple[list[int], dict[int, BadFieldError]]:
    """Unix seconds of one field of all rows, and by row index why it has none."""
    values = [row.fields.get(name) for row in rows]
    texts = [str(value) if isinstance(value, (int, float, str)) else "" for value in values]
    parsed = parse_times(name, pa.chunked_array([pa.array(texts, pa.string())]), unit)
    expected = {index: TIME_EXPECTED for index, seconds in enumerate(parsed.values.tolist()) if seconds < 0}
    expected |= {index: problem[1] for index, problem in parsed.problems.items()}
    found = {index: f"no {name}" if values[index] is None else f"{name} {shown(values[index])}" for index in expected}
    return parsed.values.tolist(), {index: BadFieldError(found[index], expected[index]) for index in expected}

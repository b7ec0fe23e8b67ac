"""Times of rows of annotation files, whatever their form."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from candle_ml_sources.claims import BadFieldError, FileRows, RawRow, Times, claims_of
from candle_ml_sources.columns import TIME_EXPECTED, parse_times
from candle_ml_sources.options import TimeUnit


def with_times(where: str, rows: Sequence[RawRow], unit: TimeUnit) -> FileRows:
    """Claims from rows whose times are dates, ISO date-times or numbers of that unit."""
    return claims_of(where, rows, _seconds("start_time", rows, unit), _seconds("end_time", rows, unit))


def _seconds(name: str, rows: Sequence[RawRow], unit: TimeUnit) -> Times:
    """Unix seconds of one field of all rows, and by row index why it has none."""
    values = [row.fields.get(name) for row in rows]
    texts = [str(value) if isinstance(value, (int, float, str)) else "" for value in values]
    parsed = parse_times(name, pa.chunked_array([pa.array(texts, pa.string())]), unit)
    expected = {index: TIME_EXPECTED for index, seconds in enumerate(parsed.values.tolist()) if seconds < 0}
    expected |= {index: problem[1] for index, problem in parsed.problems.items()}
    problems = {index: BadFieldError.of(name, values[index], needed) for index, needed in expected.items()}
    return parsed.values.tolist(), problems

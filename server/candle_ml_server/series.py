"""From the candles of a request to checked columns of one series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError, Problem
from candle_ml_server.problems import INVALID, ProblemError
from candle_ml_server.schemas import CandleColumns, CandleRow

_PRICES = ("open", "high", "low", "close")


def series_key(pair: str, timeframe: str) -> SeriesKey:
    """The name of a series. Raises `ProblemError` (422)."""
    try:
        return SeriesKey(pair, timeframe)
    except DataError as error:
        raise ProblemError.of(INVALID, error) from None


def request_candles(candles: Sequence[CandleRow] | CandleColumns, key: SeriesKey, most: int) -> Candles:
    """Sorted, checked candles. Raises `ProblemError` (422) for none, more than `most` or rows that cannot be used."""
    columns = candles if isinstance(candles, CandleColumns) else None
    count = len(columns.time if columns is not None else candles)  # type: ignore[arg-type]
    if not 0 < count <= most:
        raise ProblemError.invalid("candles", f"{count} candles", f"1 to {most}")
    time, prices, volume = _of_columns(columns) if columns is not None else _of_rows(candles)  # type: ignore[arg-type]
    try:
        return Candles.from_columns(key, time, *prices, volume)
    except DataError as error:
        raise ProblemError.of(INVALID, error) from None


_Column = NDArray[np.float64]
_Parts = tuple[NDArray[np.int64], tuple[_Column, _Column, _Column, _Column], _Column | None]


def _of_columns(columns: CandleColumns) -> _Parts:
    lengths = {name: len(getattr(columns, name)) for name in ("time", *_PRICES)}
    if columns.volume is not None:
        lengths["volume"] = len(columns.volume)
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ProblemError.invalid("candles", found, "columns of one length")
    prices = (_floats(columns.open), _floats(columns.high), _floats(columns.low), _floats(columns.close))
    return np.array(columns.time, dtype=np.int64), prices, None if columns.volume is None else _floats(columns.volume)


def _of_rows(rows: Sequence[CandleRow]) -> _Parts:
    time = np.array([row["time"] for row in rows], dtype=np.int64)
    opens, highs = _floats([row["open"] for row in rows]), _floats([row["high"] for row in rows])
    lows, closes = _floats([row["low"] for row in rows]), _floats([row["close"] for row in rows])
    return time, (opens, highs, lows, closes), _volume(rows)


def _floats(values: Sequence[float | None]) -> _Column:
    return np.array(values, dtype=np.float64)


def _volume(rows: Sequence[CandleRow]) -> _Column | None:
    volumes = [row.get("volume") for row in rows]
    missing = [number for number, volume in enumerate(volumes) if volume is None]
    if len(missing) == len(rows):
        return None
    if missing:
        rest = [Problem(f"candles[{number}].volume", "nothing", "volume in every row or in none") for number in missing]
        raise ProblemError.listing(INVALID, rest)
    return _floats(volumes)

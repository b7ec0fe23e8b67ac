"""Series and samples of which a test says only what the split looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import Samples

DAY = SeriesKey("XAUUSD", "1d")
START = 1_704_067_200  # 2024-01-01T00:00:00Z


@dataclass(frozen=True)
class Row:
    """A sample: window [first, last] of the series, known `later` candles after its last."""

    first: int
    last: int
    label: str
    key: SeriesKey = DAY
    later: int = 0


def make_candles(key: SeriesKey, count: int, start: int = START) -> Candles:
    price = np.full(count, 100.0)
    time = start + np.arange(count, dtype=np.int64) * key.seconds
    return Candles(key, time, price, price, price, price)


def make_samples(rows: Sequence[Row], candles: Mapping[SeriesKey, Candles]) -> Samples:
    series = tuple(candles)
    classes = ("O", *sorted({row.label for row in rows} - {"O"}))
    first, last = (np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in ("first", "last"))
    known = [candles[row.key].time[min(row.last + row.later, len(candles[row.key]) - 1)] for row in rows]
    count = len(rows)
    return Samples(
        kind="window",
        width=4,
        series=series,
        classes=classes,
        series_code=np.array([series.index(row.key) for row in rows], dtype=np.int32),
        first=first,
        last=last,
        scale=(last - first + 1).astype(np.int32),
        known_at=np.array(known, dtype=np.int64),
        codes=np.array([classes.index(row.label) for row in rows], dtype=np.int32),
        weight=np.ones(count, dtype=np.float32),
        annotation=np.full(count, -1, dtype=np.int64),
        span_length=np.zeros(count, dtype=np.int64),
    )

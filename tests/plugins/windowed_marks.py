"""Marks on one series, and what the windowed encoder makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Encoded
from candle_ml.scores import Samples
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

KEY = SeriesKey("EURUSD", "1h")
START = 1_700_000_000


def make_candles(count: int = 100, key: SeriesKey = KEY, start: int = START) -> Candles:
    price = 100 + np.random.default_rng(1).random(count)
    return Candles(key, np.arange(count, dtype=np.int64) * 3600 + start, price, price + 1, price - 1, price)


def mark(first: int, last: int, label: str = "flag", number: int = 1, **fields: object) -> Annotation:
    known = {"id": f"span:{number}", "series": KEY, "label": label, **fields}
    return Annotation(start_time=START + first * 3600, end_time=START + last * 3600, **known)  # type: ignore[arg-type]


def reviewed(first: int, last: int) -> ReviewedRange:
    return ReviewedRange(KEY, START + first * 3600, START + last * 3600)


def encoder(**options: object) -> WindowedEncoder:
    return WindowedEncoder(WindowedOptions.model_validate({"window": 6, **options}))


def encode(
    annotations: Sequence[Annotation], ranges: Sequence[ReviewedRange] = (), count: int = 100, **options: object
) -> Encoded:
    return encoder(**options).encode(make_candles(count), annotations, ranges)


def windows(samples: Samples) -> list[tuple[int, int, str]]:
    """First candle, last candle and label of each."""
    labels = ["?" if code < 0 else samples.classes[code] for code in samples.codes]
    return list(zip(samples.first.tolist(), samples.last.tolist(), labels, strict=True))


def known_candle(samples: Samples) -> list[int]:
    return ((samples.known_at - START) // 3600).tolist()

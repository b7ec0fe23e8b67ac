"""Made series: random walks with annotations at fixed places, which cost what real ones cost."""

from __future__ import annotations

import numpy as np

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.dataset import Dataset, SeriesData, content_hash

EVERY, SPAN = 400, 12
LABELS = ("flag", "wedge")


def dataset(series: int, candles: int) -> Dataset:
    """So many series of so many candles, with one annotation every 400 candles, everything reviewed."""
    rng = np.random.Generator(np.random.PCG64(0))
    made = (_series(SeriesKey(f"S{number:05d}", "1h"), candles, rng) for number in range(series))
    found = {data.candles.key: data for data in made}
    return Dataset(found, {}, (), (), content_hash(found))


def _series(key: SeriesKey, count: int, rng: np.random.Generator) -> SeriesData:
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    time = np.arange(count, dtype=np.int64) * key.seconds
    candles = Candles(key, time, open_, high, low, close, rng.uniform(1e3, 1e4, count))
    annotations = tuple(
        Annotation(
            series=key,
            id=f"span:{first}",
            start_time=int(time[first]),
            end_time=int(time[first + SPAN - 1]),
            label=LABELS[first // EVERY % len(LABELS)],
            source="human",
        )
        for first in range(EVERY, count - EVERY, EVERY)
    )
    return SeriesData(candles, annotations, (ReviewedRange(key, 0, int(time[-1]), "explicit", None),))

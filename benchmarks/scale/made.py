"""Made projects: random walks with annotations at fixed places, which cost what real ones cost."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from candle_ml.candles import SeriesKey

EVERY, SPAN = 400, 12
LABELS = ("flag", "wedge")
_BEGIN = 1_500_000_000


def write_project(folder: Path, series: int, candles: int, seed: int = 0) -> None:
    """A project of so many series of so many hourly candles, with one annotation every 400 candles.

    A series is the same whatever others stand beside it.
    """
    for name in ("candles", "annotations"):
        (folder / "data" / name).mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("pipeline.yaml"), folder)
    for number in range(series):
        _write(folder / "data", SeriesKey(f"S{number:05d}", "1h"), candles, np.random.default_rng((seed, number)))


def _write(data: Path, key: SeriesKey, count: int, rng: np.random.Generator) -> None:
    name = f"{key.pair}_{key.timeframe}"
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    time = _BEGIN + np.arange(count, dtype=np.int64) * key.seconds
    columns = {
        "time": time,
        "open": open_,
        "high": np.maximum(open_, close) * 1.001,
        "low": np.minimum(open_, close) * 0.999,
        "close": close,
        "volume": rng.uniform(1e3, 1e4, count),
    }
    pq.write_table(pa.table(columns), data / "candles" / f"{name}.parquet")
    rows = [
        f"{time[first]},{time[first + SPAN - 1]},{LABELS[first // EVERY % len(LABELS)]}"
        for first in range(EVERY, count - EVERY, EVERY)
    ]
    (data / "annotations" / f"{name}.csv").write_text("\n".join(["start_time,end_time,label", *rows, ""]), "utf-8")

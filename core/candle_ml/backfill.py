"""Predicting a folder of series: each into Parquet files of its own; what is there already is not predicted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from candle_ml import __version__
from candle_ml.bundle import file_digest
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Progress, SeriesSource, SourceContext, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.errors import DataError, Problem
from candle_ml.execution import Failed, outcomes, results
from candle_ml.inference import Answer, LoadedModel, answer, check_timeframes, load_model
from candle_ml.partitions import partition_path, remove_unfinished, series_name, write_table
from candle_ml.reading import candles_by_series

CANDLES, SPANS = "candles", "spans"
_TIME = pa.timestamp("s", "UTC")
_PROCESS, _CANDLE, _WRITTEN = 285_000_000, 650, 12
"""Bytes of a worker itself, and of a candle while it is predicted (beside its features) and where it is written."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is to be predicted, by which model and to where.

    `folder` holds the model's bundle, `digest` is that of its manifest. `threshold` (0..1) is for every label; without
    it each has its own. Workers on other machines need `source`, `folder` and `into` at the same paths.
    """

    config: PipelineConfig
    folder: Path
    digest: str
    source: Path
    into: Path
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a back-fill: whether its files were `kept` from before, and how many bytes they have."""

    key: SeriesKey
    kept: bool
    written: int


@dataclass(frozen=True, slots=True)
class Filled:
    """What a back-fill has done, and every problem of the series that could not be predicted."""

    series: tuple[Series, ...]
    failed: tuple[SeriesKey, ...]
    error: DataError | None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a back-fill would do: of each series whether it is `kept`, and its number of candles."""

    series: tuple[tuple[SeriesKey, bool, int], ...]
    columns: int

    @property
    def todo(self) -> tuple[int, ...]:
        """The candles of each series that would be predicted."""
        return tuple(candles for _, kept, candles in self.series if not kept)

    @property
    def memory(self) -> int:
        """Bytes that a worker needs for the largest of them, measured on daily candles with 87 features."""
        return _PROCESS + max(self.todo, default=0) * (_CANDLE + self.columns * np.dtype(np.float32).itemsize)

    @property
    def disk(self) -> int:
        """Bytes of what would be written."""
        return sum(self.todo) * _WRITTEN


@dataclass(frozen=True, slots=True)
class _Places:
    candles: Path
    spans: Path

    def size(self) -> int | None:
        """Bytes of both files; None while one is missing."""
        both = (self.candles, self.spans)
        return sum(path.stat().st_size for path in both) if all(path.exists() for path in both) else None

    def remove_others(self, key: SeriesKey) -> None:
        """Remove what was made of this series from other candles or by another model."""
        for path in (self.candles, self.spans):
            for other in path.parent.glob(f"{series_name(key)}.*.parquet"):
                if other != path:
                    other.unlink(missing_ok=True)


def fill(work: Backfill, progress: Progress = no_progress) -> Filled:
    """Predict every series that is not there yet, by the workers that `execution` names.

    Each gets a file in `into/candles` and one in `into/spans`, both whole or not at all, instead of what an earlier
    model or other candles have left. A series that cannot be predicted loses no other. Raises `DataError` where the
    folder holds no series.
    """
    for name in (CANDLES, SPANS):
        remove_unfinished(work.into / name)
    items = list(candles_by_series(work.config, work.source).items())
    found = list(outcomes(work.config, partial(_filled, work), items, "series", progress))
    failed = [one for one in found if isinstance(one, Failed)]
    problems = [
        Problem(f"{one.item[0]}: {problem.where}", problem.found, problem.expected)
        for one in failed
        for problem in one.error.problems
    ]
    done = tuple(one.result for one in found if not isinstance(one, Failed))
    return Filled(done, tuple(one.item[0] for one in failed), DataError(*problems) if problems else None)


def planned(work: Backfill, progress: Progress = no_progress) -> Planned:
    """What `fill` would do. Every candle is read; raises `DataError` that names the bad rows of every series."""
    items = list(candles_by_series(work.config, work.source).items())
    found = results(work.config, partial(_looked_at, work), items, "reading", progress)
    return Planned(tuple(found), len(_loaded(work.folder, work.digest).info.columns))


def _looked_at(work: Backfill, item: tuple[SeriesKey, SeriesSource]) -> tuple[SeriesKey, bool, int]:
    key, source = item
    (candles,) = source.read(SourceContext(work.config.root)).candles
    return key, _places(work, key, source).size() is not None, len(candles)


def _filled(work: Backfill, item: tuple[SeriesKey, SeriesSource]) -> Series:
    key, source = item
    places = _places(work, key, source)
    size = places.size()
    if size is not None:
        return Series(key, True, size)
    (candles,) = source.read(SourceContext(work.config.root)).candles
    loaded = _loaded(work.folder, work.digest)
    check_timeframes(loaded.info, [candles.key], work.config)
    _write(places, candles, answer(loaded, candles, work.threshold))
    places.remove_others(key)
    return Series(key, False, places.size() or 0)


def _places(work: Backfill, key: SeriesKey, source: SeriesSource) -> _Places:
    made_from = (__version__, work.digest, work.threshold, [file_digest(path) for path in source.paths])
    candles, spans = (partition_path(work.into / name, key, name, *made_from) for name in (CANDLES, SPANS))
    return _Places(candles, spans)


@lru_cache(maxsize=1)
def _loaded(folder: Path, digest: str) -> LoadedModel:
    """The model, loaded once in each process."""
    return load_model(folder, digest)


def _write(places: _Places, candles: Candles, said: Answer) -> None:
    """Candles come last, so that a series which has them has both."""
    write_table(places.spans, pa.Table.from_pylist(list(_span_rows(said)), _SPAN_SCHEMA))
    columns = {
        "pair": _repeated(said.key.pair, len(candles)),
        "timeframe": _repeated(said.key.timeframe, len(candles)),
        "time": pa.array(candles.time, _TIME),
        "label": pa.array(said.label, pa.string()),
        "confidence": pa.array(said.confidence, pa.float64()),
        "status": pa.array(said.status, pa.string()),
        "provisional": pa.array(said.prediction.provisional),
    }
    write_table(places.candles, pa.table(columns))


_SPAN_SCHEMA = pa.schema(
    [
        ("pair", pa.string()),
        ("timeframe", pa.string()),
        ("label", pa.string()),
        ("start", _TIME),
        ("end", _TIME),
        ("confidence", pa.float64()),
        ("candles", pa.int64()),
        ("known_at", _TIME),
        ("provisional", pa.bool_()),
    ]
)


def _span_rows(said: Answer) -> Iterator[dict[str, object]]:
    for span in said.spans:
        yield {
            "pair": said.key.pair,
            "timeframe": said.key.timeframe,
            "label": span.label,
            "start": span.start_time,
            "end": span.end_time,
            "confidence": span.confidence,
            "candles": span.candle_count,
            "known_at": span.known_at,
            "provisional": span.provisional,
        }


def _repeated(text: str, count: int) -> pa.Array:
    return pa.array([text], pa.string()).take(pa.array([0] * count, pa.int32()))

"""Predicting a folder of series: each into Parquet files of its own; what is there already is not predicted again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from candle_ml.bundle import file_digest, model_hash
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Progress, SeriesSource, SourceContext, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.errors import DataError, Problem
from candle_ml.execution import Done, Failed, outcomes
from candle_ml.inference import Answer, LoadedModel, answer, check_timeframes, load_model
from candle_ml.inference.made_with import made_with
from candle_ml.partitions import is_sealed, others_of, partition_path, remove_unfinished, write_sealed
from candle_ml.reading import candles_by_series
from candle_ml.sources import readable
from candle_ml.unwritable import unwritable

CANDLES, SPANS = "candles", "spans"
_TIME = pa.timestamp("s", "UTC")
_PROCESS, _CANDLE, _WRITTEN = 285_000_000, 650, 12
"""Bytes of a worker itself, and of a candle while it is predicted (beside its features) and where it is written."""

_Item: TypeAlias = tuple[SeriesKey, SeriesSource]
_Files: TypeAlias = tuple[Path, Path]


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
    """One series of a back-fill: its files, and whether they were `kept` from before."""

    key: SeriesKey
    kept: bool
    files: tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class Filled:
    """What a back-fill has done, and every problem of the series that could not be predicted.

    `others` are the files of predictions that were in the folder before and are of none of these series.
    """

    series: tuple[Series, ...]
    failed: tuple[SeriesKey, ...]
    error: DataError | None
    others: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of the files of all series."""
        return sum(path.stat().st_size for one in self.series for path in one.files)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a back-fill would do: of each series whether it is `kept`, and its number of candles.

    `failed` and `error` are those of series that could not be predicted.
    """

    series: tuple[tuple[SeriesKey, bool, int], ...]
    failed: tuple[SeriesKey, ...]
    error: DataError | None
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


def fill(work: Backfill, progress: Progress = no_progress) -> Filled:
    """Predict every series that is not there yet, by the workers that `execution` names.

    Each gets a file in `into/candles` and one in `into/spans`, both whole or not at all, instead of what an earlier
    model or other candles have left. A series that cannot be predicted loses no other. Raises `DataError` where the
    folder holds no data file.
    """
    for name in (CANDLES, SPANS):
        remove_unfinished(work.into / name)
    sources, unnamed = candles_by_series(work.config, work.source)
    found = list(outcomes(work.config, partial(_filled, work), list(sources.items()), "series", progress))
    failed = [one for one in found if isinstance(one, Failed)]
    done = tuple(one.result for one in found if isinstance(one, Done))
    ours = {path for one in done for path in one.files}
    there = (path for name in (CANDLES, SPANS) for path in (work.into / name).glob("[!.]*.parquet"))
    return Filled(done, *_failures(failed, unnamed), tuple(sorted(set(there) - ours)))


def planned(work: Backfill, progress: Progress = no_progress) -> Planned:
    """What `fill` would do. Every candle is read; raises as `fill` does."""
    sources, unnamed = candles_by_series(work.config, work.source)
    found = list(outcomes(work.config, partial(_looked_at, work), list(sources.items()), "reading", progress))
    failed = [one for one in found if isinstance(one, Failed)]
    done = tuple(one.result for one in found if isinstance(one, Done))
    closed = [] if all(kept for _, kept, _ in done) else _unwritable(work.into)
    return Planned(done, *_failures(failed, [*unnamed, *closed]), len(_loaded(work.folder, work.digest).info.columns))


def _unwritable(into: Path) -> list[Problem]:
    """What is wrong with a folder that this user may not make or write, each once."""
    wanted = [into / name for name in (CANDLES, SPANS)]
    there = dict.fromkeys(next(path for path in (one, *one.parents) if path.exists()) for one in wanted)
    closed = [path for path in there if not os.access(path, os.W_OK, effective_ids=True)]
    return [unwritable(path, PermissionError(errno.EACCES, "")) for path in closed]


def _failures(
    failed: Sequence[Failed[_Item]], unnamed: Sequence[Problem]
) -> tuple[tuple[SeriesKey, ...], DataError | None]:
    """The series that failed, and one error with all that is wrong with them and with files of no known series."""
    problems = [
        Problem(f"{one.item[0]}: {problem.where}", problem.found, problem.expected)
        for one in failed
        for problem in one.error.problems
    ]
    every = (*unnamed, *problems)
    return tuple(one.item[0] for one in failed), DataError(*every) if every else None


def _looked_at(work: Backfill, item: _Item) -> tuple[SeriesKey, bool, int]:
    key, source = item
    return key, _are_whole(_files(work, key, source)), len(_candles(work, source))


def _filled(work: Backfill, item: _Item) -> Series:
    key, source = item
    files = _files(work, key, source)
    kept = _are_whole(files)
    if not kept:
        candles = _candles(work, source)
        _write(files, candles, answer(_loaded(work.folder, work.digest), candles, work.threshold))
    for path in files:
        for other in others_of(path, key):
            other.unlink(missing_ok=True)
    return Series(key, kept, files)


def _candles(work: Backfill, source: SeriesSource) -> Candles:
    """The candles of a series that the model can predict. Raises `DataError`."""
    (candles,) = source.read(SourceContext(work.config.root)).candles
    check_timeframes(_loaded(work.folder, work.digest).info, [candles.key], work.config)
    return candles


def _files(work: Backfill, key: SeriesKey, source: SeriesSource) -> _Files:
    """Where the predictions of a series stand: of its candles, and of its spans. Raises `DataError`."""
    made_from = (_model(work.folder, work.digest), work.threshold, [_read_digest(path) for path in source.paths])
    candles, spans = (partition_path(work.into / name, key, name, *made_from) for name in (CANDLES, SPANS))
    if folders := [path for path in (candles, spans) if path.is_dir()]:
        raise DataError(
            *(Problem(str(path), "a folder where a file is to be written", "remove it") for path in folders)
        )
    return candles, spans


def _read_digest(path: Path) -> str:
    """SHA-256 of a file of candles. Raises `DataError`."""
    with readable(path, str(path)):
        return file_digest(path)


def _are_whole(files: _Files) -> bool:
    return all(map(is_sealed, files))


@lru_cache(maxsize=1)
def _model(folder: Path, digest: str) -> str:
    """SHA-256 (hex) of everything of a model that decides what it predicts; not of when and where it was trained."""
    loaded = _loaded(folder, digest)
    content = [
        model_hash(folder),
        loaded.info.model_dump(mode="json", include={"thresholds", "lengths", "coverage"}),
        made_with(loaded.config, loaded.predictor.recipe, ("features", "labels")),
        loaded.predictor.sources,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _loaded(folder: Path, digest: str) -> LoadedModel:
    """The model, loaded once in each process."""
    return load_model(folder, digest)


def _write(files: _Files, candles: Candles, said: Answer) -> None:
    """Candles come last, so that a series which has them has both."""
    of_candles, of_spans = files
    write_sealed(of_spans, pa.Table.from_pylist(list(_span_rows(said)), _SPAN_SCHEMA))
    columns = {
        "pair": _repeated(said.key.pair, len(candles)),
        "timeframe": _repeated(said.key.timeframe, len(candles)),
        "time": pa.array(candles.time, _TIME),
        "label": pa.array(said.label, pa.string()),
        "confidence": pa.array(said.confidence, pa.float64()),
        "status": pa.array(said.status, pa.string()),
        "provisional": pa.array(said.prediction.provisional),
    }
    write_sealed(of_candles, pa.table(columns))


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

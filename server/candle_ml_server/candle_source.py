"""The candles that the service can read itself: those of the configured sources, read again when files change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import AnnotationSourceComponent, SourceContext
from candle_ml.config import Choice, PipelineConfig
from candle_ml.errors import CandleMLError, Problem
from candle_ml.sources import merge_candles
from candle_ml_server.problems import INVALID, NO_SOURCE, ProblemError

log = structlog.get_logger(part="candles")
_SECONDS_WITHOUT_FILES = 60.0

FileState = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Cached:
    """What one source gave. `files` are the paths, change times and sizes of the files that its options name."""

    series: dict[SeriesKey, Candles]
    files: FileState
    read_at: float
    failed: bool = False


class CandleSource:
    """Candles by series; thread-safe, and slow where files have to be read."""

    def __init__(self, config: PipelineConfig) -> None:
        self._config = config
        self._cached: dict[int, _Cached] = {}
        self._reading = threading.Lock()

    def candles(self, key: SeriesKey) -> Candles:
        """The candles of a series. Raises `ProblemError`: 422 for an unknown one, 503 where none can be read."""
        with self._reading:
            read = [self._current(number, choice) for number, choice in enumerate(self._config.sources.use)]
        found = [cached.series[key] for cached in read if key in cached.series]
        if found:
            merged = found[0]
            for more in found[1:]:
                merged = merge_candles(merged, more).candles
            return merged
        known = sorted({str(one) for cached in read for one in cached.series})
        if known:
            there = ", ".join(known[:20])
            raise ProblemError.listing(INVALID, (Problem("pair", f"no candles of {key}", f"one of: {there}"),))
        raise ProblemError(NO_SOURCE, "no source of the configuration gave candles; the log of the service says why")

    def _current(self, number: int, choice: Choice[AnnotationSourceComponent]) -> _Cached:
        """What the source gave, read again if its files have changed or, where it has none, after a minute."""
        cached = self._cached.get(number)
        files = _files(self._config.root, choice)
        if cached is not None and cached.files == files and self._is_fresh(cached):
            return cached
        self._cached[number] = fresh = self._read(choice, files)
        return fresh

    def _is_fresh(self, cached: _Cached) -> bool:
        lasting = cached.files and not cached.failed
        return bool(lasting) or time.monotonic() - cached.read_at < _SECONDS_WITHOUT_FILES

    def _read(self, choice: Choice[AnnotationSourceComponent], files: FileState) -> _Cached:
        # Each source is asked on its own, so that one that only labels the candles of others has nothing to do.
        try:
            source = self._config.manager.build("annotation-source", choice.name, choice.options)
            given = source.read(SourceContext(self._config.root)).candles
        except CandleMLError as error:
            log.warning("source failed", source=choice.name, error=str(error))
            return _Cached({}, files, time.monotonic(), failed=True)
        log.info("candles read", source=choice.name, series=len(given), candles=sum(map(len, given)))
        return _Cached({one.key: one for one in given}, files, time.monotonic())


def _files(root: Path, choice: Choice[AnnotationSourceComponent]) -> FileState:
    values = choice.options.model_dump().values()
    paths = [root / value for value in values if isinstance(value, str) and (root / value).exists()]
    return tuple(sorted(state for path in paths for state in _states(path)))


def _states(path: Path) -> Iterator[tuple[str, int, int]]:
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            status = file.stat()
            yield str(file), status.st_mtime_ns, status.st_size

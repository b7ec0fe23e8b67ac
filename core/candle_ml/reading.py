"""Reading what the configured sources hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import DividedSource, Progress, SeriesSource, SourceContext, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, restricted
from candle_ml.errors import ConfigError, Problem
from candle_ml.overflow import MEGABYTE, PARTITIONS, Overflow
from candle_ml.sources import ingest


def read_dataset(
    config: PipelineConfig, start: int | None = None, end: int | None = None, progress: Progress = no_progress
) -> Dataset:
    """What the configured sources hold; with `start` and `end` (Unix seconds) only what is known of that time.

    Candles beyond `execution.memory` are kept in files, and read from there when they are needed.
    """
    if not config.sources.enabled or not config.sources.use:
        raise ConfigError.at(config.where("sources"), "no enabled source", "enable one that reads candles")
    stage = config.sources
    sources = [(one.name, config.manager.build("annotation-source", one.name, one.options)) for one in stage.use]
    dataset = ingest(
        sources,
        config.root,
        strict=stage.strict,
        assume_reviewed=stage.assume_reviewed,
        progress=progress,
        keep=Overflow(config.root / PARTITIONS, config.execution.memory * MEGABYTE).keep,
    )
    return dataset if start is None and end is None else restricted(dataset, start, end)


def read_candles(config: PipelineConfig, path: Path | None, progress: Progress = no_progress) -> list[Candles]:
    """The candles of a file or folder, else of the configured sources, by series.

    Raises `DataError`, which names every bad row: nothing is predicted from candles that lost some.
    """
    if path is None:
        return [data.candles for data in read_dataset(config, progress=progress).series.values()]
    return list(_candle_files(config, path).read(SourceContext(config.root, progress=progress)).candles)


def candles_by_series(config: PipelineConfig, path: Path) -> tuple[Mapping[SeriesKey, SeriesSource], Sequence[Problem]]:
    """What reads the candles of each series of a file or folder, and what is wrong with files of no known series.

    A source raises `DataError` where a row is bad.
    """
    return _candle_files(config, path).by_series(config.root)


def _candle_files(config: PipelineConfig, path: Path) -> DividedSource:
    component = config.manager.component("annotation-source", "candle-files")
    options = component.options.model_validate({"path": str(path.resolve()), "strict": True})
    return cast(DividedSource, config.manager.build("annotation-source", component.name, options))

"""What is computed of each series before a model is fitted: features and samples, in memory or as partitions.

Partitions are imported where they are used: a training in memory works without pyarrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import SeriesKey
from candle_ml.components import Encoded, Progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, SeriesData, content_hash
from candle_ml.execution import results
from candle_ml.features import candle_features
from candle_ml.inference import Recipe, build_recipe
from candle_ml.inference.made_with import made_with
from candle_ml.overflow import MEGABYTE, PARTITIONS, mark_used
from candle_ml.samples import HeldFeatures, SeriesFeatures, encoded_series, joined

_PROCESS, _CANDLE = 250_000_000, 56
"""Bytes of this process itself, and of a candle with its volume."""
_MATRICES_AT_ONCE = 6

_Paths: TypeAlias = tuple[Path, Path]


@dataclass(frozen=True, slots=True)
class PreparationPlan:
    """What stands before a model is fitted, before any of it is done.

    `features`, `memory` and `sample` are bytes: of all feature matrices, of this process until a model is fitted, of
    one sample in the training matrix. `missing` counts series whose partitions are to be made, None where everything
    is held in memory; `disk` is how many bytes they take at most.
    """

    series: int
    candles: int
    columns: int
    features: int
    memory: int
    sample: int
    missing: int | None = None
    disk: int = 0


def preparation_plan(dataset: Dataset, config: PipelineConfig) -> PreparationPlan:
    """What `features_and_samples` would do. Raises `PluginError` or `ConfigError`."""
    recipe = build_recipe(config)
    lengths = [len(data.candles) for data in dataset.series.values()]
    columns, step = len(recipe.plan.candle_columns), np.dtype(np.float32).itemsize
    features = features_size(dataset, recipe)
    sample = (columns * recipe.encoder.width + len(recipe.plan.window_columns)) * step
    memory = _PROCESS + min(sum(lengths) * _CANDLE, config.execution.memory * MEGABYTE)
    plan = PreparationPlan(len(lengths), sum(lengths), columns, features, memory + features, sample)
    if not _too_large(features, config):
        return plan
    paths = partition_paths(dataset, recipe, _labels(dataset), config)
    missing = [key for key, both in paths.items() if not all(map(Path.exists, both))]
    disk = sum(len(dataset.series[key].candles) for key in missing) * (columns * step + 8)
    held = max(lengths) * columns * step * _MATRICES_AT_ONCE
    return replace(plan, memory=memory + held, missing=len(missing), disk=disk)


def features_and_samples(
    dataset: Dataset, recipe: Recipe, config: PipelineConfig, progress: Progress
) -> tuple[Mapping[SeriesKey, SeriesFeatures], Encoded]:
    """The features of every series and the samples of all, the same however they are kept.

    Features larger than `execution.memory` are kept as partitions, and so are the samples beside them; one that is
    there already is not made again.
    """
    labels = _labels(dataset)
    if _too_large(features_size(dataset, recipe), config):
        return _partitioned(dataset, recipe, labels, config, progress)
    work = partial(_in_memory, recipe, labels)
    found = results(config, work, list(dataset.series.values()), "features", progress)
    series = zip(dataset.series.items(), found, strict=True)
    features = {key: HeldFeatures(data.candles, matrix) for (key, data), (matrix, _) in series}
    return features, joined([encoded for _, encoded in found])


def features_size(dataset: Dataset, recipe: Recipe) -> int:
    """Bytes of the feature matrices of all series."""
    candles = sum(len(data.candles) for data in dataset.series.values())
    return candles * len(recipe.plan.candle_columns) * np.dtype(np.float32).itemsize


def partition_paths(
    dataset: Dataset, recipe: Recipe, labels: frozenset[str], config: PipelineConfig
) -> dict[SeriesKey, _Paths]:
    """Where the partitions of each series stand: its features, and its samples."""
    from candle_ml.partitions import partition_path

    of_features, of_samples = made_with(config, recipe, ("features",)), made_with(config, recipe, ("labels",))
    folder = config.root / PARTITIONS
    return {
        key: (
            partition_path(folder / "features", key, of_features, content_hash({key: SeriesData(data.candles)})),
            partition_path(folder / "samples", key, of_samples, content_hash({key: data}), sorted(labels)),
        )
        for key, data in dataset.series.items()
    }


def _labels(dataset: Dataset) -> frozenset[str]:
    return frozenset(one.label for data in dataset.series.values() for one in data.annotations) - {NO_PATTERN}


def _too_large(features: int, config: PipelineConfig) -> bool:
    return features > config.execution.memory * MEGABYTE


def _in_memory(recipe: Recipe, labels: frozenset[str], data: SeriesData) -> tuple[NDArray[np.float32], Encoded]:
    return candle_features(recipe.plan, data.candles), encoded_series(data, recipe.encoder, labels)


def _partitioned(
    dataset: Dataset, recipe: Recipe, labels: frozenset[str], config: PipelineConfig, progress: Progress
) -> tuple[Mapping[SeriesKey, SeriesFeatures], Encoded]:
    from candle_ml.partitions import StoredFeatures, read_encoded, read_or_made, remove_unfinished

    paths = partition_paths(dataset, recipe, labels, config)
    every = [path for both in paths.values() for path in both]
    for path in every:
        mark_used(path)
    for folder in {path.parent for path in every}:
        remove_unfinished(folder)
    missing = [(dataset.series[key], both) for key, both in paths.items() if not all(map(Path.exists, both))]
    results(config, partial(_make_partitions, recipe, labels), missing, "features", progress)
    features, encoded = {}, []
    for key, (of_features, of_samples) in paths.items():
        data = dataset.series[key]
        features[key] = StoredFeatures(data.candles, of_features, recipe)
        make_samples = partial(_make_samples, recipe, labels, data, of_samples)
        encoded.append(read_or_made(of_samples, read_encoded, make_samples))
    return features, joined(encoded)


def _make_partitions(recipe: Recipe, labels: frozenset[str], item: tuple[SeriesData, _Paths]) -> None:
    """Write what is not there yet."""
    from candle_ml.partitions import StoredFeatures

    data, (of_features, of_samples) = item
    if not of_features.exists():
        StoredFeatures(data.candles, of_features, recipe).make()
    if not of_samples.exists():
        _make_samples(recipe, labels, data, of_samples)


def _make_samples(recipe: Recipe, labels: frozenset[str], data: SeriesData, path: Path) -> None:
    from candle_ml.partitions import write_encoded

    write_encoded(path, data.candles, encoded_series(data, recipe.encoder, labels))

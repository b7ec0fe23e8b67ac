"""What a configuration leaves to the annotations that are trained on, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from candle_ml.annotations import NO_PATTERN
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset


def settled(config: PipelineConfig, dataset: Dataset) -> PipelineConfig:
    """The configuration with all options of its label encoder decided; itself where they are.

    Only the earliest patterns are looked at: as many as the train block has, or the first fold where there are folds.
    """
    choice = config.labels.use
    if choice is None:
        return config
    found = sorted(_patterns(dataset))
    known = found[: ceil(round(_share(config) * len(found), 6))]
    options = choice.options.settled([length for _, length in known])
    if options == choice.options:
        return config
    labels = config.labels.model_copy(update={"use": replace(choice, options=options)})
    return replace(config, labels=labels)


def _patterns(dataset: Dataset) -> Iterator[tuple[int, int]]:
    """When each annotated pattern has closed (Unix seconds), and how many candles it has."""
    for data in dataset.series.values():
        for item in data.annotations:
            first, last = data.candles.index_range(item.start_time, item.end_time)
            if item.label != NO_PATTERN and first <= last:
                yield int(data.candles.time[last]) + data.candles.key.seconds, last - first + 1


def _share(config: PipelineConfig) -> float:
    """The share of the patterns that every model of a run is fitted on."""
    if not config.split.enabled:
        return 1.0
    folded = config.split.method == "walk_forward" or config.evaluation.out_of_fold
    return min(config.split.train, 1 / (config.split.folds + 1)) if folded else config.split.train

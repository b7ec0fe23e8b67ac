"""What a configuration leaves to the annotations that are trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from candle_ml.audit.fixture import fixture_dataset
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.dataset import Dataset
from candle_ml.settling import settled

TEXT = """name: any-length
sources: {use: [{use: candle-files, path: data}]}
features: {use: [candle-shape]}
labels: {use: windowed, scales: auto, smoothing: auto, fit: stretch}
model: {use: random-features}
"""


def config_of(*overrides: str) -> PipelineConfig:
    return parse_config(TEXT, "p.yaml", Path(), overrides)


def labels_of(config: PipelineConfig) -> dict[str, object]:
    return config.labels.chosen.options.model_dump(include={"scales", "smoothing"})


def with_late_lengths(dataset: Dataset, candles: int) -> Dataset:
    """The same patterns, those of the last fifth so many candles longer."""
    series = {}
    for key, data in dataset.series.items():
        late = data.candles.time[len(data.candles) * 4 // 5]
        longer = candles * key.seconds
        items = [
            replace(item, start_time=item.start_time - longer) if item.end_time > late else item
            for item in data.annotations
        ]
        series[key] = replace(data, annotations=tuple(items))
    return replace(dataset, series=series)


def test_scales_are_decided_by_the_patterns_of_the_train_block() -> None:
    """Patterns of later blocks, however long, change no scale; those of the train block do."""
    dataset = fixture_dataset(2500, 12)
    longer = with_late_lengths(dataset, 30)
    early, late = (labels_of(settled(config_of(), one)) for one in (dataset, longer))
    assert early == late
    everything = [labels_of(settled(config_of("split.enabled=false"), one)) for one in (dataset, longer)]
    assert everything[0] != everything[1]


def test_what_is_decided_stands_in_the_text() -> None:
    """The decided configuration reads back as itself, has a hash of its own, and nothing in it is decided again."""
    dataset, config = fixture_dataset(2500, 12), config_of()
    found = settled(config, dataset)
    assert settled(found, dataset) is found
    assert parse_config(found.text, "p.yaml", Path()).hash == found.hash != config.hash


def test_a_configuration_that_leaves_nothing_open_stays_itself() -> None:
    """Numbers in the file, and a pipeline without labels, are left alone."""
    dataset = fixture_dataset(2500, 12)
    for config in (config_of("labels.scales=[12]", "labels.smoothing=0"), config_of("labels.enabled=false")):
        assert settled(config, dataset) is config

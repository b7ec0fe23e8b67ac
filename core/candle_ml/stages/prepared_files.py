"""What stands before a model is fitted, as files: features, samples and their blocks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from candle_ml.bundle import Frozen
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.inference import build_recipe
from candle_ml.samples import HeldFeatures
from candle_ml.scores import Samples
from candle_ml.settling import settled
from candle_ml.split import Block, BlockName, Split
from candle_ml.stages.places import MadeWith, configured, open_stage
from candle_ml.training import Prepared
from candle_ml.versions.sealing import Sealed, seal
from candle_ml.versions.tables import SamplesLayout, read_samples, write_samples

_EVERY = "samples"


class BlockFacts(Frozen):
    """The time range of a block."""

    name: BlockName
    start: int
    end: int
    embargo: int


class PreparedFacts(MadeWith):
    """What the manifest of the stage `dataset` says.

    `every` is the layout of all samples, `divided` that of the split's blocks, `counts` how many samples each has.
    """

    every: SamplesLayout
    divided: SamplesLayout
    blocks: tuple[BlockFacts, ...]
    removed: dict[str, int]
    warnings: tuple[str, ...]
    left_out: dict[str, int]
    counts: dict[BlockName, int]


def write_prepared(folder: Path, prepared: Prepared, config: PipelineConfig) -> PreparedFacts:
    """Write `samples.parquet`, one Parquet file a block, and `features/` with a float32 matrix for each series."""
    candles = {key: data.candles for key, data in prepared.dataset.series.items()}
    parts = prepared.split.parts()
    for name, samples in ((_EVERY, prepared.samples), *parts.items()):
        write_samples(folder / f"{name}.parquet", samples, candles)
    (folder / "features").mkdir()
    for number, key in enumerate(prepared.dataset.series):
        np.save(folder / _features_file(number), prepared.features[key].matrix, allow_pickle=False)
    facts = _facts(prepared, config)
    seal(folder, facts)
    return facts


def read_prepared(config: PipelineConfig, dataset: Dataset) -> Prepared:
    """What `write_prepared` wrote, proven. Raises `DataError`."""
    sealed = open_stage(config, "dataset", PreparedFacts, dataset.hash)
    facts = sealed.facts
    features = {
        key: HeldFeatures(data.candles, np.load(io.BytesIO(sealed.read(_features_file(number))), allow_pickle=False))
        for number, (key, data) in enumerate(dataset.series.items())
    }
    every = _samples(sealed, _EVERY, facts.every)
    return Prepared(dataset, build_recipe(settled(config, dataset)), features, every, _split(sealed), facts.left_out)


def _facts(prepared: Prepared, config: PipelineConfig) -> PreparedFacts:
    split = prepared.split
    return PreparedFacts(
        data_hash=prepared.dataset.hash,
        configured=configured(config, "dataset"),
        every=SamplesLayout.of(prepared.samples),
        divided=SamplesLayout.of(split.train),
        blocks=tuple(
            BlockFacts(name=one.name, start=one.start, end=one.end, embargo=one.embargo) for one in split.blocks
        ),
        removed=split.removed,
        warnings=split.warnings,
        left_out=prepared.left_out,
        counts={name: len(samples) for name, samples in split.parts().items()},
    )


def _split(sealed: Sealed[PreparedFacts]) -> Split:
    facts = sealed.facts
    train, validation, calibration, test = (
        _samples(sealed, name, facts.divided) for name in ("train", "validation", "calibration", "test")
    )
    blocks = tuple(Block(one.name, one.start, one.end, one.embargo) for one in facts.blocks)
    return Split(train, validation, calibration, test, blocks, facts.removed, facts.warnings)


def _samples(sealed: Sealed[PreparedFacts], name: str, layout: SamplesLayout) -> Samples:
    return read_samples(sealed.read(f"{name}.parquet"), layout)


def _features_file(number: int) -> str:
    return f"features/{number:04d}.npy"

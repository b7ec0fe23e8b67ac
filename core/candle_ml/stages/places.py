"""Where each stage leaves its files, what their manifests say, and what they were made with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from candle_ml.bundle import Frozen
from candle_ml.config import PipelineConfig
from candle_ml.errors import DataError
from candle_ml.versions.sealing import Sealed, open_sealed

StageAlone = Literal["ingest", "dataset", "train", "evaluate"]

_SECTIONS = {
    "dataset": ("features", "labels", "split", "seed"),
    "train": ("model", "calibration", "evaluation", "audit", "execution", "seed"),
}


class MadeWith(Frozen):
    """The data that a stage was made from, and a digest of the configuration's sections that shaped it."""

    data_hash: str
    configured: str


Facts = TypeVar("Facts", bound=MadeWith)


def stage_folder(config: PipelineConfig, stage: StageAlone) -> Path:
    """The folder of a stage, which `dvc.yaml` names too."""
    return config.root / "data" / "stages" / stage


def remedy(stage: StageAlone) -> str:
    """How a stage is made again."""
    return f"make it again: dvc repro --force {stage}, or candle-ml train --only {stage}"


def configured(config: PipelineConfig, stage: Literal["dataset", "train"]) -> str:
    """SHA-256 (hex) of the effective sections that shape a stage, defaults filled in."""
    content: dict[str, Any] = yaml.safe_load(config.text)
    sections = {name: content[name] for name in _SECTIONS[stage]}
    return hashlib.sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest()


def open_stage(
    config: PipelineConfig, stage: Literal["dataset", "train"], facts: type[Facts], data_hash: str
) -> Sealed[Facts]:
    """Prove the files of a stage, and that they belong to this data and configuration. Raises `DataError`."""
    folder = stage_folder(config, stage)
    sealed = open_sealed(folder, facts, remedy(stage))
    if sealed.facts.data_hash != data_hash:
        raise DataError.at(str(folder), "made from other data than that of the ingest stage", remedy(stage))
    if sealed.facts.configured != configured(config, stage):
        sections = ", ".join(_SECTIONS[stage])
        raise DataError.at(str(folder), f"made with another configuration of {sections}", remedy(stage))
    return sealed

"""The configuration of one pipeline, checked as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from candle_ml.components import Component, ModelTrainerComponent
from candle_ml.config.models import (
    AuditStage,
    CalibrationStage,
    Choice,
    DataStage,
    EvaluationStage,
    ExecutionSection,
    FeaturesStage,
    InferenceStage,
    LabelsStage,
    ModelStage,
    RegistryStage,
    SourcesStage,
    SplitStage,
    SuggestStage,
    TrackingStage,
)
from candle_ml.config.section import Section
from candle_ml.config.tune_section import TuneSection
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager
from candle_ml.scores import SampleKind


@dataclass(frozen=True, eq=False)
class PipelineConfig:
    """Everything that pipeline.yaml says, defaults filled in and overrides applied.

    `source_text` is the text of the file as it stands, `source_name` its name, `overrides` what was put over it; `root`
    is the folder that relative paths start from; `manager` holds the plugins that the choices were made from; `notes`
    tell what has no effect here. Two configurations mean the same where their `hash` is the same.
    """

    name: str
    seed: int
    sources: SourcesStage
    features: FeaturesStage
    labels: LabelsStage
    split: SplitStage
    audit: AuditStage
    model: ModelStage
    calibration: CalibrationStage
    evaluation: EvaluationStage
    suggest: SuggestStage
    tracking: TrackingStage
    registry: RegistryStage
    inference: InferenceStage
    data: DataStage
    execution: ExecutionSection
    tune: TuneSection
    disabled_plugins: tuple[str, ...]
    source_text: str = field(repr=False)
    source_name: str
    overrides: tuple[str, ...]
    root: Path
    manager: PluginManager = field(repr=False)
    positions: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def model_name(self) -> str:
        """The name that models are registered under."""
        return self.registry.model_name or self.name

    @property
    def experiment(self) -> str:
        """The name that runs are recorded under."""
        return self.tracking.experiment or self.name

    @cached_property
    def text(self) -> str:
        """The effective configuration as YAML: reading it gives an equal configuration."""
        return yaml.dump(_effective(self), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the effective configuration as canonical JSON; comments and order do not change it."""
        canonical = json.dumps(_effective(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def where(self, path: str) -> str:
        """`file:line:column: path` of a key, or of the nearest key above it that the file has."""
        known = path
        while known and known not in self.positions:
            known = known.rpartition(".")[0]
        return f"{self.positions[known]}: {path}" if path else self.positions[known]


def check_sample_kind(config: PipelineConfig, kind: SampleKind) -> None:
    """Refuse an encoder whose samples the chosen trainer cannot fit. Raises `ConfigError`."""
    choice = config.model.use
    if choice is None or kind in choice.component.kinds:
        return
    encoder = config.labels.chosen.name
    found = (
        f"{choice.name!r} trains on {' and '.join(sorted(choice.component.kinds))} samples, {encoder!r} makes {kind}"
    )
    trainers = [offer.component for offer in config.manager.offers]
    fitting = [each.name for each in trainers if isinstance(each, ModelTrainerComponent) and kind in each.kinds]
    expected = f"use {' or '.join(fitting)}" if fitting else "choose another label encoder, or install a trainer"
    raise ConfigError.at(config.where("model.use"), found, expected)


class _Dumper(yaml.SafeDumper):
    """Quotes every text, so that reading gives the same types whatever a word looks like; has no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(str, _quoted)


def _effective(config: PipelineConfig) -> dict[str, Any]:
    """Every key with its value; list items that are disabled stand nowhere."""
    content: dict[str, Any] = {
        "name": config.name,
        "seed": config.seed,
        "plugins": {"disabled": list(config.disabled_plugins)},
        "sources": {**_keys(config.sources), "use": [_said(choice) for choice in config.sources.use]},
        "features": {**_keys(config.features), "use": [_said(choice) for choice in config.features.use]},
        "labels": {**_keys(config.labels), **_said(config.labels.use)},
        "split": _keys(config.split),
        "audit": _keys(config.audit),
        "model": {**_keys(config.model), **_said(config.model.use)},
    }
    later = ("calibration", "evaluation", "suggest", "tracking", "registry", "inference", "data", "execution", "tune")
    return {**content, **{name: _keys(getattr(config, name)) for name in later}}


def _keys(section: Section) -> dict[str, Any]:
    return section.model_dump(mode="json", by_alias=True)


def _said(choice: Choice[Component] | None) -> dict[str, Any]:
    if choice is None:
        return {}
    return {"use": choice.name, **choice.options.model_dump(mode="json", by_alias=True)}

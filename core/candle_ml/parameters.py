"""What a run was told to do, as parameters of the tracking server: one flat name and one text each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from candle_ml.components import Component
from candle_ml.config import PipelineConfig
from candle_ml.config.models import Choice
from candle_ml.dataset import iso_time
from candle_ml.evaluation.flat import metric_label

_SECTIONS = ("sources", "features", "labels", "split", "model", "calibration", "evaluation")


def run_parameters(config: PipelineConfig, start: int | None, end: int | None) -> dict[str, str]:
    """Every setting of the stages that make a model, and the time that it was told to learn from."""
    chosen = {"model": config.model.chosen, "labels": config.labels.chosen}
    chosen |= _by_name("features", config.features.use) | _by_name("sources", config.sources.use)
    given = {name: iso_time(time) for name, time in (("from", start), ("to", end)) if time is not None}
    params = {"model": config.model.chosen.name, "labels": config.labels.chosen.name, "seed": str(config.seed), **given}
    for name in _SECTIONS:
        params |= flatten(getattr(config, name).model_dump(mode="json"), name)
    for name, choice in chosen.items():
        params |= flatten(choice.options.model_dump(mode="json"), name)
    return params


def flatten(values: Any, prefix: str) -> dict[str, str]:
    """Nested settings under dotted names; what a name may not hold is replaced."""
    if isinstance(values, Mapping):
        pairs = [(f"{prefix}.{metric_label(str(key))}", value) for key, value in values.items()]
    elif isinstance(values, (list, tuple)) and any(isinstance(value, (Mapping, list)) for value in values):
        pairs = [(f"{prefix}.{number}", value) for number, value in enumerate(values)]
    else:
        return {prefix: str(values)}
    return {key: text for name, value in pairs for key, text in flatten(value, name).items()}


def _by_name(stage: str, choices: Iterable[Choice[Any]]) -> dict[str, Choice[Component]]:
    """Choices by their stage and name; the second of a name has its number behind it."""
    found: dict[str, Choice[Component]] = {}
    for choice in choices:
        number = 1 + sum(other.name == choice.name for other in found.values())
        found[f"{stage}.{choice.name}" + (f".{number}" if number > 1 else "")] = choice
    return found

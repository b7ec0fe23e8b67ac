"""Everything that decides what a recipe computes: its configuration, versions and source code."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from pydantic import JsonValue

from candle_ml.config import PipelineConfig
from candle_ml.inference.predictor import Recipe
from candle_ml.inference.receipt import current_versions
from candle_ml.plugins.source_code import source_digests


def made_with(config: PipelineConfig, recipe: Recipe, stages: Sequence[str]) -> dict[str, JsonValue]:
    """These stages of the effective configuration, the versions of Python, packages and plugins, and all their source.

    A plugin that was edited in place is told from what it was.
    """
    effective = yaml.safe_load(config.text)
    versions = current_versions(_distributions(config))
    return {
        "stages": {name: effective[name] for name in stages},
        "versions": {"Python": versions.python, **versions.packages},
        "sources": {**source_digests((recipe, *recipe.parts))},
    }


def _distributions(config: PipelineConfig) -> tuple[str, ...]:
    chosen = [config.labels.chosen, *config.features.use]
    names = {config.manager.provider(choice.component.kind, choice.name).distribution for choice in chosen}
    return tuple(sorted(names))

"""What an audit holds for: features, labels and split as configured, and the code and versions behind them."""

from __future__ import annotations

import hashlib
import json

import yaml

from candle_ml.audit.fixture import VERSION
from candle_ml.audit.results import FORMAT
from candle_ml.config import PipelineConfig
from candle_ml.inference import Recipe
from candle_ml.inference.receipt import current_versions
from candle_ml.plugins.source_code import source_digests

_STAGES = ("plugins", "features", "labels", "split")


def audit_key(config: PipelineConfig, recipe: Recipe) -> str:
    """SHA-256 (hex) of what an audit depends on.

    That is: the stages that are audited, the audit itself, the versions of Python, packages and plugins, and the source
    of every plugin, so that one that is edited in place is audited again.
    """
    effective = yaml.safe_load(config.text)
    versions = current_versions(_distributions(config))
    content = {
        "audit": [FORMAT, VERSION],
        "stages": {name: effective[name] for name in _STAGES},
        "evaluation": config.evaluation.out_of_fold,
        "versions": {"Python": versions.python, **versions.packages},
        "sources": source_digests(recipe.parts),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _distributions(config: PipelineConfig) -> tuple[str, ...]:
    chosen = [config.labels.chosen, *config.features.use]
    names = {config.manager.provider(choice.component.kind, choice.name).distribution for choice in chosen}
    return tuple(sorted(names))

"""What an audit holds for: features, labels and split as configured, and the code and versions behind them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import yaml

from candle_ml.audit.fixture import VERSION
from candle_ml.audit.results import FORMAT
from candle_ml.config import PipelineConfig
from candle_ml.inference import Recipe
from candle_ml.inference.receipt import current_versions

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
        "sources": {name: _source_digest(module) for name, module in sorted(_modules(recipe).items())},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _distributions(config: PipelineConfig) -> tuple[str, ...]:
    chosen = [config.labels.chosen, *config.features.use]
    names = {config.manager.provider(choice.component.kind, choice.name).distribution for choice in chosen}
    return tuple(sorted(names))


def _modules(recipe: Recipe) -> dict[str, ModuleType]:
    """The top-level packages that the extractors and the encoder come from."""
    parts: list[object] = [recipe.encoder]
    parts += [one.extractor for one in recipe.plan.candle_extractors]
    parts += [one.extractor for one in recipe.plan.window_extractors]
    names = {type(part).__module__ for part in parts}
    tops = {name: name.partition(".")[0] for name in names}
    return {top: sys.modules.get(top, sys.modules[name]) for name, top in tops.items()}


def _source_digest(module: ModuleType) -> str:
    digest = hashlib.sha256()
    for path in sorted(_source_files(module)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(module: ModuleType) -> Iterator[Path]:
    for folder in getattr(module, "__path__", ()):
        yield from Path(folder).rglob("*.py")
    if not hasattr(module, "__path__") and module.__file__ is not None:
        yield Path(module.__file__)

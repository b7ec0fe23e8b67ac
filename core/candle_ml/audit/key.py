"""What an audit holds for: features, labels and split as configured, and the code and versions behind them."""

from __future__ import annotations

import hashlib
import json

from candle_ml.audit.fixture import VERSION
from candle_ml.audit.results import FORMAT
from candle_ml.config import PipelineConfig
from candle_ml.inference import Recipe
from candle_ml.inference.made_with import made_with

_STAGES = ("plugins", "features", "labels", "split")


def audit_key(config: PipelineConfig, recipe: Recipe) -> str:
    """SHA-256 (hex) of what an audit depends on.

    That is: the stages that are audited, the audit itself, the versions of Python, packages and plugins, and the source
    of every plugin, so that one that is edited in place is audited again.
    """
    content = {
        "audit": [FORMAT, VERSION],
        "evaluation": config.evaluation.out_of_fold,
        **made_with(config, recipe, _STAGES),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

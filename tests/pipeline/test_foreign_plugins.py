"""Plugins from separate wheels, chosen in YAML and trained without an edit of the core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CONFIG = """
name: foreign
sources:
  use:
    - {use: candle-files, path: data/candles}
    - {use: annotation-files, path: data/annotations}
features:
  use: [candle-shape, momentum]
labels: {use: inside-outside}
model: {use: centroid}
"""

OTHER = "name: other\nsources: {enabled: false}\nlabels: {enabled: false}\nmodel: {enabled: false}\n"


def candle_ml(site: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "candle_ml", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_sequence_encoder_and_trainer_from_wheels_train_predict_and_load(
    install_fake: Callable[..., Path], fresh_project: Path
) -> None:
    """A feature, an encoder of kind `sequence` and a trainer of foreign wheels go from YAML to predicted rows."""
    site = install_fake("acme-features", "acme-sequence")
    (fresh_project / "config" / "pipeline.yaml").write_text(CONFIG, "utf-8")
    trained = candle_ml(site, fresh_project, "train", "--json")
    assert trained.returncode == 0, trained.stderr
    summary = json.loads(trained.stdout)
    assert summary["version"] == 1
    assert summary["promoted"]
    assert summary["metrics"]["candles_scored"] > 0
    predicted = candle_ml(site, fresh_project, "predict", "--json", "data/candles/AAPL_1d.csv")
    assert predicted.returncode == 0, predicted.stderr
    (answer,) = json.loads(predicted.stdout)
    assert {row["status"] for row in answer["candles"]} >= {"ok", "in_sample"}


def test_a_model_of_a_missing_plugin_is_refused_by_name(
    install_fake: Callable[..., Path], fresh_project: Path, tmp_path: Path
) -> None:
    """Without the wheels that it was trained with, a model says which component is missing."""
    site = install_fake("acme-features", "acme-sequence")
    (fresh_project / "config" / "pipeline.yaml").write_text(CONFIG, "utf-8")
    assert candle_ml(site, fresh_project, "train", "--stage", "train").returncode == 0
    (bundle,) = (fresh_project / ".candle-ml" / "runs").glob("*/bundle")
    (fresh_project / "config" / "pipeline.yaml").write_text(OTHER, "utf-8")
    refused = candle_ml(tmp_path, fresh_project, "predict", "--bundle", str(bundle), "data/candles/AAPL_1d.csv")
    assert refused.returncode == 2
    assert "no plugin provides feature-extractor 'momentum'" in refused.stderr
    assert "Traceback" not in refused.stderr

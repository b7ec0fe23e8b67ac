"""A model whose window lengths follow the annotations, from training to the bundle that is served."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from candle_ml.bundle import EFFECTIVE
from candle_ml.config import load_config
from candle_ml.inference import load_model
from candle_ml.pipeline import run

from ..small_project import PIPELINE, last_candles, write_project

ANY_LENGTH = (
    "labels.scales=auto",
    "labels.smoothing=auto",
    "labels.fit=stretch",
    "features.use=[window-kernels, candle-shape]",
    "model={use: random-features, features: 100}",
    "tracking.enabled=false",
    "registry.enabled=false",
)


def test_the_bundle_holds_what_auto_came_to(tmp_path: Path) -> None:
    """A bundle says the lengths in numbers, loads with an exact receipt, and predicts slices as the whole series."""
    root = write_project(tmp_path / "project", last_candles(tmp_path / "demo"), PIPELINE)
    result = run(load_config(root / "config" / "pipeline.yaml", ANY_LENGTH))
    assert result.trained is not None
    loaded = load_model(result.folder / "bundle")
    assert loaded.receipt.mode == "exact"
    assert loaded.config.labels.chosen.options.model_dump()["scales"] == [2]
    texts = [(result.folder / name).read_text("utf-8") for name in ("effective.yaml", f"bundle/{EFFECTIVE}")]
    assert texts[0] == texts[1] == loaded.config.text
    (data,) = result.dataset.series.values()
    whole = result.trained.predictor.predict(data.candles)
    part = loaded.predictor.predict(data.candles[300:])
    same = part.sufficient
    assert same.any()
    assert np.array_equal(part.probabilities[same], whole.probabilities[300:][same])

"""candle-ml's trainer: `python -m benchmarks.speed.trainings.ours N ROUNDS THREADS FOLDER`."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from benchmarks.speed.trainings.problem import CLASSES, LOOKBACK, ROWS_TOLD, Telling, asked, candles_of, codes_of

from candle_ml.components import FitContext
from candle_ml.config import parse_config
from candle_ml.inference import build_recipe

_PIPELINE = """
name: training
sources: {use: [{use: candle-files}]}
features:
  use:
    - use: talib-cdl
    - use: talib-indicators
      indicators: [{function: RSI, scale: none}, {function: WILLR, scale: none}, {function: ROC, scale: none}]
labels: {use: windowed, window: 25}
model: {use: xgboost, early_stopping_rounds: null, class_weight: none, subsample: 1.0, rounds: %d, threads: %d}
"""


def main() -> None:
    """Train, and tell."""
    given = asked()
    candles = candles_of(given.windows)
    codes = codes_of(candles)
    config = parse_config(_PIPELINE % (given.rounds, given.threads), "pipeline.yaml", Path())
    recipe = build_recipe(config)
    trainer = config.manager.build("model-trainer", config.model.chosen.name, config.model.chosen.options)
    telling = Telling()
    series = {candles.key: recipe.features(candles)}
    samples = recipe.encoder.candidates(candles)
    samples = samples.take(samples.first >= LOOKBACK).replace(classes=CLASSES, codes=codes)
    matrix = recipe.matrix(series, samples)
    for _ in matrix.batches(1 << 12):
        pass
    telling.features_done()
    model = trainer.fit(matrix, None, FitContext(CLASSES, 0, 1))
    total = time.perf_counter() - telling.started
    few = recipe.matrix(series, samples.take(np.arange(len(samples)) < ROWS_TOLD))
    np.save(given.folder / "ours.npy", model.predict_proba(few))
    telling.done(total, len(samples), matrix.shape[1])


if __name__ == "__main__":
    main()

"""Training XGBoost on windows: what features take of it, memory, and a raw script that does the same.

- Share: the time until every window's features are known, of the time of 100 rounds in all. Windows are cut from the
  features while XGBoost reads them, and reading them once more is counted as features too.
- Memory: the most that the training process ever held, of the size of the matrix of all windows as `float32`, which
  candle-ml never makes.
- Script: the usual few lines with pandas, TA-Lib, `sliding_window_view` and `xgboost.train`, which hold that matrix; on
  fewer windows, because of that. Models are compared: they give the same probabilities to 1e-6.

Every training is a process of its own, 64 columns by 25 candles, with the same parameters, labels and seed. The large
one has two threads and two cores, so that it ends in minutes; those that are compared have one. What is measured is
`trainer.fit`: no block for validation, no early stopping, no class weights.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.environments import ROOT
from benchmarks.speed.bench import Bench
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import both_cores, first_core, on_cores, ratio

NAME = "training"
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Told:
    """What a training process says of itself; times in seconds, sizes in bytes."""

    features: float
    total: float
    peak: float
    dense: float


def measure(bench: Bench) -> Iterator[Row]:
    """The large training once, the comparison by turns."""
    sizes = bench.sizes
    with on_cores(both_cores()):
        large = _trained("ours", sizes.windows, sizes.rounds, 2, bench.folder)
    label = f"{sizes.rounds} rounds on {sizes.windows:,} windows of 1,600 values"
    yield ratio(NAME, f"features' share of {label}", [large.features], [large.total], "s", Goal(0.05))
    gigabytes = [large.peak / 1e9], [large.dense / 1e9]
    yield ratio(NAME, f"peak memory of {label} ÷ its float32 matrix", *gigabytes, "GB", Goal(0.8))
    few = sizes.compared_windows
    with on_cores(first_core()):
        pairs = [[_trained(who, few, 10, 1, bench.folder) for who in ("ours", "script")] for _ in range(3)]
    _check(bench.folder)
    label = f"10 rounds on {few:,} windows ÷ a raw script"
    yield ratio(NAME, label, *([pair[side].total for pair in pairs] for side in (0, 1)), "s")
    memory = ([pair[side].peak / 1e9 for pair in pairs] for side in (0, 1))
    yield ratio(NAME, f"peak memory of {label}", *memory, "GB")


def _trained(who: str, windows: int, rounds: int, threads: int, folder: Path) -> Told:
    given = [str(each) for each in (windows, rounds, threads, folder)]
    command = [sys.executable, "-m", f"benchmarks.speed.trainings.{who}", *given]
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, process_group=0).stdout
    return Told(**json.loads(output.splitlines()[-1]))


def _check(folder: Path) -> None:
    """Raises where the two models do not say the same of the same windows."""
    ours, script = (np.load(folder / f"{who}.npy") for who in ("ours", "script"))
    np.testing.assert_allclose(ours, script, atol=_TOLERANCE)

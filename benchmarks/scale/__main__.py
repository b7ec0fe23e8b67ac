"""`python -m benchmarks.scale`: cost of features, samples, training and prediction by number of candles.

Each size runs in a process of its own, with features kept as partitions. CPU time is counted, so that what else the
machine does changes little; memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from benchmarks.scale.made import dataset

from candle_ml.config import load_config
from candle_ml.dataset import SeriesData
from candle_ml.execution import outcomes
from candle_ml.inference import Predictor
from candle_ml.series_work import preparation_plan
from candle_ml.training import fit, prepare

STAGES = ("prepare", "train", "predict")
Made = TypeVar("Made")


def main() -> None:
    """Print a table, and the exponent that is fitted to each stage."""
    arguments = _arguments()
    if arguments.one is not None:
        print(json.dumps(_measured(arguments.one, arguments.per_series)))
        return
    command = [sys.executable, "-m", "benchmarks.scale", f"--per-series={arguments.per_series}"]
    rows = []
    print("candles    series  " + "  ".join(f"{f'{name} CPU s':>13}" for name in STAGES) + "  peak MB  MB of candles")
    for candles in arguments.candles:
        shown = subprocess.run([*command, f"--one={candles}"], stdout=subprocess.PIPE, check=True).stdout
        rows.append(json.loads(shown.splitlines()[-1]))
        _print(rows[-1])
    if len(rows) > 1:
        told = ", ".join(f"{name} {_exponent(rows, name):.2f}" for name in STAGES)
        print(f"fitted exponents: {told}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--candles", type=int, nargs="+", default=[20_000, 60_000, 200_000])
    parser.add_argument("--per-series", type=int, default=20_000)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(candles: int, per_series: int) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copy(Path(__file__).with_name("pipeline.yaml"), folder)
        config = load_config(folder / "pipeline.yaml", ("execution.memory=0",))
        data = dataset(max(1, candles // per_series), min(candles, per_series))
        preparation_plan(data, config)  # measures the lookback of the indicators, once for all sizes
        seconds = {}
        prepared, seconds["prepare"] = _timed(lambda: prepare(data, config))
        trained, seconds["train"] = _timed(lambda: fit(prepared, config))
        work = _Count(trained.predictor)
        _, seconds["predict"] = _timed(lambda: list(outcomes(config, work, list(data.series.values()), "predict")))
    finally:
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    held = sum(len(one.candles) for one in data.series.values()) * 56 / 1e6
    return {"candles": candles, "series": len(data.series), "peak": peak, "held": held, **seconds}


class _Count:
    """Predicts a series and keeps nothing of it but the number of its spans."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def __call__(self, data: SeriesData) -> int:
        return len(self._predictor.predict(data.candles).spans)


def _timed(work: Callable[[], Made]) -> tuple[Made, float]:
    before = time.process_time()
    return work(), time.process_time() - before


def _print(row: dict[str, float]) -> None:
    seconds = "  ".join(f"{row[name]:13.2f}" for name in STAGES)
    print(f"{row['candles']:9d}  {row['series']:6d}  {seconds}  {row['peak']:7.0f}  {row['held']:13.0f}", flush=True)


def _exponent(rows: list[dict[str, float]], name: str) -> float:
    candles, seconds = (np.log([row[key] for row in rows]) for key in ("candles", name))
    return float(np.polyfit(candles, seconds, 1)[0])


if __name__ == "__main__":
    main()

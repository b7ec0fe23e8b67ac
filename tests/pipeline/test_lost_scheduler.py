"""The scheduler of a real cluster dies in the middle of the work: one line says so, and the same command goes on."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.scale.engines import started

from candle_ml.backfill import Backfill, fill
from candle_ml.bundle import MANIFEST, file_digest
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig, load_config
from candle_ml.errors import ExecutionError
from candle_ml.pipeline import run
from candle_ml.reading import read_dataset
from candle_ml.tuning import tune

from ..small_project import PIPELINE, last_candles, write_project

MORE = """tracking: {enabled: false}
tune: {trials: 3, search: {model.max_depth: {int: [1, 8]}}}
"""
ROUNDS = "model={use: xgboost-dask, rounds: 300, early_stopping_rounds: null}"


def train(config: PipelineConfig, progress: Progress) -> object:
    """The hash of the model."""
    return run(config, until="train", progress=progress).model_hash


def back_fill(config: PipelineConfig, progress: Progress) -> object:
    """Every file with its content."""
    (bundle,) = (config.root / ".candle-ml" / "runs").glob("*/bundle")
    into = config.root / "into"
    fill(Backfill(config, bundle, file_digest(bundle / MANIFEST), config.root / "series", into), progress)
    return {path.name: path.read_bytes() for path in into.rglob("[!.]*.parquet")}


def search(config: PipelineConfig, progress: Progress) -> object:
    """Every trial with its score."""
    tuned = tune(read_dataset(config), config, progress)
    return [(trial.overrides, trial.value) for trial in tuned.trials]


@dataclass(frozen=True)
class Work:
    """What is done on how many workers, and the step and its number at which the scheduler is killed."""

    do: Callable[[PipelineConfig, Progress], object]
    step: str
    done: int
    override: str = "seed=0"
    workers: int = 1


EVERY = {
    "forest": Work(train, "trees", 1),
    "boosting": Work(train, "rounds", 20, ROUNDS),
    "back-fill": Work(back_fill, "series", 1),
    "search": Work(search, "trials", 1, workers=2),
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A trained project, and twenty series that its model has not seen."""
    candles = last_candles(tmp_path / "demo", 500)
    project = write_project(tmp_path / "project", candles, PIPELINE.replace("split: {", "split: {folds: 2, ") + MORE)
    (project / "series").mkdir()
    for number in range(20):
        (project / "series" / f"S{number}_1d.csv").write_text(candles, "utf-8")
    path = project / "config" / "pipeline.yaml"
    run(load_config(path), until="train")
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("work", EVERY.values(), ids=EVERY.keys())
def test_a_lost_scheduler_is_told_and_nothing_is_lost(pipeline: Path, tmp_path: Path, work: Work) -> None:
    """What was finished is kept, and with another scheduler the same command ends as one that nothing has stopped."""

    def config(*overrides: str) -> PipelineConfig:
        return load_config(pipeline, (work.override, *overrides))

    for number in range(2):
        (tmp_path / str(number)).mkdir()
    with started("dask", work.workers, tmp_path / "0") as engine:

        def deadly(what: str, done: int, total: int) -> None:
            if (what, done) == (work.step, work.done):
                os.kill(engine.processes[0], signal.SIGKILL)

        with pytest.raises(ExecutionError) as caught:
            work.do(config(*engine.overrides), deadly)
        address = engine.overrides[-1].removeprefix("execution.scheduler=")
    assert str(caught.value) == (
        f"execution.scheduler {address}: the scheduler has gone in the middle of the work; "
        "start it and its workers again and give the same command: what was finished is kept"
    )
    with started("dask", work.workers, tmp_path / "1") as engine:
        again = work.do(config(*engine.overrides), no_progress)
    project = pipeline.parent.parent
    (project / ".candle-ml" / "state.db").unlink()
    shutil.rmtree(project / "into", ignore_errors=True)
    assert again == work.do(config(f"execution.workers={work.workers}"), no_progress)

"""A worker or the whole process is killed in the middle of a training, which ends with the same bits all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TypeAlias

import psutil
import pytest
from distributed import LocalCluster

from candle_ml.bundle import file_digest
from candle_ml.components import Progress, no_progress
from candle_ml.config import load_config
from candle_ml.pipeline import run

from ..small_project import PIPELINE, last_candles, write_project

MORE = """calibration: {folds: 2}
execution: {memory: 0}
tracking: {enabled: false}
"""
SPLIT = "split: {method: walk_forward, folds: 2, train: 0.7, calibration: 0, validation: 0.1, leakage_gap: false}"
SAME = ("model", "calibrator.json", "golden.npz", "out_of_fold.npz")
KILLED = """
import os, signal, sys
from pathlib import Path
from candle_ml.config import load_config
from candle_ml.pipeline import run
path, step, *overrides = sys.argv[1:]
def deadly(what, done, total):
    if (what, done) == (step, 1):
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    run(load_config(Path(path), overrides), until="evaluate", progress=deadly)
"""

Made: TypeAlias = tuple[dict[str, str], dict[str, float]]


@dataclass(frozen=True)
class Engine:
    """How the work is divided, and what kills one of the processes that do it."""

    overrides: tuple[str, ...]
    kill: Callable[[], None]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a project of three series, with folds of both kinds and all features kept as partitions."""
    folder = tmp_path_factory.mktemp("killed")
    candles = last_candles(folder / "demo", 500)
    project = write_project(folder / "project", candles, PIPELINE.replace("split: {leakage_gap: false}", SPLIT) + MORE)
    for name in ("MSFT", "IBM"):
        lines = (folder / "demo" / "data" / "candles" / f"{name}_1d.csv").read_text("utf-8").splitlines()
        (project / "data" / "candles" / f"{name}_1d.csv").write_text("\n".join([lines[0], *lines[-450:]]), "utf-8")
    return project / "config" / "pipeline.yaml"


@pytest.fixture(scope="module", params=["processes", "dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Two processes of this machine, or a cluster of two."""
    if request.param == "processes":
        yield Engine(("execution.workers=2",), _kill_process)
        return
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        overrides = ("execution.engine=dask", f"execution.scheduler={cluster.scheduler_address}")
        yield Engine(overrides, lambda: os.kill(cluster.workers[0].pid, signal.SIGKILL))


def _kill_process() -> None:
    workers = [one for one in psutil.Process().children(recursive=True) if "LokyProcess" in " ".join(one.cmdline())]
    workers[0].kill()


def made(pipeline: Path, *overrides: str, progress: Progress = no_progress) -> Made:
    """The digests of what a training computes, and its scores."""
    result = run(load_config(pipeline, overrides), until="evaluate", progress=progress)
    bundle = result.folder / "bundle"
    every = (path for path in sorted(bundle.rglob("*")) if path.is_file())
    digests = {path.relative_to(bundle).as_posix(): file_digest(path) for path in every}
    return {name: value for name, value in digests.items() if name.startswith(SAME)}, result.measured.metrics()


@pytest.fixture(scope="module")
def alone(pipeline: Path) -> Made:
    """What one process makes that nothing disturbs."""
    return made(pipeline)


def forget_partitions(pipeline: Path) -> None:
    for path in (pipeline.parent.parent / ".candle-ml" / "partitions").rglob("*.parquet"):
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["features", "calibration folds", "folds"])
def test_a_killed_worker_changes_nothing(pipeline: Path, alone: Made, engine: Engine, step: str) -> None:
    """What it had in hand is done again by another one."""
    forget_partitions(pipeline)
    killed: list[str] = []

    def kill() -> None:
        engine.kill()
        killed.append(step)

    def deadly(what: str, done: int, total: int) -> None:
        if what == step and done == 0:
            Timer(0.5, kill).start()

    assert made(pipeline, *engine.overrides, progress=deadly) == alone
    assert killed == [step]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["features", "calibration folds", "folds"])
def test_a_killed_training_that_is_started_again_ends_the_same(
    pipeline: Path, alone: Made, engine: Engine, step: str
) -> None:
    """The process that leads the work is killed, its workers are not; the same command then gives the same."""
    forget_partitions(pipeline)
    command = [sys.executable, "-c", KILLED, str(pipeline), step, *engine.overrides]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert made(pipeline, *engine.overrides) == alone

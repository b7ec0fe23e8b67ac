"""Trainings and uploads that are killed, and what the next `runs sync` makes of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from candle_ml.registry import Registry
from candle_ml.spool import STEPS, Spool, Step
from candle_ml.state import StateStore
from candle_ml.tracking import TrackingPlace

from .conftest import SYNC, client, invoke, run_id_of, tracked

pytestmark = pytest.mark.slow

DYING = """
import os, signal, sys
from contextlib import contextmanager
import candle_ml.cli.sync

@contextmanager
def deadly():
    yield lambda what, done, total: os.kill(os.getpid(), signal.SIGKILL) if (what, done) == ({step!r}, {done}) else None

candle_ml.cli.sync.progress = deadly
candle_ml.cli.main(["runs", "sync", "--to", "configured"])
"""


@pytest.mark.parametrize("done", [0, 1])
@pytest.mark.parametrize("step", STEPS[1:])
def test_a_killed_sync_is_gone_on_with(spooled: Path, step: Step, done: int) -> None:
    """After SIGKILL as a step begins or ends, the next `runs sync` makes one run, one model and one version of it."""
    killed = subprocess.run([sys.executable, "-c", DYING.format(step=step, done=done)], cwd=spooled, check=False)
    assert killed.returncode == -signal.SIGKILL
    record = Spool(spooled).record(run_id_of(spooled))
    assert record is not None
    assert record.done == STEPS[1 : STEPS.index(step)]
    assert invoke(*SYNC).exit_code == 0
    (run,) = tracked()
    assert run.info.status == "FINISHED"
    assert len(client().search_logged_models([run.info.experiment_id])) == 1
    (version,) = Registry(TrackingPlace.of(None, spooled), "small").versions()
    assert version.aliases == ("champion",)
    assert Spool(spooled).run_ids() == frozenset()


def test_a_run_that_died_is_closed_on_the_server(project: Path) -> None:
    """A training that was killed counts as running there until `runs sync` closes it as killed."""
    code = (
        DYING.format(step="features", done=0)
        .replace("cli.sync", "cli.train")
        .replace('["runs", "sync", "--to", "configured"]', '["train"]')
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == -signal.SIGKILL
    assert [run.info.status for run in tracked()] == ["RUNNING"]
    with StateStore.open(project) as store:
        (dead,) = store.runs()
    assert invoke(*SYNC).stdout == f"{dead.run_id}: had ended unfinished; closed on the tracking server\n"
    assert [run.info.status for run in tracked()] == ["KILLED"]


def test_a_finished_run_counts_as_finished(project: Path) -> None:
    """Killed after its record was written, a run counts as finished and waiting, and is entered so by `runs sync`."""
    code = DYING.format(step="record run", done=1).replace("cli.sync", "cli.train")
    code = code.replace('["runs", "sync", "--to", "configured"]', '["train"]')
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == -signal.SIGKILL
    assert "finished, spooled" in invoke("runs", "list").stdout
    assert invoke(*SYNC).exit_code == 0
    with StateStore.open(project) as store:
        (run,) = store.runs()
    assert run.status == "finished"
    assert run.metrics["f1_macro"] is not None

"""A search in processes: killed by SIGKILL and called again, divided over workers, and beside others."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from distributed import LocalCluster

from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, StateStore, schema

from ..state.conftest import STRICT_PASSWORD, STRICT_USER, Server
from .conftest import Tune, summary, tried

TRIALS = ("--json", "--set", "tune.trials=12")
KILLED = """
import os, signal
from candle_ml import tuning
from candle_ml.cli import main
tell, told = tuning.Study.tell, []
def deadly(*arguments):
    told.append(1)
    if len(told) == {count}:
        os.kill(os.getpid(), signal.SIGKILL)
    tell(*arguments)
tuning.Study.tell = deadly
main(["tune", *{words}])
"""


def killed(project: Path, count: int, *words: str) -> subprocess.CompletedProcess[str]:
    """A search that dies with one trial made, but not kept, after `count - 1` others."""
    code = KILLED.format(count=count, words=words)
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done


def states(database: str, name: str) -> list[str]:
    storage = optuna.storages.RDBStorage(database)
    found = [trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials]
    storage.engine.dispose()
    return found


@pytest.mark.slow
def test_a_killed_search_goes_on_as_if_it_had_not_been(tune: Tune, project: Path) -> None:
    """Killed twice and called again, a search has made the same trials as one that was left alone, and as many."""
    whole = summary(tune(*TRIALS))
    (project / ".candle-ml" / "state.db").unlink()
    killed(project, 4, *TRIALS)
    killed(project, 5, *TRIALS)
    found = summary(tune(*TRIALS))
    assert (found["before"], found["again"], found["missing"]) == (7, 1, 0)
    assert tried(found) == tried(whole)
    assert found["best"]["overrides"] == whole["best"]["overrides"]
    url = f"sqlite:///{project / '.candle-ml' / 'state.db'}"
    assert states(url, found["study"]).count("FAIL") == 2
    assert len(states(url, found["study"])) == 14


@pytest.mark.slow
def test_a_killed_search_goes_on_in_postgresql(
    tune: Tune, project: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on a server: the lock of the process that died is free, and no output shows the password."""
    url = server.url(server.create_database(), STRICT_USER, STRICT_PASSWORD)
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    unmade = tune(*TRIALS)
    place = DatabasePlace.of(project)
    message = f"{place.where}: no tables yet, 0003 is needed; run candle-ml db upgrade\n"
    assert (unmade.exit_code, unmade.stderr) == (8, message)
    database = Database(place)
    schema.upgrade(database)
    database.close()
    died = killed(project, 3, *TRIALS)
    found = tune(*TRIALS)
    assert (summary(found)["before"], summary(found)["again"]) == (2, 1)
    assert len(summary(found)["trials"]) == 12
    for text in (died.stdout, died.stderr, found.output):
        assert STRICT_PASSWORD not in text
    assert not (project / ".candle-ml" / "state.db").exists()


@pytest.mark.slow
def test_two_workers_finish_a_search(tune: Tune, project: Path) -> None:
    """Two processes make every trial once, while others write to the same file; again they make the same ones."""
    words = (*TRIALS, "--set", "execution.workers=2")
    writing = "import time; from pathlib import Path; from candle_ml.state import StateStore\n"
    writing += "store = StateStore.open(Path())\nwhile True: store.record_load('m', 'loaded'); time.sleep(0.001)"
    writer = subprocess.Popen([sys.executable, "-c", writing], cwd=project, stderr=subprocess.PIPE, text=True)
    try:
        first = summary(tune(*words))
        assert writer.poll() is None
    finally:
        writer.kill()
        assert writer.communicate()[1] == ""
    assert [trial["status"] for trial in first["trials"]].count("failed") == 0
    assert [trial["number"] for trial in first["trials"]] == list(range(12))
    with StateStore.open(project) as store:
        assert len(store.loads(10)) == 10
    (project / ".candle-ml" / "state.db").unlink()
    assert tried(summary(tune(*words))) == tried(first)


@pytest.mark.slow
def test_a_cluster_finishes_a_search(tune: Tune, project: Path) -> None:
    """A Dask cluster of two workers, which know no database, makes the trials that two processes make."""
    found = summary(tune("--json", "--set", "execution.workers=2"))
    (project / ".candle-ml" / "state.db").unlink()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = f"execution.scheduler={cluster.scheduler_address}"
        again = summary(tune("--json", "--set", "execution.engine=dask", "--set", address))
    assert tried(again) == tried(found)
    assert again["best"] == found["best"]

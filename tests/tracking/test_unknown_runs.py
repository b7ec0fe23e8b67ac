"""Runs whose files are here, though the state store does not know them: told, and pruned by the same rules."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from candle_ml.errors import StateError
from candle_ml.recorded import known_run
from candle_ml.spool import Spool

from ..small_project import write_project
from .conftest import AWAY, invoke
from .test_prune import plan, put_back, stored, train

RECENT = "changed within the last hour, and may be running"
DAY = 86_400


@dataclass(frozen=True)
class Lost:
    """A project whose state store was lost after three runs and knows only the fourth."""

    root: Path
    served: str
    unserved: str
    waiting: str
    known: str

    @property
    def runs(self) -> Path:
        return self.root / ".candle-ml" / "runs"

    @property
    def told(self) -> str:
        return (
            f"runs that this state store does not know: 3, in {self.runs}; "
            "candle-ml runs sync enters those that wait (1), candle-ml runs prune removes old ones\n"
        )


def lose_state(root: Path) -> None:
    """Begin a new state store in the place of one that is lost."""
    for left in (root / ".candle-ml").glob("state.db*"):
        left.unlink()
    assert invoke("db", "upgrade").exit_code == 0


@pytest.fixture(scope="module")
def three_lost(tmp_path_factory: pytest.TempPathFactory, candles: str) -> Lost:
    root = write_project(tmp_path_factory.mktemp("lost") / "project", candles)
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(root)
        environment.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        served, unserved = train(), train("--set", "registry.promote=never")
        waiting = train("--set", f"tracking.uri={AWAY}")
        lose_state(root)
        known = train("--set", "registry.promote=never")
    shutil.copytree(root, root.with_name("copy"))
    return Lost(root, served, unserved, waiting, known)


@pytest.fixture
def lost(three_lost: Lost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lost]:
    """The project, as the current folder; put back afterwards."""
    monkeypatch.chdir(three_lost.root)
    yield three_lost
    put_back(three_lost.root, three_lost.root.with_name("copy"))


def age(folder: Path, seconds: float) -> None:
    """Let a folder and its files look as if they had last changed so long ago."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - seconds,) * 2)


def test_the_list_always_tells_of_them(lost: Lost) -> None:
    """Beside the runs that it knows `runs list` says how many it does not and what would do, apart from its output."""
    told = invoke("runs", "list")
    assert (told.stdout.count("\n"), lost.known in told.stdout, told.stderr) == (2, True, lost.told)
    told = invoke("runs", "list", "--json")
    assert ([run["run_id"] for run in json.loads(told.stdout)], told.stderr) == ([lost.known], lost.told)
    assert invoke("runs", "list", "--status", "failed").stderr == lost.told


def test_one_of_them_is_not_told_as_missing(lost: Lost) -> None:
    """`runs show` says that the run is here though the store does not know it, and what would do."""
    with pytest.raises(StateError) as caught:
        known_run(lost.root, lost.unserved)
    folder = lost.runs / lost.unserved
    assert str(caught.value) == (
        f"run {lost.unserved}: this state store does not know it; its files are in {folder}; "
        "restore the store that knew it from a backup; "
        f"candle-ml predict --bundle {folder}/bundle uses its model, candle-ml runs prune removes it"
    )
    told = invoke("runs", "show", lost.waiting)
    assert (told.exit_code, told.stderr) == (
        8,
        f"run {lost.waiting}: this state store does not know it; its files are in {lost.runs / lost.waiting}; "
        "candle-ml runs sync enters it\n",
    )
    told = invoke("runs", "show", "../runs")
    assert "no run '../runs'" in told.stderr


def test_they_go_by_the_same_rules(lost: Lost) -> None:
    """What is served or waits stays, what may be running too; the rest is announced, freed and then gone."""
    served = "small version 1 is served or a rollback away"
    assert plan("--keep", "1") == {
        lost.served: f"{served}; {RECENT}",
        lost.unserved: RECENT,
        lost.waiting: f"{RECENT}; not yet synced",
    }
    for run_id in (lost.served, lost.unserved, lost.waiting):
        age(lost.runs / run_id, 3700)
    assert plan("--keep", "1") == {lost.served: served, lost.unserved: None, lost.waiting: "not yet synced"}
    announced = json.loads(invoke("runs", "prune", "--keep", "1", "--dry-run", "--json").stdout)
    assert {run["run_id"]: run["status"] for run in announced["runs"]} == {
        lost.served: "unknown",
        lost.unserved: "unknown",
        lost.waiting: "unknown, spooled",
    }
    before = stored(lost.root)
    told = invoke("runs", "prune", "--keep", "1")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.endswith(" of 1 runs\n")
    assert before - stored(lost.root) == announced["freed"] > 0
    assert {path.name for path in lost.runs.iterdir()} == {lost.served, lost.waiting, lost.known}
    assert [one["version"] for one in json.loads(invoke("model", "list", "--json").stdout)] == [3, 1]
    assert invoke("predict", "data/candles/AAPL_1d.csv").exit_code == 0


def test_their_age_is_that_of_the_run(lost: Lost) -> None:
    """By its bundle a run is as young as it is, whatever the date of its files; without one the files tell it."""
    folder = lost.runs / lost.unserved
    age(folder, 40 * DAY)
    assert plan("--older-than", "30d") == {}
    shutil.rmtree(folder / "bundle")
    age(folder, 40 * DAY)
    assert plan("--older-than", "30d") == {lost.unserved: None}
    assert plan("--older-than", "8w") == {}


def test_one_of_another_experiment_stays(lost: Lost) -> None:
    """A run is pruned only where the experiment that it says it is of is the configured one."""
    age(lost.runs / lost.unserved, 3700)
    assert plan("--keep", "0", "--set", "tracking.experiment=other") == {}


def test_one_without_a_folder_is_told_while_it_waits(lost: Lost) -> None:
    """A run that waits is counted although its folder is gone; given up, it is none of them any more."""
    shutil.rmtree(lost.runs / lost.waiting)
    assert invoke("runs", "list").stderr == lost.told
    assert invoke("runs", "sync", "--give-up", lost.waiting).exit_code == 0
    assert Spool(lost.root).run_ids() == frozenset()
    assert invoke("runs", "list").stderr == (
        f"runs that this state store does not know: 2, in {lost.runs}; candle-ml runs prune removes old ones\n"
    )

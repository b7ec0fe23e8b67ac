"""A training that is killed at any step from data to alias: what was good stays good, and the next command repairs."""

from __future__ import annotations

import signal
from typing import get_args

import numpy as np
import pytest

from candle_ml.spool import Step

from .conftest import Project, Seen

TRAINING = [
    ("reading candle-files", False),
    ("candle files", True),
    ("talib-patterns", False),
    ("reading", True),
    ("features", False),
    ("features", True),
    ("trees", True),
    ("predicting", False),
    ("predicting", True),
]
KILLS = TRAINING + [(step, done) for step in get_args(Step) for done in (False, True)]
QUICK = [("log model", False), ("register version", True), ("move alias", False)]
DELAYS = 50


def safe(project: Project) -> Seen:
    """What a restart sees: no version is half-registered or there twice, a good one is served, no run is running.

    A run that has ended without a word is interrupted.
    """
    seen = project.commands.look()
    assert seen.wrong == []
    assert len(set(seen.versions.values())) == len(seen.versions)
    assert str(seen.served) in seen.versions
    assert set(seen.runs.values()) <= {"finished", "interrupted"}
    assert seen.runs[project.good_run] == "finished"
    return seen


def repaired(project: Project) -> Seen:
    """What a restart sees after a repair: each finished run is one version, the last run's is served, nothing waits."""
    seen = safe(project)
    assert seen.of("finished") == set(seen.versions.values())
    assert seen.versions[str(seen.served)] == next(run for run, status in seen.runs.items() if status == "finished")
    assert seen.spooled == []
    assert set(seen.tracked) <= {"FINISHED", "FAILED", "KILLED"}
    assert seen.tracked["FINISHED"] == len(seen.versions)
    return seen


def succeeded(project: Project, *arguments: str) -> None:
    ended = project.commands.run(*arguments)
    assert (ended.signal, ended.code) == (0, 0), ended.printed


def check(project: Project, **kill: object) -> int:
    """Kill a training, look, let the next commands repair what there is, and look again; the signal of its end."""
    ended = project.commands.run("train", **kill)
    killed = safe(project)
    succeeded(project, "runs", "sync")
    synced = repaired(project)
    assert set(killed.spooled) | killed.of("finished") == synced.of("finished")
    succeeded(project, "train")
    trained = repaired(project)
    assert len(trained.versions) == len(synced.versions) + 1
    return ended.signal


@pytest.mark.parametrize(("step", "done"), QUICK)
def test_killed_at_a_step(project: Project, step: str, done: bool) -> None:
    """Killed as a step begins or ends, a run is interrupted or finished, and `runs sync` and a training repair."""
    assert check(project, step=step, done=done) == signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(("step", "done"), [kill for kill in KILLS if kill not in QUICK])
def test_killed_at_every_other_step(project: Project, step: str, done: bool) -> None:
    """The same at every other named step from reading candles to moving the alias."""
    assert check(project, step=step, done=done) == signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("share", np.random.default_rng(5).uniform(0, 1, DELAYS).round(3).tolist())
def test_killed_at_any_time(project: Project, share: float) -> None:
    """The same at fifty seeded moments, as shares of the time that a training takes."""
    assert check(project, delay=share * project.seconds) in (signal.SIGKILL, 0)


@pytest.mark.slow
def test_killed_again_and_again(project: Project) -> None:
    """Trainings that are killed one after the other, each at another step, lose none of the finished runs."""
    for step in ("predicting", "log values", "register version", "move alias"):
        assert project.commands.run("train", step=step).signal == signal.SIGKILL
        safe(project)
    succeeded(project, "train")
    succeeded(project, "runs", "sync")
    assert len(repaired(project).versions) == 5

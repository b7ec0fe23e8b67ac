"""A run whose process has died is never running for ever, and a living one is never called dead for long."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from candle_ml.state import StateStore

from .conftest import Opener, Starter, execute

BEGIN = "store.begin_run('r1', 'random-forest', 'demo', 'c0ffee', 'text')\nprint('begun', flush=True)\ntime.sleep(600)"


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; the test's own time limit ends the wait."""
    while not condition():
        time.sleep(0.02)


def begun(process: subprocess.Popen[str]) -> None:
    """Wait until a process says that its run has begun."""
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n", process.communicate()[1]


def elsewhere(url: str, seconds_ago: int) -> None:
    """Let every run look as if it lived on another machine that was last heard of some seconds ago."""
    time_of = {"sqlite": f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{seconds_ago} seconds')"}
    moment = time_of.get(url.partition(":")[0], f"now() - interval '{seconds_ago} seconds'")
    execute(url, f"UPDATE training_runs SET host = 'other', machine = 'other', heartbeat_at = {moment}")


def begin(store: StateStore, run_id: str = "r1") -> None:
    store.begin_run(run_id, "random-forest", "demo", "c0ffee", "text")


def test_a_killed_run_is_interrupted_at_the_next_start(ready: str, start_process: Starter, open_store: Opener) -> None:
    """After kill -9 the run shows as interrupted, with the process that had it, as soon as somebody looks."""
    process = start_process(ready, BEGIN)
    begun(process)
    assert open_store(ready).run("r1").status == "running"
    process.kill()
    process.wait()
    run = open_store(ready).run("r1")
    assert run.status == "interrupted"
    assert run.error == f"process {process.pid} on {run.host} has ended"
    assert run.completed_at is None


def test_a_killed_run_whose_parent_does_not_care(tmp_path: Path, start_process: Starter, open_store: Opener) -> None:
    """A process that is dead but still listed by the system counts as dead."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    process = start_process(url, BEGIN)
    begun(process)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert open_store(url).run("r1").status == "interrupted"


def test_a_number_given_to_another_process(store: StateStore, ready: str, open_store: Opener) -> None:
    """A living process with the number of a dead one does not keep its run alive."""
    begin(store)
    execute(ready, "UPDATE training_runs SET process_started = process_started - 3600")
    assert open_store(ready).run("r1").status == "interrupted"


@pytest.mark.parametrize(("seconds_ago", "status"), [(30, "running"), (90, "interrupted")])
def test_a_run_on_another_machine(
    store: StateStore, ready: str, open_store: Opener, seconds_ago: int, status: str
) -> None:
    """A run elsewhere is taken for dead only when it was not heard of for more than a minute."""
    begin(store)
    elsewhere(ready, seconds_ago)
    run = open_store(ready).run("r1")
    assert run.status == status
    if status == "interrupted":
        assert run.heartbeat_at is not None
        silent = f"no heartbeat of process {os.getpid()} on other since {run.heartbeat_at:%Y-%m-%d %H:%M:%S}"
        assert run.error == silent


def test_a_run_of_an_earlier_version(store: StateStore, ready: str, open_store: Opener) -> None:
    """A running run that says nothing of its process, as earlier versions wrote it, becomes interrupted."""
    begin(store)
    execute(ready, "UPDATE training_runs SET process_id = NULL, machine = NULL, heartbeat_at = NULL")
    run = open_store(ready).run("r1")
    assert (run.status, run.error) == ("interrupted", "an earlier version began it and no longer says whether it runs")


def test_a_run_keeps_itself_alive(ready: str, open_store: Opener) -> None:
    """The heartbeat of a running run moves on by itself."""
    store = open_store(ready, heartbeat_seconds=0.05)
    begin(store)
    first = store.run("r1").heartbeat_at
    assert first is not None

    def moved() -> bool:
        latest = store.run("r1").heartbeat_at
        assert isinstance(latest, datetime)
        return latest > first

    until(moved)


def test_a_run_that_was_taken_for_dead_comes_back(ready: str, open_store: Opener) -> None:
    """A living run that was called interrupted is running again at its next heartbeat."""
    store = open_store(ready, heartbeat_seconds=0.05)
    begin(store)
    execute(ready, "UPDATE training_runs SET status = 'interrupted', error = 'silent'")
    until(lambda: store.run("r1").status == "running")
    assert store.run("r1").error is None


def test_a_run_that_was_taken_for_dead_can_finish(store: StateStore, ready: str) -> None:
    """A run that was called interrupted and finishes is finished: no finished run is lost."""
    begin(store)
    execute(ready, "UPDATE training_runs SET status = 'interrupted', error = 'silent'")
    store.finish_run("r1", {"f1_macro": 0.5})
    run = store.run("r1")
    assert (run.status, run.error, run.metrics) == ("finished", None, {"f1_macro": 0.5})


def test_ended_runs_are_left_alone(store: StateStore, ready: str, open_store: Opener) -> None:
    """Only running runs become interrupted."""
    for number in range(3):
        begin(store, f"r{number}")
    store.finish_run("r0", {})
    store.fail_run("r1", "no")
    elsewhere(ready, 3600)
    assert open_store(ready).runs(status="interrupted") == (store.run("r2"),)
    assert [run.status for run in store.runs()] == ["interrupted", "failed", "finished"]
    assert store.runs(status="running") == ()


def test_closing_a_store_interrupts_what_it_left_open(ready: str, open_store: Opener) -> None:
    """A run that has not ended when its store is closed, as after Ctrl-C, is interrupted and not running."""
    with open_store(ready) as closing:
        begin(closing, "left")
        begin(closing, "done")
        closing.finish_run("done", {})
    left, done = (open_store(ready).run(name) for name in ("left", "done"))
    assert (left.status, left.error) == ("interrupted", "the state store was closed before the run had ended")
    assert done.status == "finished"


def test_an_uncaught_error_is_not_hidden(tmp_path: Path, start_process: Starter, open_store: Opener) -> None:
    """A process that ends by an error while a run is open leaves an interrupted run and its own traceback."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    process = start_process(url, BEGIN.replace("time.sleep(600)", "raise RuntimeError('no memory')"))
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.rstrip().endswith("RuntimeError: no memory")
    assert open_store(url).run("r1").status == "interrupted"


def test_the_process_of_another_user_is_not_dead(ready: str, store: StateStore, open_store: Opener) -> None:
    """A run whose process is process 1, which always lives, stays running."""
    begin(store)
    started = psutil.Process(1).create_time()
    execute(ready, f"UPDATE training_runs SET process_id = 1, process_started = {started}")
    assert open_store(ready).run("r1").status == "running"

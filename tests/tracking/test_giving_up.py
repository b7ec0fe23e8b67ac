"""Runs that wait and cannot be uploaded any more: named with what would do, and gone once the user gives them up."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from candle_ml.spool import Spool
from candle_ml.state import StateStore
from candle_ml.tracking import TrackedRun, TrackingPlace

from ..state.conftest import execute
from ..versions.conftest import flip
from .conftest import SYNC, invoke, run_id_of
from .test_records import files_of
from .test_unknown_runs import lose_state

GIVEN_UP = "given up: it was not uploaded, or not to its end"
INTERRUPTED = "UPDATE training_runs SET status = 'interrupted', metrics_summary = NULL, error = 'closed'"


def refused(run_id: str) -> str:
    """What is told of a run that cannot be given up."""
    told = invoke("runs", "sync", "--give-up", run_id)
    assert (told.exit_code, told.stdout) == (7, "")
    return told.stderr.removeprefix(f"run {run_id}: ").removesuffix("\n")


def listed(run_id: str) -> tuple[str, str]:
    """The status and the error of the one run in `runs list`."""
    _, row = invoke("runs", "list").stdout.splitlines()
    cells = re.split(" {2,}", row)
    assert cells[0] == run_id
    return cells[1], cells[-1]


def remedy(run_id: str) -> str:
    return f"restore it from a backup, or give the run up: candle-ml runs sync --give-up {run_id}\n"


def folder_of(root: Path, run_id: str) -> Path:
    return root / ".candle-ml" / "runs" / run_id


def test_a_damaged_file_is_named(spooled: Path) -> None:
    """The changed file is named by its whole path with what would do, the run stays, the registry has nothing of it."""
    run_id = run_id_of(spooled)
    path = folder_of(spooled, run_id) / "bundle" / "calibrator.json"
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    digest = json.loads(path.with_name("manifest.json").read_text("utf-8"))["files"]["calibrator.json"]
    told = invoke(*SYNC)
    assert (told.exit_code, told.stderr) == (
        7,
        f"{run_id}: not synced: {path}: its bytes have changed; SHA-256 {digest[:12]}...; {remedy(run_id)}",
    )
    assert invoke("model", "list").stdout == "no version is registered; candle-ml train makes one\n"
    assert Spool(spooled).run_ids() == {run_id}


def test_damaged_scores_are_named(spooled: Path) -> None:
    """Scores that cannot be read any more leave the run waiting and are named; put back, the run is registered once."""
    run_id = run_id_of(spooled)
    path = folder_of(spooled, run_id) / "evaluation.json"
    content = path.read_bytes()
    path.write_bytes(b"\xff" + content)
    told = invoke(*SYNC)
    assert (told.exit_code, told.stderr) == (
        7,
        f"{run_id}: not synced: {path}: its bytes have changed; {remedy(run_id)}",
    )
    path.write_bytes(content)
    assert "registered: small version 1\n" in invoke(*SYNC).stdout


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_that_is_gone(spooled: Path, known: bool) -> None:
    """It is named also where the state store was lost; given up, the run waits no more and `runs sync` is content."""
    run_id = run_id_of(spooled)
    shutil.rmtree(folder_of(spooled, run_id))
    if not known:
        lose_state(spooled)
    told = invoke(*SYNC)
    missing = f"{folder_of(spooled, run_id)}/bundle/manifest.json: missing; a bundle written by candle-ml"
    assert (told.exit_code, told.stderr) == (7, f"{run_id}: not synced: {missing}; {remedy(run_id)}")
    assert ("spooled" in invoke("runs", "list").stdout) == known
    assert invoke("runs", "sync", "--give-up", run_id).exit_code == 0
    told = invoke(*SYNC)
    assert (told.exit_code, told.stdout) == (0, "nothing to sync: no run waits\n")
    assert ("finished, given up" in invoke("runs", "list").stdout) == known


def test_giving_up_loses_nothing_else(spooled: Path) -> None:
    """The files stay where they are said to be until they are pruned; a second time it is told that nothing waits."""
    run_id = run_id_of(spooled)
    folder = folder_of(spooled, run_id)
    told = invoke("runs", "sync", "--give-up", run_id)
    assert (told.exit_code, told.stdout) == (
        0,
        f"{run_id}: given up; what is in {folder} stays until candle-ml runs prune removes it\n",
    )
    assert invoke("predict", "--bundle", str(folder / "bundle"), "data/candles/AAPL_1d.csv").exit_code == 0
    assert listed(run_id) == ("finished, given up", GIVEN_UP)
    assert f"\nerror  {GIVEN_UP}\n" in re.sub(" {2,}", "  ", invoke("runs", "show", run_id).stdout)
    (known,) = json.loads(invoke("runs", "list", "--json").stdout)
    assert (known["status"], known["spooled"], known["given_up"]) == ("finished", False, True)
    assert (
        refused(run_id) == "is finished, given up, and waits for nothing; one that candle-ml runs list shows as spooled"
    )
    assert invoke("runs", "prune", "--keep", "0").exit_code == 0
    assert not folder.exists()


def test_what_does_not_wait_is_told_apart(spooled: Path) -> None:
    """Giving up a run that is unknown, uploaded or still running says which, and changes nothing."""
    run_id = run_id_of(spooled)
    expected = "one that candle-ml runs list shows as spooled"
    assert refused("1234") == f"no such run is known here; {expected}"
    assert invoke(*SYNC).exit_code == 0
    assert refused(run_id) == f"was uploaded already; {expected}"
    with StateStore.open(spooled) as store:
        store.begin_run("5678", "random-forest", "small", "hash", "text", None)
        assert refused("5678") == "is running; wait until it has ended, or end it"
        assert store.run("5678").error is None
    assert refused("5678") == f"is interrupted, and waits for nothing; {expected}"


@pytest.mark.parametrize(("damaged", "status"), [(False, "finished, given up"), (True, "interrupted")])
def test_a_run_that_the_state_store_takes_for_interrupted(spooled: Path, damaged: bool, status: str) -> None:
    """Given up, it has finished with its scores where its record tells them; without, it stays interrupted."""
    run_id = run_id_of(spooled)
    execute(f"sqlite:///{spooled}/.candle-ml/state.db", INTERRUPTED)
    for path in files_of(spooled, run_id) if damaged else ():
        flip(path)
    assert invoke("runs", "sync", "--give-up", run_id).exit_code == 0
    assert listed(run_id) == (status, GIVEN_UP)
    assert bool(json.loads(invoke("runs", "show", run_id, "--json").stdout)["metrics"]) != damaged


def test_a_damaged_record_can_be_given_up(spooled: Path) -> None:
    """A record that is damaged with its copy is removed by giving the run up."""
    run_id = run_id_of(spooled)
    for path in files_of(spooled, run_id):
        flip(path)
    assert json.loads(invoke("runs", "sync", "--give-up", run_id, "--json").stdout) == {"given_up": [run_id]}
    assert not any(path.exists() for path in files_of(spooled, run_id))


def test_what_it_had_begun_is_closed(spooled: Path) -> None:
    """A run that is given up does not count as running for ever at the place that it was trained for."""
    spool, run_id = Spool(spooled), run_id_of(spooled)
    record = spool.record(run_id)
    assert record is not None
    spool.write(record.model_copy(update={"tracking": "sqlite:///mlflow.db", "done": ("open run",)}))
    place = TrackingPlace.of(None, spooled)
    run = TrackedRun.open(place, record.experiment, record.name, run_id, record.started_at)
    assert invoke("runs", "sync", "--give-up", run_id).stderr == ""
    assert place.client().get_run(run.tracking_id).info.status == "KILLED"

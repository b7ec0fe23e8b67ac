"""Damaged records of runs that wait for the tracking server."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.errors import DataError
from candle_ml.spool import Spool

from ..versions.conftest import flip
from .conftest import AWAY, SYNC, invoke, run_id_of

warns = pytest.mark.filterwarnings("default::candle_ml.errors.CandleMLWarning")


def files_of(root: Path, run_id: str) -> tuple[Path, Path]:
    """The record of a run and its copy."""
    folder = root / ".candle-ml" / "spool"
    return folder / f"{run_id}.json", folder / "copies" / f"{run_id}.json"


def named(root: Path, run_id: str, found: str = "damaged or not readable") -> str:
    """How a record is named that is damaged together with its copy."""
    path, copy = files_of(root, run_id)
    return (
        f"{path}: {found}; its copy {copy} is damaged or not readable; restore one from a backup, "
        f"or give the run up: candle-ml runs sync --give-up {run_id}"
    )


@warns
def test_a_damaged_record_has_a_copy(spooled: Path) -> None:
    """A record that is damaged is told, and the run is uploaded from its copy; nothing of both is left."""
    run_id = run_id_of(spooled)
    path, copy = files_of(spooled, run_id)
    path.write_bytes(b"")
    told = invoke(*SYNC)
    assert told.exit_code == 0
    assert told.stderr == f"warning: {path}: damaged or not readable; the copy {copy} is used\n"
    assert told.stdout.startswith(f"{run_id}: synced to sqlite:///{spooled}/mlflow.db\n")
    assert not path.exists()
    assert not copy.exists()


@warns
def test_a_record_that_is_gone_has_a_copy(spooled: Path) -> None:
    """A run of which only the copy of its record is left waits as before: it is listed, kept and uploaded."""
    run_id = run_id_of(spooled)
    path, copy = files_of(spooled, run_id)
    path.unlink()
    assert "finished, spooled" in invoke("runs", "list").stdout
    assert "not yet synced" in invoke("runs", "prune", "--keep", "0").stdout
    told = invoke(*SYNC)
    assert told.stderr == f"warning: {path}: gone; the copy {copy} is used\n"
    assert told.stdout.startswith(f"{run_id}: synced to sqlite:///{spooled}/mlflow.db\n")
    assert Spool(spooled).run_ids() == frozenset()


def test_a_record_that_is_gone_with_a_damaged_copy(spooled: Path) -> None:
    """Where nothing intact is left of a record, the run is named and stays, until it is given up."""
    run_id = run_id_of(spooled)
    path, copy = files_of(spooled, run_id)
    path.unlink()
    flip(copy)
    told = invoke(*SYNC)
    assert (told.exit_code, told.stderr) == (7, f"{run_id}: not synced: {named(spooled, run_id, 'gone')}\n")
    assert "not yet synced" in invoke("runs", "prune", "--keep", "0").stdout
    assert invoke("runs", "sync", "--give-up", run_id).exit_code == 0
    assert Spool(spooled).run_ids() == frozenset()


def test_a_damaged_record_stops_no_other(spooled: Path) -> None:
    """Each record that is damaged with its copy is named and stays; the others are uploaded, and commands go on."""
    damaged = run_id_of(spooled)
    assert invoke("train", "--set", f"tracking.uri={AWAY}").exit_code == 0
    (intact,) = Spool(spooled).run_ids() - {damaged}
    for path in files_of(spooled, damaged):
        flip(path)
    shown = invoke("runs", "show", damaged)
    assert shown.exit_code == 0
    assert f"spooled, not yet synced; {named(spooled, damaged)}\n" in shown.stdout
    assert "metrics.f1_macro" in shown.stdout
    told = invoke(*SYNC)
    assert (told.exit_code, told.stderr) == (7, f"{damaged}: not synced: {named(spooled, damaged)}\n")
    assert told.stdout.startswith(f"{intact}: synced to sqlite:///{spooled}/mlflow.db\nregistered: small version 1\n")
    assert Spool(spooled).run_ids() == {damaged}
    assert invoke("train").exit_code == 0
    assert "not yet synced" in invoke("runs", "prune", "--keep", "0", "--dry-run").stdout


def test_every_change_of_a_record_is_noticed(spooled: Path) -> None:
    """A record with another number, of another run, cut, grown or of another form is not used."""
    run_id = run_id_of(spooled)
    path, copy = files_of(spooled, run_id)
    copy.unlink()
    spool, content = Spool(spooled), path.read_bytes()
    record = spool.record(run_id)
    assert record is not None
    spool.write(record.model_copy(update={"run_id": "0" * 32}))
    of_another_run = files_of(spooled, "0" * 32)[0].read_bytes()
    other_number = content.replace(b'"ended_at": 1', b'"ended_at": 2')
    for changed in (other_number, of_another_run, content[:-1], content + b" ", b"{}", b"\xff", b""):
        assert changed != content
        path.write_bytes(changed)
        with pytest.raises(DataError) as caught:
            spool.record(run_id)
        assert str(caught.value) == named(spooled, run_id)
    path.write_bytes(content)
    assert spool.record(run_id) == record

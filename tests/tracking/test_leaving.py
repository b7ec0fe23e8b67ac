"""What a run has at the place that it was trained for, once it was led to another one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from candle_ml.bundle import open_bundle
from candle_ml.errors import RegistryError
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import RunRecord, Spool
from candle_ml.tracking import TrackedRun, TrackingPlace

from .conftest import AWAY, SYNC, invoke, run_id_of, tracked
from .test_destination import OTHER
from .test_records import files_of


def registered(root: Path, alias: str | None) -> tuple[RunRecord, RegisteredVersion]:
    """Bring the run that waits to another store, as far as its version or alias; the answer to that was lost."""
    spool, place = Spool(root), TrackingPlace.of(OTHER, root)
    record = spool.record(run_id_of(root))
    assert record is not None
    record = record.model_copy(update={"tracking": OTHER, "done": ("open run", "log model", "close run")})
    spool.write(record)
    sealed = open_bundle(spool.folder(record.run_id) / "bundle")
    run = TrackedRun.open(place, record.experiment, record.name, record.run_id, record.started_at)
    registry = Registry(place, "small")
    version = registry.register(run.log_model(sealed.folder), run.tracking_id, sealed.digest, sealed.info)
    if alias is not None:
        registry.promote(version.version, alias)
    return record, version


def test_a_version_that_is_left_is_told_and_marked(spooled: Path) -> None:
    """A version without an alias stays at the other place, marked with where its run went; its run is closed."""
    record, version = registered(spooled, None)
    told = invoke(*SYNC)
    assert told.exit_code == 0
    assert told.stdout.startswith(f"{record.run_id}: synced to sqlite:///{spooled}/mlflow.db\n")
    assert told.stderr == (
        f"{record.run_id}: small version 1 stays registered at sqlite:///{spooled}/other.db; "
        "delete it in MLflow if nothing is to use it\n"
    )
    there = TrackingPlace.of(OTHER, spooled).client()
    assert there.get_run(version.tracking_id).info.status == "KILLED"
    assert there.get_model_version("small", "1").tags["moved_to"] == f"sqlite:///{spooled}/mlflow.db"


def test_a_version_that_is_left_keeps_its_alias(spooled: Path) -> None:
    """A version that serves an alias there goes on doing so, and the command is named that moves it."""
    record, _ = registered(spooled, "champion")
    told = invoke(*SYNC, "--json")
    left = (
        f"{record.run_id}: small version 1 stays registered at sqlite:///{spooled}/other.db, where it serves alias "
        f"'champion'; candle-ml model promote VERSION --set tracking.uri=sqlite:///{spooled}/other.db moves the alias"
    )
    assert (told.exit_code, json.loads(told.stdout)["left"], told.stderr) == (0, [left], f"{left}\n")
    assert Registry(TrackingPlace.of(OTHER, spooled), "small").find(version=1).aliases == ("champion",)
    assert invoke(*SYNC).stdout == "nothing to sync: no run waits\n"


def test_a_place_that_is_away_is_told_where_something_was_done(spooled: Path) -> None:
    """What had been done at a place that does not answer any more is named with the reason; the run goes its way."""
    spool, run_id = Spool(spooled), run_id_of(spooled)
    record = spool.record(run_id)
    assert record is not None
    spool.write(record.model_copy(update={"done": ("open run", "log model")}))
    told = invoke(*SYNC)
    assert told.exit_code == 0
    assert told.stderr == (
        f"{run_id}: what was done of it (open run, log model) stays as it is: {AWAY}: cannot be reached: "
        "nothing listens there; check that it is running and reachable\n"
    )


@contextmanager
def slow_place(asked: threading.Event, go_on: threading.Event) -> Iterator[str]:
    """The address of something that is no tracking server and does not answer before it may."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            go_on.wait(120)
            self.send_error(404)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        go_on.set()
        server.shutdown()
        server.server_close()


def syncing(root: Path) -> subprocess.Popen[str]:
    """A `runs sync` in a process of its own."""
    command = [sys.executable, "-c", f"from candle_ml.cli import main; main({list(SYNC)})"]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_is_led_elsewhere_by_one_process_alone(spooled: Path) -> None:
    """While `runs sync` asks the place of the training, no other one can upload the run and take its record away."""
    spool, asked, go_on = Spool(spooled), threading.Event(), threading.Event()
    record = spool.record(run_id_of(spooled))
    assert record is not None
    with slow_place(asked, go_on) as address:
        spool.write(record.model_copy(update={"tracking": address}))
        process = syncing(spooled)
        assert asked.wait(120)
        with pytest.raises(RegistryError, match="held by another candle-ml"), spool.held(patience=0):
            raise AssertionError("not held")
        go_on.set()
        printed, told = process.communicate()
    assert (process.returncode, "registered: small version 1" in printed) == (0, True), told
    assert (spool.run_ids(), len(tracked())) == (frozenset(), 1)


def test_a_run_that_was_uploaded_meanwhile_does_not_wait_again(spooled: Path) -> None:
    """A `runs sync` that has read a record before another one has uploaded that run says so and leaves it at that."""
    spool, run_id = Spool(spooled), run_id_of(spooled)
    path, _ = files_of(spooled, run_id)
    path.write_bytes(b"")
    with spool.held():
        process = syncing(spooled)
        assert process.stderr is not None
        # Told as soon as the record is read, long before it is its turn.
        assert process.stderr.readline().startswith(f"warning: {path}: damaged")
        spool.remove(run_id)
    printed, told = process.communicate()
    assert (process.returncode, printed) == (0, f"{run_id}: synced by another candle-ml meanwhile\n"), told
    assert spool.run_ids() == frozenset()

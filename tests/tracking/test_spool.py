"""Runs that were trained while the tracking server was away, and how they get there later."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from candle_ml import pipeline
from candle_ml.bundle import open_bundle
from candle_ml.config import load_config
from candle_ml.errors import RegistryError, TrainingError
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import Spool
from candle_ml.state import StateStore
from candle_ml.tracking import RUN_TAG, TrackedRun, TrackingAwayError, TrackingPlace

from ..state.conftest import execute
from .conftest import AWAY, SYNC, client, invoke, run_id_of, tracked


def test_a_training_without_its_server_is_kept(trained_away: tuple[Path, str]) -> None:
    """The training ends well, says what cannot be reached, where the run is kept and which command uploads it."""
    root, told = trained_away
    folder = root / ".candle-ml" / "runs" / run_id_of(root)
    assert (
        f"not yet synced: {AWAY}: cannot be reached: nothing listens there; "
        "check that it is running and reachable\n"
        f"            kept in {folder}; candle-ml runs sync --set tracking.uri={AWAY} uploads it\n"
    ) in told
    assert "registered" not in told
    record = Spool(root).record(run_id_of(root))
    assert record is not None
    assert record.digest == open_bundle(folder / "bundle").digest
    assert record.done == ()


def test_a_store_that_cannot_be_written(spooled: Path) -> None:
    """An embedded store without room for files lets the run wait, in one line, and takes it later."""
    run_id = run_id_of(spooled)
    (spooled / "mlartifacts").write_text("a file", "utf-8")
    told = invoke(*SYNC)
    assert told.exit_code == 7
    assert told.stderr == (
        f"{run_id}: not synced: sqlite:///{spooled}/mlflow.db: {spooled}/mlartifacts/small: Not a directory; "
        "check the store\n"
    )
    (spooled / "mlartifacts").unlink()
    assert invoke(*SYNC).stdout.startswith(f"{run_id}: synced to sqlite:///{spooled}/mlflow.db\n")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """What the disk says while files are stored becomes one line about the store."""
    place = TrackingPlace.of(None, tmp_path)
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(TrackingAwayError) as caught, place.guarded():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.skops")
    assert str(caught.value) == f"sqlite:///{tmp_path}/mlflow.db: the disk is full; free some space"


def test_a_state_store_that_is_lost_at_the_end(project: Path) -> None:
    """A run that is recorded but whose end the state store did not take waits, and `runs sync` finishes it in both."""
    state = project / ".candle-ml" / "state.db"

    def losing(what: str, done: int, total: int) -> None:
        if (what, done) == ("record run", 1):
            state.rename(project / "away.db")

    result = pipeline.run(load_config(project / "config" / "pipeline.yaml"), progress=losing)
    assert result.spooled is not None
    assert result.spooled.startswith(f"state store {state}: the file is not there; ")
    assert not state.exists()
    (project / "away.db").replace(state)
    # As if the process of the training, which is this one, had ended.
    execute(f"sqlite:///{state}", "UPDATE training_runs SET process_started = process_started - 3600")
    (listed,) = json.loads(invoke("runs", "list", "--json", "--status", "finished").stdout)
    assert (listed["spooled"], listed["error"]) == (True, None)
    metrics = {name: value if math.isfinite(value) else None for name, value in result.measured.metrics().items()}
    assert listed["metrics"] == metrics
    assert "finished, spooled" in invoke("runs", "list").stdout
    assert invoke("runs", "list", "--status", "interrupted").stdout == "no run is interrupted\n"
    assert invoke(*SYNC).exit_code == 0
    with StateStore.open(project) as store:
        run = store.run(result.run_id)
    assert (run.status, run.metrics) == ("finished", metrics)
    assert f"{run.completed_at:%Y-%m-%dT%H:%M:%SZ}" == listed["completed_at"]


def test_a_record_that_cannot_be_written(project: Path) -> None:
    """The training fails with the reason, names the model that it leaves, which predicts, and is listed as failed."""
    blocked = project / ".candle-ml" / "spool"
    blocked.parent.mkdir()
    blocked.write_text("no folder", "utf-8")
    told = invoke("train")
    assert told.exit_code == 7
    with StateStore.open(project) as store:
        (run,) = store.runs()
    bundle = project / ".candle-ml" / "runs" / run.run_id / "bundle"
    reason = f"{blocked / run.run_id}.json: cannot be written: File exists; a place that this user can write"
    left = f"{bundle}: the model was trained before that; candle-ml predict --bundle uses it"
    assert told.stderr == f"{reason}\n{left}\n"
    assert (run.status, run.error) == ("failed", reason)
    assert invoke("predict", "--bundle", str(bundle), "data/candles/AAPL_1d.csv").exit_code == 0


def test_what_failed_first_is_told(project: Path) -> None:
    """A state store that is lost when a training fails does not hide why the training failed."""
    state = project / ".candle-ml" / "state.db"

    def losing(what: str, done: int, total: int) -> None:
        if (what, done) == ("record run", 0):
            state.rename(project / "away.db")
            raise TrainingError.at("model", "out of luck")

    with pytest.raises(TrainingError) as caught:
        pipeline.run(load_config(project / "config" / "pipeline.yaml"), progress=losing)
    assert str(caught.value) == "model: out of luck"
    assert not state.exists()


def test_a_waiting_run_is_told(spooled: Path) -> None:
    """`runs list` and `runs show` say that a finished run waits for its server; after `runs sync` they do not."""
    run_id = run_id_of(spooled)
    assert "finished, spooled" in invoke("runs", "list").stdout
    assert json.loads(invoke("runs", "list", "--json").stdout)[0]["spooled"] is True
    assert "spooled, not yet synced (done: nothing); candle-ml runs sync uploads it to http://127.0.0.1:9\n" in (
        invoke("runs", "show", run_id).stdout
    )
    assert invoke(*SYNC).exit_code == 0
    assert "spooled" not in invoke("runs", "list").stdout
    assert "spooled" not in invoke("runs", "show", run_id).stdout
    assert json.loads(invoke("runs", "show", run_id, "--json").stdout)["spooled"] is False


def test_a_synced_run_is_whole(spooled: Path) -> None:
    """The server has its parameters, metrics, times, files and model, one version has the alias, and all is said."""
    run_id = run_id_of(spooled)
    record = Spool(spooled).record(run_id)
    assert record is not None
    told = invoke(*SYNC)
    assert told.stdout == (
        f"{run_id}: synced to sqlite:///{spooled}/mlflow.db\n"
        "registered: small version 1\n"
        "            now serves alias 'champion': no version held the alias\n"
    )
    (run,) = tracked()
    assert run.data.tags[RUN_TAG] == run_id
    assert run.data.params == record.params
    assert run.data.metrics == pytest.approx(record.metrics, nan_ok=True)
    assert (run.info.status, run.info.start_time, run.info.end_time) == (
        "FINISHED",
        record.started_at,
        record.ended_at,
    )
    names = {item.path for item in client().list_artifacts(run.info.run_id)}
    assert names == {"effective.yaml", "evaluation.json", "pipeline.yaml"}
    (version,) = Registry(TrackingPlace.of(None, spooled), "small").versions()
    assert (version.run_id, version.tracking_id, version.digest) == (run_id, run.info.run_id, record.digest)
    assert invoke("predict", "data/candles/AAPL_1d.csv").exit_code == 0


def test_nothing_waits(project: Path) -> None:
    """Where no run waits, `runs sync` says so."""
    assert invoke(*SYNC).stdout == "nothing to sync: no run waits\n"
    assert json.loads(invoke("runs", "sync", "--json").stdout) == {"runs": [], "closed": [], "left": []}


def test_the_server_is_still_away(spooled: Path) -> None:
    """`runs sync` without a server fails with what cannot be reached, and the run goes on waiting."""
    told = invoke("runs", "sync")
    assert told.exit_code == 7
    assert told.stderr == (
        f"{run_id_of(spooled)}: not synced: {AWAY}: cannot be reached: nothing listens there; "
        "check that it is running and reachable\n"
    )
    assert len(Spool(spooled).run_ids()) == 1


def test_the_better_version_is_judged_later(spooled: Path) -> None:
    """By the rule `better` a synced run is compared with the version that holds the alias, on its own test block."""
    assert invoke("train").exit_code == 0
    assert invoke(*SYNC).stdout.endswith(
        "registered: small version 2\n"
        "            does not take alias 'champion': span F1 0.000 against 0.000 of version 1 on the same test block\n"
    )


def test_what_cannot_be_judged_is_left_to_people(spooled: Path) -> None:
    """Where the data is no longer that of the training, the alias stays and the command to move it is named."""
    assert invoke("train").exit_code == 0
    path = spooled / "data" / "candles" / "AAPL_1d.csv"
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8")
    record = Spool(spooled).record(run_id_of(spooled))
    assert record is not None
    told = invoke(*SYNC).stdout
    assert "does not take alias 'champion': test block: cannot be made again: data: hash " in told
    assert f"...; {record.data_hash[:12]}... was trained on; candle-ml model promote decides by hand\n" in told


def test_always_does_not_go_back(spooled: Path) -> None:
    """By the rule `always` a run that is synced late does not take the alias from one that was trained later."""
    spool = Spool(spooled)
    record = spool.record(run_id_of(spooled))
    assert record is not None
    assert record.registration is not None
    always = record.registration.model_copy(update={"rule": "always"})
    spool.write(record.model_copy(update={"registration": always}))
    assert invoke("train").exit_code == 0
    assert invoke(*SYNC).stdout.endswith("does not take alias 'champion': version 1 was trained later\n")


def twin(version: RegisteredVersion) -> int:
    """Register the same model once more, as a request does that is sent again after its answer was lost."""
    tags = client().get_model_version(version.name, str(version.version)).tags
    return int(client().create_model_version(version.name, version.source, version.tracking_id, tags=tags).version)


def test_a_second_version_of_a_run_is_never_deleted(spooled: Path) -> None:
    """A version that was registered twice and is served stays served when its run is uploaded again."""
    spool, registry = Spool(spooled), Registry(TrackingPlace.of(None, spooled), "small")
    record = spool.record(run_id_of(spooled))
    assert record is not None
    assert invoke(*SYNC).exit_code == 0
    (version,) = registry.versions()
    registry.promote(twin(version), "champion")
    spool.write(record)
    assert invoke(*SYNC).exit_code == 0
    assert [(one.version, one.aliases) for one in registry.versions()] == [(2, ("champion",)), (1, ())]
    assert invoke("predict", "data/candles/AAPL_1d.csv").exit_code == 0


def test_a_run_that_is_registered_by_many_at_once(spooled: Path) -> None:
    """However many register one run at the same moment, all go on with one version, which nobody takes away."""
    run_id, place = run_id_of(spooled), TrackingPlace.of(None, spooled)
    tracked_run = TrackedRun.open(place, "small", "small", run_id, 0)
    sealed = open_bundle(Spool(spooled).folder(run_id) / "bundle")
    model_id = tracked_run.log_model(sealed.folder)
    together = threading.Barrier(4)

    def register(number: int) -> int:
        registry = Registry(place, "small")
        together.wait()
        version = registry.register(model_id, tracked_run.tracking_id, sealed.digest, sealed.info).version
        registry.promote(version, f"alias-{number}")
        return version

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(register, range(4))) == {1}
    aliases = Registry(place, "small").find(version=1).aliases
    assert aliases == tuple(f"alias-{number}" for number in range(4))


def test_two_uploads_of_one_run_at_once(spooled: Path) -> None:
    """Two `runs sync` that begin together make one run and one version; one of them does it."""
    command = [sys.executable, "-c", "from candle_ml.cli import main; main(['runs', 'sync', '--to', 'configured'])"]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, cwd=spooled, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum("registered: small version 1" in printed for printed, _ in told) == 1
    assert [run.info.status for run in tracked()] == ["FINISHED"]
    assert [one.aliases for one in Registry(TrackingPlace.of(None, spooled), "small").versions()] == [("champion",)]


def test_a_spool_that_is_held(spooled: Path) -> None:
    """Two uploads wait for each other, and one that waits too long says what it waits for."""
    with Spool(spooled).held(), pytest.raises(RegistryError) as caught, Spool(spooled).held(patience=0):
        raise AssertionError("held twice")
    path = spooled / ".candle-ml" / "spool" / "lock"
    assert str(caught.value) == f"{path}: held by another candle-ml; wait until that has ended"

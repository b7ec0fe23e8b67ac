"""Where a run goes that waits: to the place it was trained for, unless somebody chooses another."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from candle_ml import pipeline
from candle_ml.config import load_config
from candle_ml.registry import Registry
from candle_ml.spool import Spool
from candle_ml.state import Database, DatabasePlace, StateStore, schema
from candle_ml.tracking import RUN_TAG, TrackedRun, TrackingPlace, close_left_open

from .conftest import AWAY, SYNC, client, invoke, run_id_of, tracked

OTHER = "sqlite:///other.db"


def advised(told: str) -> tuple[str, ...]:
    """The command that a training names, as its words."""
    (line,) = (line for line in told.splitlines() if line.endswith(" uploads it"))
    return tuple(shlex.split(line.partition("; candle-ml ")[2].removesuffix(" uploads it")))


def away(path: Path) -> Path:
    """Something in the way of a store, until it is removed."""
    path.write_text("no folder", "utf-8")
    return path


def test_what_a_training_advises_works(project: Path) -> None:
    """The named command, word by word, brings the run to the store it was trained for and says so."""
    blocked = away(project / "mlartifacts")
    told = invoke("train", "--set", f"tracking.uri={OTHER}")
    assert told.exit_code == 0, told.stderr
    blocked.unlink()
    words = advised(told.stdout)
    assert words == ("runs", "sync", "--set", f"tracking.uri={OTHER}")
    run_id = run_id_of(project)
    assert invoke(*words).stdout.startswith(f"{run_id}: synced to sqlite:///{project}/other.db\n")
    assert not (project / "mlflow.db").exists()


def test_a_run_goes_where_it_was_trained_for(project: Path) -> None:
    """Where the configuration names no place, the one of the training is used, not the embedded store."""
    blocked = away(project / "mlartifacts")
    assert invoke("train", "--set", f"tracking.uri={OTHER}").exit_code == 0
    blocked.unlink()
    told = json.loads(invoke("runs", "sync", "--json").stdout)
    assert (told["runs"][0]["synced"], told["runs"][0]["place"]) == (True, f"sqlite:///{project}/other.db")
    assert not (project / "mlflow.db").exists()
    assert (
        len(Registry(TrackingPlace.of(OTHER, project), load_config(Path("config/pipeline.yaml")).name).versions()) == 1
    )


def test_another_place_is_chosen_by_the_user(spooled: Path) -> None:
    """Where the configuration names another place both are told and the run stays; each of the two can be chosen."""
    run_id, other = run_id_of(spooled), f"sqlite:///{spooled}/other.db"
    told = invoke("runs", "sync", "--set", f"tracking.uri={OTHER}")
    assert told.exit_code == 7
    assert told.stderr == (
        f"{run_id}: not synced: --set tracking.uri={OTHER}: tracking.uri: names {other}, "
        f"the run was trained for {AWAY}; "
        f"candle-ml runs sync --to trained uploads it there, --to configured to {other}\n"
    )
    trained = invoke("runs", "sync", "--to", "trained", "--set", f"tracking.uri={OTHER}")
    assert (trained.exit_code, trained.stderr.startswith(f"{run_id}: not synced: {AWAY}: ")) == (7, True)
    chosen = invoke("runs", "sync", "--to", "configured", "--set", f"tracking.uri={OTHER}")
    assert chosen.stdout.startswith(f"{run_id}: synced to {other}\n")
    assert Spool(spooled).run_ids() == frozenset()


def test_an_upload_is_completed_where_it_was_begun(project: Path) -> None:
    """A run that is half on one store is completed there, whatever the default; nothing of it is left open."""
    config = load_config(project / "config" / "pipeline.yaml", [f"tracking.uri={OTHER}"])

    def losing(what: str, done: int, total: int) -> None:
        if (what, done) == ("log values", 0):
            (project / "other.db").rename(project / "away.db")
            (project / "other.db").mkdir()

    result = pipeline.run(config, progress=losing)
    record = Spool(project).record(result.run_id)
    assert record is not None
    assert record.done == ("open run", "log model")
    (project / "other.db").rmdir()
    (project / "away.db").rename(project / "other.db")
    assert invoke("runs", "sync").exit_code == 0
    there = TrackingPlace.of(OTHER, project).client()
    runs = there.search_runs([one.experiment_id for one in there.search_experiments()])
    assert [(run.info.status, run.data.tags[RUN_TAG]) for run in runs] == [("FINISHED", result.run_id)]


def test_what_was_begun_elsewhere_is_closed(spooled: Path) -> None:
    """A run that is led to another place than it was begun at does not count as running there for ever."""
    spool, run_id = Spool(spooled), run_id_of(spooled)
    record = spool.record(run_id)
    assert record is not None
    spool.write(record.model_copy(update={"tracking": OTHER, "done": ("open run",)}))
    TrackedRun.open(TrackingPlace.of(OTHER, spooled), record.experiment, record.name, run_id, record.started_at)
    told = invoke(*SYNC)
    assert told.exit_code == 0, told.stderr
    there = TrackingPlace.of(OTHER, spooled)
    assert close_left_open(there, record.experiment, {run_id: "KILLED"}) == ()
    (run,) = there.client().search_runs([there.client().get_experiment_by_name(record.experiment).experiment_id])
    assert run.info.status == "KILLED"
    assert [one.info.status for one in tracked()] == ["FINISHED"]


def test_a_record_of_an_earlier_version(spooled: Path) -> None:
    """A record that does not know its place is proven by its bytes all the same, and goes to the configured place."""
    spool, run_id = Spool(spooled), run_id_of(spooled)
    record = spool.record(run_id)
    assert record is not None
    assert record.tracking == AWAY
    earlier = record.model_copy(update={"tracking": None})
    spool.write(earlier)
    assert "tracking" not in (spooled / ".candle-ml" / "spool" / f"{run_id}.json").read_text("utf-8")
    assert spool.record(run_id) == earlier
    assert invoke("runs", "sync").stdout.startswith(f"{run_id}: synced to sqlite:///{spooled}/mlflow.db\n")


def test_runs_that_wait_do_not_wait_for_each_other(spooled: Path) -> None:
    """A run whose place is away does not keep another from its own; both are told."""
    waiting = run_id_of(spooled)
    blocked = away(spooled / "mlartifacts")
    assert invoke("train").exit_code == 0
    blocked.unlink()
    (other,) = Spool(spooled).run_ids() - {waiting}
    told = invoke("runs", "sync")
    assert told.exit_code == 7
    assert told.stderr.startswith(f"{waiting}: not synced: {AWAY}: cannot be reached")
    assert told.stdout.startswith(f"{other}: synced to sqlite:///{spooled}/mlflow.db\n")
    assert Spool(spooled).run_ids() == {waiting}


def test_a_relative_store_starts_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of a file means the same from every folder, and the default is one such address."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "project"
    assert TrackingPlace.of(OTHER, root).uri == f"sqlite:///{root}/other.db"
    assert TrackingPlace.of(f"sqlite:///{tmp_path}/own.db", root).uri == f"sqlite:///{tmp_path}/own.db"
    assert TrackingPlace.of("sqlite:///mlflow.db", root) == TrackingPlace.of(None, root)
    assert TrackingPlace.of("http://127.0.0.1:5000/", root) == TrackingPlace.of("http://127.0.0.1:5000", root)


def test_a_run_that_the_state_store_has_lost(spooled: Path) -> None:
    """A run that waits is entered into a state store that does not know it, with its times and configuration."""
    with StateStore.open(spooled) as store:
        (before,) = store.runs()
        text = store.config_text(before.config_hash)
    database = Database(DatabasePlace.of(spooled))
    schema.downgrade(database, schema.EMPTY)
    database.close()
    runs = spooled / ".candle-ml" / "runs"
    told = invoke("runs", "list")
    assert told.stdout == "no run is recorded; candle-ml train makes one\n"
    assert told.stderr == (
        f"runs that this state store does not know: 1, in {runs}; candle-ml runs sync enters those that wait (1), "
        "candle-ml runs prune removes old ones\n"
    )
    assert invoke(*SYNC).exit_code == 0
    with StateStore.open(spooled) as store:
        (after,) = store.runs()
        assert store.config_text(after.config_hash) == text
    same = ("run_id", "status", "model_type", "experiment_name", "config_hash", "dataset_version", "metrics")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert abs((after.created_at - before.created_at).total_seconds()) < 60
    assert [run.data.tags[RUN_TAG] for run in client().search_runs(["1"])] == [after.run_id]


def test_reading_makes_no_store(project: Path) -> None:
    """Before the first training the versions are listed as none, and nothing is made for that."""
    assert invoke("model", "list").stdout == "no version is registered; candle-ml train makes one\n"
    assert invoke("runs", "prune", "--keep", "0").stdout == "nothing to prune\n"
    assert not (project / "mlflow.db").exists()

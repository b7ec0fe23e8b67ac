"""What the store keeps comes back, on both engines alike."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candle_ml.errors import DataError, StateError
from candle_ml.inference import Receipt
from candle_ml.state import StateStore

from .conftest import Opener, execute

TEXT = "name: demo  # Kursmuster \N{CANDLE}\nseed: 7\n"


SETTINGS = ("journal_mode", "synchronous", "foreign_keys")


def begin(store: StateStore, run_id: str, config_hash: str = "c0ffee") -> None:
    store.begin_run(run_id, "random-forest", "demo", config_hash, TEXT, "v1")


def test_a_begun_run_is_running(store: StateStore) -> None:
    """A run that has begun stands in the store with all that is known of it."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    begin(store, "r1")
    run = store.run("r1")
    assert (run.run_id, run.model_type, run.experiment_name) == ("r1", "random-forest", "demo")
    assert (run.config_hash, run.dataset_version, run.status) == ("c0ffee", "v1", "running")
    assert (run.metrics, run.error, run.completed_at) == ({}, None, None)
    assert run.created_at.tzinfo is UTC
    assert before < run.created_at < datetime.now(UTC) + timedelta(seconds=1)
    assert run.heartbeat_at == run.created_at


def test_a_finished_run_keeps_its_metrics(store: StateStore) -> None:
    """Metrics come back bit by bit; one that is not a finite number comes back as None."""
    begin(store, "r1")
    store.finish_run("r1", {"f1_macro": 0.1 + 0.2, "support": 12, "roc": math.nan, "loss": math.inf})
    run = store.run("r1")
    assert run.status == "finished"
    assert run.metrics == {"f1_macro": 0.1 + 0.2, "support": 12.0, "roc": None, "loss": None}
    assert run.completed_at is not None
    assert run.completed_at >= run.created_at


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (DataError.at("candles.csv:7", "close is 'abc'", "a number is needed"), None),
        (ValueError("no\0 such \udc80"), "ValueError: no\N{REPLACEMENT CHARACTER} such ?"),
        (KeyError(), "KeyError"),
        ("x" * 10_000, "x" * 4_000),
    ],
)
def test_a_failed_run_keeps_the_reason(store: StateStore, error: BaseException | str, kept: str | None) -> None:
    """The reason of a failure is kept as text that both engines can hold, at most 4,000 characters of it."""
    begin(store, "r1")
    store.fail_run("r1", error)
    run = store.run("r1")
    assert (run.status, run.error) == ("failed", kept or str(error))


def test_runs_come_newest_first(store: StateStore) -> None:
    """Runs are listed from the newest on, as many as asked for, of one status if asked."""
    for number in range(4):
        begin(store, f"r{number}")
    store.finish_run("r0", {})
    store.fail_run("r2", "no")
    assert [run.run_id for run in store.runs()] == ["r3", "r2", "r1", "r0"]
    assert [run.run_id for run in store.runs(limit=2)] == ["r3", "r2"]
    assert [run.run_id for run in store.runs(status="running")] == ["r3", "r1"]
    assert [run.run_id for run in store.runs(1, "finished")] == ["r0"]


def test_the_configuration_comes_back_exactly(store: StateStore) -> None:
    """The text of a configuration is kept once for each hash, character by character."""
    begin(store, "r1")
    store.begin_run("r2", "xgboost", "demo", "c0ffee", "another text", None)
    assert store.config_text("c0ffee") == TEXT
    assert store.run("r2").dataset_version is None


def test_an_id_is_given_once(store: StateStore, ready: str, open_store: Opener) -> None:
    """A run id that is taken is refused, by the same store and by another, and the first run stays as it is."""
    begin(store, "r1")
    for other in (store, open_store(ready)):
        with pytest.raises(StateError) as caught:
            other.begin_run("r1", "xgboost", "other", "beef", TEXT)
        assert caught.value.problems[0].found == "run 'r1' is there already"
        assert caught.value.problems[0].expected == "give each run an id of its own"
    assert store.run("r1").model_type == "random-forest"


def test_a_run_ends_once(store: StateStore) -> None:
    """A run that has ended cannot end differently; ending it the same way again changes nothing."""
    begin(store, "r1")
    store.finish_run("r1", {"f1_macro": 0.5})
    ended = store.run("r1")
    store.finish_run("r1", {"f1_macro": 0.5})
    for end in (lambda: store.fail_run("r1", "no"), lambda: store.finish_run("r1", {"f1_macro": 0.6})):
        with pytest.raises(StateError) as caught:
            end()
        assert caught.value.problems[0].found == "run 'r1' is finished already"
        assert caught.value.problems[0].expected == "a run ends once"
    assert store.run("r1") == ended


def test_a_run_that_is_given_up(store: StateStore) -> None:
    """A finished run keeps its scores and says why it was given up, an open one is interrupted by it; no other is."""
    for run_id in ("r1", "r2", "r3"):
        begin(store, run_id)
    store.finish_run("r1", {"f1_macro": 0.5})
    for run_id in ("r1", "r2", "r9"):
        store.give_up_run(run_id, "why")
    runs = {run.run_id: (run.status, run.given_up, run.error, len(run.metrics)) for run in store.runs()}
    assert runs == {
        "r1": ("finished", True, "why", 1),
        "r2": ("interrupted", False, "why", 0),
        "r3": ("running", False, None, 0),
    }


def test_what_is_not_there_is_named(store: StateStore) -> None:
    """An unknown run or configuration is an error that says which, and where to look."""
    runs = "; candle-ml runs list shows those there are"
    with pytest.raises(StateError, match=f"^state store .*: no run 'r9'{runs}$"):
        store.run("r9")
    exchanged = "the store was exchanged while it went on; put the earlier one back, or go on with this one"
    for end in (lambda: store.finish_run("r9", {}), lambda: store.fail_run("r9", "no")):
        with pytest.raises(StateError, match=f"^state store .*: run 'r9' is not known here any more: {exchanged}$"):
            end()
    with pytest.raises(StateError, match=r"no configuration 'beef'; candle-ml runs show tells the hash of a run$"):
        store.config_text("beef")


def test_loads_are_recorded(store: StateStore) -> None:
    """A load comes back with its receipt, a refusal with its reason, newest first."""
    receipt = Receipt("equal", 120, 2, 1e-9, ("numpy 2.3 instead of 2.2",))
    first = store.record_load("demo", "loaded", version=3, run_id="r1", digest="ab12", receipt=receipt)
    second = store.record_load("demo", "refused", version=4, error=DataError.at("model", "damaged"))
    refused, loaded = store.loads()
    assert (loaded.id, loaded.model_name, loaded.version, loaded.run_id) == (first, "demo", 3, "r1")
    assert (loaded.digest, loaded.outcome, loaded.error) == ("ab12", "loaded", None)
    assert json.loads(loaded.receipt or "")["differing"] == ["numpy 2.3 instead of 2.2"]
    assert (refused.id, refused.outcome, refused.error) == (second, "refused", "model: damaged")
    assert (refused.run_id, refused.digest, refused.receipt) == (None, None, None)
    assert loaded.loaded_at <= refused.loaded_at
    assert store.loads(limit=1) == (refused,)


def test_the_last_loaded_version_is_known(store: StateStore) -> None:
    """Of each model the version is told that was loaded last; a refusal and another model's load change nothing."""
    assert store.last_loaded("demo") is None
    store.record_load("demo", "loaded", version=3)
    store.record_load("demo", "loaded", version=1)
    store.record_load("demo", "refused", version=2)
    store.record_load("other", "loaded", version=7)
    assert (store.last_loaded("demo"), store.last_loaded("other")) == (1, 7)


def test_another_store_sees_everything(store: StateStore, ready: str, open_store: Opener) -> None:
    """What one store has written another one reads."""
    begin(store, "r1")
    store.finish_run("r1", {"f1_macro": 0.5})
    store.record_load("demo", "loaded", version=1)
    other = open_store(ready)
    assert other.runs() == store.runs()
    assert other.loads() == store.loads()


def test_threads_share_a_store(store: StateStore) -> None:
    """Many threads may use one store at once and nothing is lost."""

    def work(number: int) -> None:
        begin(store, f"r{number}", config_hash=f"hash {number % 3}")
        store.finish_run(f"r{number}", {"number": number})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(40)))
    assert {run.run_id: run.metrics["number"] for run in store.runs(status="finished")} == {
        f"r{number}": number for number in range(40)
    }


def test_the_engines_refuse_a_foreign_status(store: StateStore, ready: str) -> None:
    """Neither engine takes a status that candle-ml does not know, or a run without its configuration."""
    begin(store, "r1")
    for wrong in ("status = 'lost'", "pipeline_config_hash = 'beef'"):
        with pytest.raises(Exception, match=r"(?i)check constraint|foreign key"):
            execute(
                ready,
                "PRAGMA foreign_keys=ON" if "sqlite" in ready else "SELECT 1",
                f"UPDATE training_runs SET {wrong}",
            )
    assert store.run("r1").status == "running"


def test_the_default_is_a_file_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the state is kept in `.candle-ml/state.db` of the project, made on first use."""
    monkeypatch.setenv("CANDLE_ML_DATABASE_URL", " ")
    with StateStore.open(tmp_path / "project") as store:
        begin(store, "r1")
        store.ping()
    assert [path.name for path in (tmp_path / "project" / ".candle-ml").iterdir()] == ["state.db"]


def test_the_file_is_safe_against_power_loss(tmp_path: Path) -> None:
    """Every transaction is on the disk before it counts, with a journal that reading needs nothing of."""
    with StateStore.open(tmp_path) as store:
        found = store._database.read(
            lambda connection: [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in SETTINGS]
        )
    assert dict(zip(SETTINGS, found, strict=True)) == {"journal_mode": "delete", "synchronous": 2, "foreign_keys": 1}


def test_a_file_of_an_earlier_version_is_read_and_written(tmp_path: Path) -> None:
    """A SQLite file in WAL mode, with a run in it, goes on, and is in that mode no more."""
    url = f"sqlite:///{tmp_path / '.candle-ml' / 'state.db'}"
    with StateStore.open(tmp_path) as store:
        begin(store, "r1")
        store.finish_run("r1", {})
    assert execute(url, "PRAGMA journal_mode=WAL") == [("wal",)]
    with StateStore.open(tmp_path) as store:
        begin(store, "r2")
        assert [run.run_id for run in store.runs()] == ["r2", "r1"]
    assert execute(url, "PRAGMA journal_mode") == [("delete",)]


def test_a_run_that_is_entered_later(store: StateStore) -> None:
    """A run may be recorded after it has ended, with the times that it had."""
    began_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    store.begin_run("r1", "random-forest", "demo", "c0ffee", "text", began_at=began_at)
    store.finish_run("r1", {"f1_macro": 0.5}, timedelta(minutes=7))
    run = store.run("r1")
    assert (run.status, run.created_at, run.completed_at) == ("finished", began_at, began_at + timedelta(minutes=7))

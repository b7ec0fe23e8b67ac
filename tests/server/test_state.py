"""The state store beside the service: every load is kept in it, and nothing waits for it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from candle_ml.config import load_config
from candle_ml.state import Database, DatabasePlace, ModelLoad, StateStore, schema

from ..state import conftest as state_fixtures

server = state_fixtures.server
AWAY = "state store: does not answer; the log of the service says why"


def loads(root: Path, count: int) -> tuple[ModelLoad, ...]:
    """The loads of a project, newest first, once there are this many."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with StateStore.open(root) as store:
            found = store.loads()
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_every_load_is_kept(start: Any, own_registry: Path, project: Any, tmp_path: Path) -> None:
    """Version, run, digest and receipt of what is served; of what was refused the reason, once however often tried."""
    client = start(load_config(own_registry, ())).client
    bundle = project.copied_bundle(tmp_path / "trap")
    (bundle / "calibrator.json").write_text("{}")
    version = project.register(bundle)
    (tmp_path / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())
    for _ in range(2):
        assert client.post("/model/load", {"version": version}).status == 409
    assert client.post("/model/load", {"version": 2}).status == 200
    second, refused, first = loads(tmp_path, 3)
    registered = project.registry.find(version=1)
    assert (first.model_name, first.version, first.outcome, first.error) == ("served", 1, "loaded", None)
    assert (first.run_id, first.digest) == (registered.run_id, registered.digest)
    assert json.loads(first.receipt or "")["mode"] == "exact"
    assert (refused.version, refused.outcome, refused.receipt) == (version, "refused", None)
    assert "bundle/calibrator.json: its bytes have changed; SHA-256 " in (refused.error or "")
    assert (second.version, second.outcome) == (2, "loaded")
    assert first.loaded_at < refused.loaded_at < second.loaded_at


def test_a_store_that_is_away_at_the_start_stops_nothing(
    start: Any, own_registry: Path, tmp_path: Path, body: Any
) -> None:
    """Models are loaded and predict; `/ready` is 503 and names the store until it answers, which then has the load."""
    state = tmp_path / ".candle-ml" / "state.db"
    state.parent.mkdir()
    state.write_text("this is no database " * 1000)
    client = start(load_config(own_registry, ())).client
    found = client.get("/ready")
    assert (found.status, found.json["detail"]) == (503, AWAY)
    assert found.json["type"] == "urn:candle-ml:problem:not-ready"
    assert str(tmp_path) not in found.body.decode()
    assert client.post("/predict", body).status == 200
    state.unlink()
    ready = client.wait_until_ready(True)
    assert ready.json["checks"][3] == {"name": "state", "ok": True, "detail": "answers"}
    assert [load.version for load in loads(tmp_path, 1)] == [1]


def test_a_store_that_goes_away_and_comes_back_is_noticed(
    start: Any, own_registry: Path, tmp_path: Path, body: Any
) -> None:
    """Meanwhile predictions go on and models are changed; that is written when the store is back."""
    client = start(load_config(own_registry, ())).client
    client.wait_until_ready(True)
    state = tmp_path / ".candle-ml" / "state.db"
    moved = state.rename(tmp_path / "moved.db")
    assert client.wait_until_ready(False).json["detail"] == AWAY
    assert not state.exists()
    assert client.post("/model/load", {"version": 2}).status == 200
    assert client.post("/predict", body).json["model_version"] == "2"
    moved.rename(state)
    client.wait_until_ready(True)
    assert [load.version for load in loads(tmp_path, 2)] == [2, 1]


def test_a_service_begins_no_new_store_beside_runs(start: Any, own_registry: Path, tmp_path: Path) -> None:
    """Where runs are there but no store, a service makes none: it waits for the command that does."""
    (tmp_path / ".candle-ml" / "runs" / "one").mkdir(parents=True)
    client = start(load_config(own_registry, ())).client
    assert client.wait_until_ready(False).json["detail"] == AWAY
    assert not (tmp_path / ".candle-ml" / "state.db").exists()
    database = Database(DatabasePlace.of(tmp_path))
    schema.upgrade(database)
    database.close()
    client.wait_until_ready(True)
    assert [load.version for load in loads(tmp_path, 1)] == [1]


def test_everything_that_is_missing_is_named(start: Any, own_registry: Path, tmp_path: Path) -> None:
    """Without a model and without a state store `/ready` tells both."""
    (tmp_path / ".candle-ml").write_text("not a folder")
    client = start(load_config(own_registry, ("registry.model_name=unseen",)), wait=False).client
    errors = client.get("/ready").json["errors"]
    assert [error["where"] for error in errors] == ["model", "state store"]


def test_a_postgresql_server_may_stop_and_start(
    start: Any, own_registry: Path, server: Any, body: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Predictions go on without it, `/ready` tells, and the loads made meanwhile are in it afterwards."""
    url = server.url(server.create_database())
    monkeypatch.setenv("CANDLE_ML_DATABASE_URL", url)
    database = Database(DatabasePlace.of(tmp_path, url))
    schema.upgrade(database)
    database.close()
    client = start(load_config(own_registry, ())).client
    client.wait_until_ready(True)
    server.stop()
    try:
        assert client.wait_until_ready(False).json["detail"] == AWAY
        assert client.post("/model/load", {"version": 2}).status == 200
        assert client.post("/predict", body).json["model_version"] == "2"
    finally:
        server.start()
    client.wait_until_ready(True)
    assert [load.version for load in loads(tmp_path, 2)] == [2, 1]

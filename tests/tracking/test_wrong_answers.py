"""A real MLflow server behind a proxy that answers some requests with 200 and other JSON, and passes the others on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import RunRecord, Spool
from candle_ml.tracking import TrackedRun, TrackingPlace

from ..state.conftest import execute
from .answering import Wrong, between
from .conftest import MlflowServer, invoke, run_id_of, size_of
from .test_answers import ELSE

pytestmark = pytest.mark.slow

API = r"POST /api/2\.0/mlflow/"
FILES = r"/api/2\.0/mlflow-artifacts/artifacts"
WRITING = {
    "experiment": f"{API}experiments/create",
    "run": f"{API}runs/create",
    "model": f"{API}logged-models$",
    "files-of-model": f"PUT {FILES}/.*/models/",
    "end-of-model": r"PATCH /api/2\.0/mlflow/logged-models/",
    "values": f"{API}runs/log-batch",
    "files-of-run": f"PUT {FILES}/[0-9]+/[0-9a-f]+/artifacts/evaluation",
    "end-of-run": f"{API}runs/update",
    "registered-model": f"{API}registered-models/create",
    "version": f"{API}model-versions/create",
    "alias": f"{API}registered-models/alias",
}
"""Requests that write something, by what that is."""
READING = {
    "files": f"GET {FILES}",
    "run-to-read": r"GET /api/2\.0/mlflow/runs/get",
    "versions": r"GET /api/2\.0/mlflow/model-versions/search",
}
SHAPES = ("[]", "null", '{"files": 7}', '{"files": [{}]}', '{"files": [null]}', "a page")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server that keeps its metadata in SQLite."""
    folder = tmp_path_factory.mktemp("mlflow")
    server = MlflowServer(f"sqlite:///{folder}/mlflow.db", folder)
    server.start()
    yield server
    server.kill()


def waiting(root: Path, address: str, name: str) -> RunRecord:
    """Let the run of a project wait for this address, with an experiment and a model of this name."""
    spool = Spool(root)
    record = spool.record(run_id_of(root))
    assert record is not None
    assert record.registration is not None
    registration = record.registration.model_copy(update={"model_name": name})
    record = record.model_copy(update={"tracking": address, "experiment": name, "registration": registration})
    spool.write(record)
    execute(f"sqlite:///{root}/.candle-ml/state.db", f"UPDATE training_runs SET experiment_name = '{name}'")
    return record


def refused(address: str, run_id: str) -> None:
    """What answers is told as none of MLflow's, and the run waits on."""
    told = invoke("runs", "sync", "--set", f"tracking.uri={address}")
    assert (told.exit_code, told.stderr) == (7, f"{run_id}: not synced: {address}: {ELSE}\n")
    assert Spool(Path.cwd()).run_ids() == {run_id}


def twin(client: MlflowClient, version: RegisteredVersion) -> None:
    """Register the model of a version once more."""
    model_id = version.source.removeprefix("models:/")
    client.create_model_version(version.name, version.source, version.tracking_id, model_id=model_id)


@pytest.mark.parametrize("name", [*WRITING, *READING])
def test_a_write_that_is_only_said_to_be_done(spooled: Path, server: MlflowServer, name: str, tmp_path: Path) -> None:
    """A run waits as long as the server keeps nothing of what it takes; later it is whole, and its version serves."""
    wrong = Wrong({**WRITING, **READING}[name])
    with between(server.url, wrong) as address:
        record = waiting(spooled, address, name)
        refused(address, record.run_id)
        wrong.requests = ""
        told = invoke("runs", "sync", "--set", f"tracking.uri={address}")
    assert told.exit_code == 0, told.stderr
    place = TrackingPlace.of(server.url, spooled)
    version = Registry(place, name).at_alias("champion")
    assert version is not None
    assert version.run_id == record.run_id
    bundle = Registry(place, name).fetch(version, Path(tempfile.mkdtemp(dir=tmp_path)))
    assert size_of(bundle) == size_of(Spool(spooled).folder(record.run_id) / "bundle")
    run = place.client().get_run(version.tracking_id)
    assert (run.info.status, run.data.params) == ("FINISHED", record.params)
    names = {item.path for item in place.client().list_artifacts(version.tracking_id)}
    assert names == {"effective.yaml", "evaluation.json", "pipeline.yaml"}


def test_json_of_another_shape(spooled: Path, server: MlflowServer) -> None:
    """Whatever shape the JSON of a listing has, no command ends in an error of its own."""
    wrong = Wrong(READING["files"])
    with between(server.url, wrong) as address:
        record = waiting(spooled, address, "shapes")
        for wrong.body in SHAPES:
            refused(address, record.run_id)


@pytest.mark.parametrize(
    ("requests", "body"),
    [
        (f"{API}runs/search", '{"runs": [{"info": {"run_id": "another"}}]}'),
        (r"GET /api/2\.0/mlflow/experiments/get-by-name", '{"experiment": {"experiment_id": "77", "name": "another"}}'),
        (r"GET /api/2\.0/mlflow/registered-models/get", '{"registered_model": {"name": "another"}}'),
    ],
)
def test_an_answer_about_another_thing(spooled: Path, server: MlflowServer, requests: str, body: str) -> None:
    """A run, an experiment or a model that was not asked for is not taken for the one that was."""
    with between(server.url, Wrong(requests, body)) as address:
        refused(address, waiting(spooled, address, "another-thing").run_id)


def test_a_history_that_is_not_kept(spooled: Path, server: MlflowServer) -> None:
    """An alias does not move where the server forgets where it pointed before: nothing could bring that back."""
    wrong = Wrong("")
    with between(server.url, wrong) as address:
        record = waiting(spooled, address, "history")
        assert invoke("runs", "sync", "--set", f"tracking.uri={address}").exit_code == 0
        registry = Registry(TrackingPlace.of(address, spooled), "history")
        version = registry.find(run_id=record.run_id)
        twin(registry.place.client(), version)
        promote = ("model", "promote", "2", "--set", f"tracking.uri={address}", "--set", "name=history")
        wrong.requests = f"{API}registered-models/set-tag"
        told = invoke(*promote)
        assert (told.exit_code, told.stderr) == (7, f"{address}: {ELSE}\n")
        assert registry.find(version=1).aliases == ("champion",)
        wrong.requests = ""
        assert invoke(*promote).exit_code == 0
        assert registry.pinned() == {1, 2}


def test_nothing_is_pruned_by_a_wrong_answer(spooled: Path, server: MlflowServer) -> None:
    """A server that hides runs, versions or models lets nothing go of a run that is served."""
    wrong = Wrong("")
    with between(server.url, wrong) as address:
        uri = ("--set", f"tracking.uri={address}", "--set", "name=served")
        record = waiting(spooled, address, "served")
        assert invoke("runs", "sync", *uri).exit_code == 0
        folder, files = Spool(spooled).folder(record.run_id), size_of(server.folder / "artifacts")
        for hidden in ("runs/search", "runs/get", "model-versions/search", "registered-models/get"):
            wrong.requests = f"/api/2.0/mlflow/{hidden}"
            told = invoke("runs", "prune", "--keep", "0", *uri)
            served = "served version 1 is served or a rollback away" in told.stdout
            assert served or (told.exit_code, told.stderr) == (7, f"{address}: {ELSE}\n"), hidden
            assert folder.exists()
            assert size_of(server.folder / "artifacts") == files


@pytest.mark.parametrize("kept", [f"DELETE {FILES}", "model-versions/delete", "runs/delete"])
def test_a_deletion_that_is_only_said_to_be_done(spooled: Path, server: MlflowServer, kept: str) -> None:
    """A run that the server does not delete is not told as freed, and its folder stays until it does."""
    wrong = Wrong("")
    with between(server.url, wrong) as address:
        uri = ("--set", f"tracking.uri={address}", "--set", "name=unserved")
        record = waiting(spooled, address, "unserved")
        assert record.registration is not None
        never = record.registration.model_copy(update={"rule": "never"})
        Spool(spooled).write(record.model_copy(update={"registration": never}))
        synced = invoke("runs", "sync", *uri)
        assert synced.exit_code == 0, synced.stderr
        wrong.requests = kept
        told = invoke("runs", "prune", "--keep", "0", *uri)
        assert (told.exit_code, told.stdout, told.stderr) == (7, "", f"{address}: {ELSE}\n")
        assert Spool(spooled).folder(record.run_id).exists()
        wrong.requests = ""
        told = invoke("runs", "prune", "--keep", "0", *uri)
    assert (told.exit_code, " of 1 runs\n" in told.stdout) == (0, True), told.stderr
    assert not Spool(spooled).folder(record.run_id).exists()


def test_runs_of_another_project_stay(
    spooled: Path, server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two projects share state store and server: neither prunes what the other has begun to upload, or has uploaded."""
    monkeypatch.setenv("CANDLE_ML_DATABASE_URL", f"sqlite:///{tmp_path}/shared.db")
    assert invoke("db", "upgrade").exit_code == 0
    wrong = Wrong(WRITING["version"])
    with between(server.url, wrong) as address:
        record = waiting(spooled, address, "shared")
        uri = ("--set", f"tracking.uri={address}", "--set", "name=shared")
        refused(address, record.run_id)
        wrong.requests = ""
        other = shutil.copytree(spooled, tmp_path / "other", ignore=shutil.ignore_patterns(".candle-ml"))
        for step in ("begun", "uploaded"):
            monkeypatch.chdir(other)
            assert record.run_id in invoke("runs", "list", *uri).stdout
            assert invoke("runs", "prune", "--keep", "0", *uri).stdout == "nothing to prune\n", step
            assert TrackedRun.find(TrackingPlace.of(address, other), "shared", record.run_id) is not None
            monkeypatch.chdir(spooled)
            assert invoke("runs", "sync", *uri).exit_code == 0
        listed = json.loads(invoke("model", "list", "--json", *uri).stdout)
    assert [(one["run_id"], one["aliases"]) for one in listed] == [(record.run_id, ["champion"])]

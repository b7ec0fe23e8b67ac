"""Training, registry and prediction over HTTP: a real `mlflow server` on a real PostgreSQL."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from candle_ml import pipeline
from candle_ml.config import PipelineConfig, load_config
from candle_ml.registry import Registry
from candle_ml.spool import Spool
from candle_ml.state import StateStore
from candle_ml.tracking import RUN_TAG, TrackingAwayError, TrackingPlace

from .conftest import AWAY, MlflowServer, invoke, size_of

pytestmark = pytest.mark.slow


def config_of(project: Path, server: MlflowServer) -> PipelineConfig:
    return load_config(project / "config" / "pipeline.yaml", [f"tracking.uri={server.url}"])


def test_everything_goes_through_the_server(project: Path, server: MlflowServer) -> None:
    """Runs, models, versions and aliases are there, nothing of them here, and a fetched version predicts."""
    uri = ("--set", f"tracking.uri={server.url}")
    first = invoke("train", "--json", *uri)
    assert first.exit_code == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["version"], told["promoted"], told["spooled"]) == (1, True, None)
    assert invoke("train", "--set", "seed=1", *uri).exit_code == 0
    assert invoke("model", "promote", "2", *uri).exit_code == 0
    listed = json.loads(invoke("model", "list", "--json", *uri).stdout)
    assert [(one["version"], one["aliases"]) for one in listed] == [(2, ["champion"]), (1, [])]
    assert listed[1]["run_id"] == told["run_id"]
    predicted = list(csv.DictReader(io.StringIO(invoke("predict", "-m", "1", *uri).stdout)))
    assert len(predicted) == 700
    assert {row["label"] for row in predicted} >= {"O"}
    assert not (project / "mlflow.db").exists()
    assert not (project / "mlartifacts").exists()
    client = TrackingPlace.of(server.url, project).client()
    run = client.get_run(listed[1]["tracking_id"])
    assert (run.info.status, run.data.tags[RUN_TAG]) == ("FINISHED", told["run_id"])
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert run.data.params["split.method"] == "temporal"


def test_a_server_that_dies_between_steps(project: Path, server: MlflowServer) -> None:
    """A training whose server is killed while it is logged ends well; the run is completed later, not made twice."""
    config = config_of(project, server)

    def killing(what: str, done: int, total: int) -> None:
        if (what, done) == ("log values", 0):
            server.kill()

    result = pipeline.run(config, progress=killing)
    assert result.promotion is None
    assert result.spooled is not None
    assert result.spooled.startswith(f"{server.url}: ")
    record = Spool(project).record(result.run_id)
    assert record is not None
    assert record.done == ("open run", "log model")
    with StateStore.open(project) as store:
        assert store.run(result.run_id).status == "finished"
    server.start()
    for _ in range(2):
        told = invoke("runs", "sync", "--set", f"tracking.uri={server.url}")
        assert told.exit_code == 0, told.stderr
    client = TrackingPlace.of(server.url, project).client()
    experiment = client.get_experiment_by_name(config.experiment)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.params) == ("FINISHED", record.params)
    assert len(client.search_logged_models([experiment.experiment_id])) == 1
    (version,) = Registry(TrackingPlace.of(server.url, project), config.model_name).versions()
    assert (version.run_id, version.aliases) == (result.run_id, ("champion",))


def test_a_server_that_dies_while_a_model_is_fitted(project: Path, server: MlflowServer) -> None:
    """The run that was opened on the server before it died is the one that `runs sync` completes."""
    config = config_of(project, server)

    def killing(what: str, done: int, total: int) -> None:
        if (what, done) == ("features", 0):
            server.kill()

    result = pipeline.run(config, progress=killing)
    assert result.spooled is not None
    server.start()
    assert invoke("runs", "sync", "--set", f"tracking.uri={server.url}").exit_code == 0
    client = TrackingPlace.of(server.url, project).client()
    experiment = client.get_experiment_by_name(config.experiment)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.tags[RUN_TAG]) == ("FINISHED", result.run_id)


def test_a_refused_host_is_told(project: Path, server: MlflowServer) -> None:
    """A server that does not know the name it is called by refuses; the error tells the setting, a training goes on."""
    place = TrackingPlace.of(f"http://localhost:{server.port}", project)
    with pytest.raises(TrackingAwayError) as caught:
        Registry(place, "any").versions()
    assert str(caught.value) == (
        f"{place.uri}: refuses access (HTTP 403); "
        "name this host in MLFLOW_SERVER_ALLOWED_HOSTS where the server is started"
    )
    told = invoke("train", "--set", f"tracking.uri={place.uri}")
    assert told.exit_code == 0
    assert f"not yet synced: {caught.value}\n" in told.stdout
    assert len(Spool(project).run_ids()) == 1


def test_an_unreachable_server_is_told(project: Path) -> None:
    """Commands that need the server name it and what would do."""
    told = invoke("model", "list", "--set", f"tracking.uri={AWAY}")
    assert (told.exit_code, told.stderr) == (
        7,
        f"{AWAY}: cannot be reached: nothing listens there; check that it is running and reachable\n",
    )


def test_pruning_over_the_server(project: Path, server: MlflowServer) -> None:
    """Files go from the server's disk and versions from its registry; that it keeps marked entries is said."""
    uri = ("--set", f"tracking.uri={server.url}")
    assert invoke("train", *uri).exit_code == 0
    assert invoke("train", "--set", "registry.promote=never", *uri).exit_code == 0
    before = size_of(server.folder / "artifacts") + size_of(project / ".candle-ml" / "runs")
    planned = json.loads(invoke("runs", "prune", "--keep", "0", "--dry-run", "--json", *uri).stdout)
    told = invoke("runs", "prune", "--keep", "0", *uri)
    assert told.exit_code == 0, told.stderr
    freed = before - size_of(server.folder / "artifacts") - size_of(project / ".candle-ml" / "runs")
    assert freed == planned["freed"] > 0
    assert told.stdout.endswith(
        " of 1 runs\nthe tracking server keeps their entries, marked as deleted, until mlflow gc is run there\n"
    )
    (left,) = json.loads(invoke("model", "list", "--json", *uri).stdout)
    assert (left["version"], left["aliases"]) == (1, ["champion"])
    assert invoke("predict", "data/candles/AAPL_1d.csv", *uri).exit_code == 0

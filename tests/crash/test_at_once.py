"""Whole trainings at once, and beside a service, on both engines: nothing is lost, and nobody is told of a lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from candle_ml.config import load_config
from candle_ml.reading import read_candles
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, StateStore, schema
from candle_ml.tracking import TrackingPlace

from ..server.conftest import as_rows
from ..server.services import START, Client, Process, free_port
from ..state import conftest as state_fixtures
from .conftest import write_always_promoting

server = state_fixtures.server
url = state_fixtures.url
COMPLAINTS = ("locked", "Traceback", "UNIQUE", "duplicate", "warning:")


@dataclass(frozen=True)
class Shared:
    """A project whose state is kept in the database at `url`."""

    root: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {DATABASE_URL_VARIABLE: self.url}

    def train(self, seed: int) -> subprocess.Popen[str]:
        """A training of its own process, just begun."""
        command = [sys.executable, "-c", START, "train", "--json", "--set", f"seed={seed}"]
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, "PYTHONPATH": paths, **self.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.root, env=environment, stdout=pipe, stderr=pipe, text=True)

    def versions(self) -> tuple[RegisteredVersion, ...]:
        return Registry(TrackingPlace.of(None, self.root), "small").versions()


@pytest.fixture
def shared(tmp_path: Path, url: str) -> Shared:
    """A project in which nothing was trained yet, on each engine."""
    root = tmp_path / "project"
    write_always_promoting(root)
    database = Database(DatabasePlace.of(root, url))
    schema.upgrade(database)
    database.close()
    return Shared(root, url)


def ended(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """What trainings have printed as JSON, once each has succeeded without a complaint."""
    results = []
    for process in processes:
        printed, complained = process.communicate()
        assert process.returncode == 0, complained
        assert [word for word in COMPLAINTS if word in complained] == [], complained
        results.append(json.loads(printed[printed.index("{\n") :]))
    return results


def assert_nothing_lost(shared: Shared, results: list[dict[str, Any]], earlier: int = 0) -> None:
    """Each run is finished in the state store and on the tracking server, and one version of its own."""
    numbers = {result["run_id"]: result["version"] for result in results}
    assert sorted(numbers.values()) == list(range(earlier + 1, earlier + len(results) + 1))
    versions = {version.run_id: version.version for version in shared.versions() if version.version > earlier}
    assert versions == numbers
    with StateStore.open(shared.root, shared.url) as store:
        runs = {run.run_id: run.status for run in store.runs()}
    assert {run_id: runs[run_id] for run_id in numbers} == dict.fromkeys(numbers, "finished")
    client = TrackingPlace.of(None, shared.root).client()
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    tracked = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in tracked] == ["FINISHED"] * (earlier + len(results))


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_trainings_at_once(shared: Shared, count: int) -> None:
    """The first trainings of a project, begun at the same moment, all succeed, each with a version of its own."""
    results = ended([shared.train(seed) for seed in range(count)])
    assert_nothing_lost(shared, results)
    assert [version.version for version in shared.versions() if version.aliases] != []


@pytest.fixture
def service(shared: Shared) -> Iterator[tuple[Process, Client]]:
    """A service of the project, which has one version."""
    ended([shared.train(0)])
    client = Client(free_port())
    process = Process(shared.root, client.port, shared.environment)
    client.wait_until_listening(lambda: process.process.poll() is None)
    client.wait_for_model(seconds=60)
    yield process, client
    process.process.terminate()
    process.end()


@pytest.mark.slow
def test_trainings_beside_a_service(shared: Shared, service: tuple[Process, Client]) -> None:
    """While two trainings run every request is answered; in the end the last promoted version is served."""
    process, client = service
    (candles,) = read_candles(load_config(shared.root / "config" / "pipeline.yaml"), None)
    body = {"pair": "AAPL", "timeframe": "1d", "candles": as_rows(candles[-200:])}
    trainings = [shared.train(seed) for seed in (1, 2)]
    answers = []
    while any(training.poll() is None for training in trainings):
        answers.append(client.post("/predict", body))
    assert_nothing_lost(shared, ended(trainings), earlier=1)
    assert {answer.status for answer in answers} == {200}
    (champion,) = (version for version in shared.versions() if "champion" in version.aliases)
    assert champion.version > 1
    assert until_loaded(shared, champion.version) == {"loaded"}
    assert client.get("/model/info").json["model_info"]["model_version"] == str(champion.version)
    assert [line for line in process.lines if "locked" in line or "Traceback" in line] == []


def until_loaded(shared: Shared, version: int) -> set[str]:
    """How every load has ended, once the last one, within half a minute, is that of a version."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with StateStore.open(shared.root, shared.url) as store:
            loads = store.loads()
        if loads[0].version == version:
            return {load.outcome for load in loads}
        time.sleep(0.1)
    raise AssertionError(loads)

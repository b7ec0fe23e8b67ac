"""A small project on real candles, and a real MLflow server whose metadata is in a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import Run

from candle_ml.cli import main
from candle_ml.spool import Spool
from candle_ml.tracking import TrackingPlace

from ..server.services import free_port
from ..small_project import PIPELINE, last_candles, write_project
from ..state import conftest as state_fixtures
from ..state.conftest import Server

database_server = state_fixtures.server
AWAY = "http://127.0.0.1:9"
"""An address where nothing listens."""
SYNC = ("runs", "sync", "--to", "configured")
"""Brings a run that was trained for another place to the embedded store."""


@dataclass
class MlflowServer:
    """`mlflow server` on a port of its own, with artifacts through the server; it only answers to 127.0.0.1."""

    backend: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--serve-artifacts"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--allowed-hosts", "127.0.0.1:*"]
        command += ["--backend-store-uri", self.backend, "--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True
            )
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log.txt").read_text("utf-8")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it and its workers without a word."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@pytest.fixture(scope="session")
def postgresql(database_server: Server) -> str:
    """The address of an empty database of a PostgreSQL server that is started here."""
    return database_server.url(database_server.create_database())


@pytest.fixture(scope="session")
def _mlflow_server(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(postgresql, tmp_path_factory.mktemp("mlflow"))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def server(_mlflow_server: MlflowServer) -> MlflowServer:
    """The running server; it is started again after a test that killed it."""
    if _mlflow_server.process is None:
        _mlflow_server.start()
    return _mlflow_server


@pytest.fixture(scope="session")
def candles(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Real daily candles of one stock, as CSV."""
    return last_candles(tmp_path_factory.mktemp("candles") / "demo")


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def invoke(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, words)


def client() -> MlflowClient:
    """A client of the embedded store of the current folder."""
    return TrackingPlace.of(None, Path.cwd()).client()


def tracked() -> list[Run]:
    """Every run of the embedded store."""
    return list(client().search_runs([one.experiment_id for one in client().search_experiments()]))


def run_id_of(root: Path) -> str:
    """The one run that waits in a project."""
    (run_id,) = Spool(root).run_ids()
    return run_id


@pytest.fixture(autouse=True)
def _one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def project(tmp_path: Path, candles: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was not trained yet, as the current folder."""
    root = write_project(
        tmp_path / "project", candles, PIPELINE.replace("small", f"small-{os.getpid()}-{tmp_path.name}")
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def trained_away(tmp_path_factory: pytest.TempPathFactory, candles: str) -> tuple[Path, str]:
    """A project trained once while its tracking server was away, and what that printed."""
    root = write_project(tmp_path_factory.mktemp("away") / "project", candles)
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(root)
        environment.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        told = invoke("train", "--set", f"tracking.uri={AWAY}")
    assert told.exit_code == 0, told.stderr
    return root, told.stdout


@pytest.fixture
def spooled(trained_away: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that project, as the current folder."""
    monkeypatch.chdir(shutil.copytree(trained_away[0], tmp_path / "project"))
    return tmp_path / "project"

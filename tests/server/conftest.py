"""A small project with registered models, and services that run over it on real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from candle_ml.candles import Candles
from candle_ml.config import PipelineConfig, load_config
from candle_ml.demo import write_demo
from candle_ml.inference import LoadedModel, load_model
from candle_ml.pipeline import run
from candle_ml.reading import read_candles
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace
from candle_ml_server.serve import serve_until
from candle_ml_server.settings import Settings

CANDLES = 1500
PIPELINE = """
name: served
sources:
  use:
    - use: candle-files
    - use: talib-patterns
      functions: [CDLENGULFING, CDLHARAMI]
features:
  use:
    - use: {features}
labels:
  use: windowed
  window: 6
model:
  use: random-forest
  trees: 8
  max_depth: 5
calibration:
  thresholds: {{bullish_engulfing: 0.6, bearish_engulfing: 0.6, bullish_harami: 0.6, bearish_harami: 0.6}}
split: {{leakage_gap: false}}
registry: {{promote: never}}
"""
VOLUME_FEATURES = "talib-indicators\n      indicators: [{function: MFI}]"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with candles and registered models: versions 1 and 2 need no volume, version 3 does; 1 has the alias.

    Version 1 has out-of-fold predictions of folds, version 2 none, version 3 those of its test block.
    """

    root: Path
    config: PipelineConfig
    candles: Candles
    bundles: tuple[Path, ...]

    @property
    def registry(self) -> Registry:
        """The registry of the project."""
        return Registry(TrackingPlace.of(self.config.tracking.uri, self.root), self.config.model_name)

    def loaded(self, version: int) -> LoadedModel:
        """The model of a version, loaded from the folder of its run."""
        return load_model(self.bundles[version - 1])

    def register(self, bundle: Path) -> int:
        """Register a folder as a further version, whatever is in it."""
        return self.register_as(bundle, self.registry.find(version=1).digest)

    def register_as(self, bundle: Path, digest: str, registry: Registry | None = None) -> int:
        """Register a folder with a digest, as somebody may who can write to the registry."""
        registry = registry or self.registry
        client = registry.place.client()
        original = client.get_model_version(self.config.model_name, "1")
        tags = {**original.tags, "digest": digest}
        source = bundle.parent.parent.as_uri()
        return int(client.create_model_version(registry.name, source, original.run_id, tags=tags).version)

    def copied_bundle(self, folder: Path) -> Path:
        """A copy of version 1's bundle, where a registered version keeps it."""
        target = folder / "artifacts" / "bundle"
        shutil.copytree(self.bundles[0], target)
        return target


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    """No log lines among the test results; the tests of the log run the service in a process of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Real daily candles, three models trained on them."""
    root = tmp_path_factory.mktemp("served")
    write_demo(root / "demo")
    (root / "data" / "candles").mkdir(parents=True)
    header, *rows = (root / "demo" / "data" / "candles" / "AAPL_1d.csv").read_text().splitlines()
    (root / "data" / "candles" / "AAPL_1d.csv").write_text("\n".join([header, *rows[-CANDLES:]]) + "\n")
    (root / "config").mkdir()
    (root / "config" / "pipeline.yaml").write_text(PIPELINE.format(features="candle-shape"))
    (root / "config" / "volume.yaml").write_text(PIPELINE.format(features=VOLUME_FEATURES))
    config = load_config(root / "config" / "pipeline.yaml", ())
    walked = load_config(root / "config" / "pipeline.yaml", ("evaluation.out_of_fold=true",))
    seeded = load_config(root / "config" / "pipeline.yaml", ("seed=1", "evaluation.enabled=false"))
    volume = load_config(root / "config" / "volume.yaml", ())
    bundles = tuple(run(each).folder / "bundle" for each in (walked, seeded, volume))
    (candles,) = read_candles(config, None)
    made = Project(root, config, candles, bundles)
    made.registry.promote(1, "champion")
    return made


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Client:
    """Sends requests to a service, each on a connection of its own."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lower, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, content: object, headers: dict[str, str] | None = None) -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})

    def raw(self, data: bytes, seconds: float = 10.0) -> bytes:
        """Everything that the service answers to raw bytes until it closes the connection or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionResetError):
                return received
            return received

    def wait_until_listening(self, alive: Callable[[], bool], seconds: float = 90.0) -> None:
        """Return once the port is open."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and alive():
            try:
                self.get("/health")
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the service did not start")

    def wait_until_ready(self, ready: bool, seconds: float = 30.0) -> Answer:
        """The answer of `/ready` once it is 200, or once it no longer is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = self.get("/ready")
            if (answer.status == 200) is ready:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"/ready after {seconds} s: {answer.body!r}")

    def wait_for_model(self, version: str | None = None, seconds: float = 60.0) -> None:
        """Return once a model (of this version) is served."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = self.get("/model/info")
            if answer.status == 200 and version in (None, answer.json["model_info"]["model_version"]):
                return
            time.sleep(0.05)
        raise AssertionError(f"version {version} is not served after {seconds} s: {answer.body!r}")


class Running:
    """A service in a thread of this process, on a port of its own."""

    def __init__(self, config: PipelineConfig, settings: Settings) -> None:
        self.settings = replace(settings, port=free_port())
        self.client = Client(self.settings.port)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), daemon=True)

    def _run(self, config: PipelineConfig) -> None:
        self._loop.run_until_complete(serve_until(self._stop, config, self.settings))
        self._loop.close()

    def start(self) -> None:
        """Return once the port is open."""
        self._thread.start()
        self.client.wait_until_listening(self._thread.is_alive)

    def stop(self) -> None:
        """Return once the service has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=60)
        assert not self._thread.is_alive()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


QUICK = Settings(poll_seconds=0.1, retry_seconds=0.5, drain_seconds=0.0)
Starter = Callable[..., Running]


@pytest.fixture
def start(project: Project) -> Iterator[Starter]:
    """Starts services; `start(config=..., wait=False, **settings)`."""
    running: list[Running] = []

    def starter(config: PipelineConfig | None = None, wait: bool = True, **settings: Any) -> Running:
        service = Running(config or project.config, replace(QUICK, **settings))
        running.append(service)
        service.start()
        if wait:
            service.client.wait_for_model()
        return service

    yield starter
    for service in running:
        service.stop()


@pytest.fixture
def own_registry(tmp_path: Path, project: Project) -> Path:
    """The file of a configuration in a folder of its own, with copies of the project's registry and no state."""
    (tmp_path / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "pipeline.yaml"
    path.write_text((project.root / "config" / "pipeline.yaml").read_text())
    return path


@pytest.fixture(scope="module")
def client(project: Project) -> Iterator[Client]:
    """A client of a service that the tests of one module share."""
    service = Running(project.config, QUICK)
    service.start()
    service.client.wait_for_model()
    yield service.client
    service.stop()


@pytest.fixture(scope="session")
def rows(project: Project) -> list[dict[str, float]]:
    """The last 200 candles as a client sends them, without volume."""
    return as_rows(project.candles[-200:])


def as_rows(candles: Candles) -> list[dict[str, float]]:
    """Candles as rows of JSON, without volume."""
    names = ("time", "open", "high", "low", "close")
    columns = [getattr(candles, name).tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@pytest.fixture(scope="session")
def to_rows() -> Callable[[Candles], list[dict[str, float]]]:
    """Candles as rows of JSON, without volume."""
    return as_rows


@pytest.fixture(scope="session")
def body(rows: list[dict[str, float]]) -> dict[str, object]:
    """A valid predict request."""
    return {"pair": "AAPL", "timeframe": "1d", "candles": rows}


START = "import sys; from candle_ml.cli import main; sys.argv[0] = 'candle-ml'; main()"


class Process:
    """A service in a process of its own; `lines` is its log."""

    def __init__(self, root: Path, port: int, environment: dict[str, str]) -> None:
        command = [sys.executable, "-c", START, "serve", "--port", str(port), "--set", "inference.body_timeout=3"]
        paths = os.pathsep.join(path for path in sys.path if path)
        merged = {**os.environ, "PYTHONPATH": paths, **environment}
        self.process = subprocess.Popen(command, cwd=root, env=merged, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def end(self) -> int:
        """The exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code


@pytest.fixture
def serve_process(project: Project) -> Iterator[Callable[..., tuple[Process, Client]]]:
    """`serve_process(headers=None, **environment)` starts a process and returns it, its model loaded, with a client."""
    started: list[Process] = []

    def starter(headers: dict[str, str] | None = None, **environment: str) -> tuple[Process, Client]:
        client = Client(free_port(), headers or {})
        process = Process(project.root, client.port, environment)
        started.append(process)
        client.wait_until_listening(lambda: process.process.poll() is None)
        client.wait_for_model(seconds=90)
        return process, client

    yield starter
    for process in started:
        if process.process.poll() is None:
            process.process.terminate()
            process.end()

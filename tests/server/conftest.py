"""A small project with registered models, and services that run over it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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

from ..registering import register_folder
from .services import QUICK, Client, Process, Running, free_port

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

    Version 1 has out-of-fold predictions of folds, and suggestions; version 2 has neither, version 3 those of its test
    block.
    """

    root: Path
    config: PipelineConfig
    candles: Candles
    bundles: tuple[Path, ...]

    @property
    def registry(self) -> Registry:
        """The registry of the project."""
        return Registry(TrackingPlace.of(self.config.tracking.uri, self.root), self.config.model_name)

    def registry_at(self, root: Path) -> Registry:
        """The registry of a folder with a copy of the project's."""
        return Registry(TrackingPlace.of(None, root), self.config.model_name)

    def loaded(self, version: int) -> LoadedModel:
        """The model of a version, loaded from the folder of its run."""
        return load_model(self.bundles[version - 1])

    def register(self, bundle: Path) -> int:
        """Register a folder as a further version, whatever is in it."""
        return self.register_as(bundle, self.registry.find(version=1).digest)

    def register_as(self, bundle: Path, digest: str, registry: Registry | None = None) -> int:
        """Register a folder with a digest, as somebody may who can write to the registry."""
        return register_folder(registry or self.registry, bundle.parent.parent, digest, self.config.model_name)

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
    walked = load_config(root / "config" / "pipeline.yaml", ("evaluation.out_of_fold=true", "suggest.enabled=true"))
    seeded = load_config(root / "config" / "pipeline.yaml", ("seed=1", "evaluation.enabled=false"))
    volume = load_config(root / "config" / "volume.yaml", ())
    bundles = tuple(run(each).folder / "bundle" for each in (walked, seeded, volume))
    (candles,) = read_candles(config, None)
    made = Project(root, config, candles, bundles)
    made.registry.promote(1, "champion")
    return made


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


@pytest.fixture
def serve_process(project: Project) -> Iterator[Callable[..., tuple[Process, Client]]]:
    """Starts a process and returns it, its model loaded where `wait` says so, with a client."""
    started: list[Process] = []

    def starter(
        headers: dict[str, str] | None = None,
        root: Path = project.root,
        overrides: tuple[str, ...] = (),
        wait: bool = True,
        **environment: str,
    ) -> tuple[Process, Client]:
        client = Client(free_port(), headers or {})
        process = Process(root, client.port, environment, overrides)
        started.append(process)
        client.wait_until_listening(lambda: process.process.poll() is None)
        if wait:
            client.wait_for_model(seconds=90)
        return process, client

    yield starter
    for process in started:
        if process.process.poll() is None:
            process.process.terminate()
            process.end()

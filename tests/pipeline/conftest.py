"""Projects with real candles, trained once for all tests that only look at them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from candle_ml.config import PipelineConfig, load_config
from candle_ml.demo import write_demo
from candle_ml.pipeline import RunResult, run


@dataclass(frozen=True)
class Project:
    """A project folder, its configuration and what training it gave."""

    root: Path
    config: PipelineConfig
    result: RunResult


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo, trained and registered."""
    root = tmp_path_factory.mktemp("demo") / "project"
    write_demo(root)
    config = load_config(root / "config" / "pipeline.yaml")
    return Project(root, config, run(config))


@pytest.fixture(scope="session")
def default_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo's candles and marks under the documented default configuration."""
    root = tmp_path_factory.mktemp("default") / "project"
    write_demo(root)
    path = root / "config" / "pipeline.yaml"
    path.write_text(files("candle_ml.defaults").joinpath("pipeline.yaml").read_text("utf-8"), "utf-8")
    config = load_config(path, ["registry.enabled=false", "tracking.enabled=false"])
    return Project(root, config, run(config))


@pytest.fixture
def fresh_project(tmp_path: Path) -> Path:
    """The demo's files, not trained."""
    write_demo(tmp_path / "project")
    return tmp_path / "project"

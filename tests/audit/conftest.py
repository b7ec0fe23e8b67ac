"""Configurations with planted plugins, and small projects on real candles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from candle_ml.config import PipelineConfig, load_config, parse_config
from candle_ml.pipeline import RunResult, run
from candle_ml.plugins import PluginManager

from ..small_project import last_candles
from .plants import manager_with_plants

_CONFIG = """
name: audited
sources:
  use: [candle-files]
features:
  use: [{features}]
labels: {labels}
model: {{use: random-forest, trees: 4}}
tracking: {{enabled: false}}
"""
_SMALL = """
name: small
sources:
  use:
    - {use: candle-files, path: data/candles}
    - {use: talib-patterns, functions: [CDLENGULFING, CDLHARAMI]}
features:
  use: [candle-shape]
labels: {use: windowed, window: 6}
model: {use: random-forest, trees: 8, max_depth: 5}
"""
_FOLDS = "split: {method: walk_forward, folds: 3}\n"


@pytest.fixture(scope="session")
def planted_manager() -> PluginManager:
    """The installed plugins and the planted ones."""
    return manager_with_plants()


class Configs:
    """Makes configurations of components by name."""

    def __init__(self, manager: PluginManager, root: Path) -> None:
        self._manager = manager
        self._root = root

    def __call__(self, features: str = "candle-shape", labels: str = "windowed", *overrides: str) -> PipelineConfig:
        return self.over(self._manager, features, labels, *overrides)

    def over(self, manager: PluginManager, features: str, labels: str = "windowed", *overrides: str) -> PipelineConfig:
        """A configuration over other plugins."""
        said = labels if labels.startswith("{") else f"{{use: {labels}}}"
        text = _CONFIG.format(features=features, labels=said)
        return parse_config(text, "pipeline.yaml", self._root, overrides, manager)


@pytest.fixture
def configs(planted_manager: PluginManager, tmp_path: Path) -> Configs:
    """Configurations whose project folder is empty."""
    return Configs(planted_manager, tmp_path)


@pytest.fixture(scope="session")
def real_candles(tmp_path_factory: pytest.TempPathFactory) -> str:
    """1,500 real daily candles as CSV."""
    return last_candles(tmp_path_factory.mktemp("demo") / "project", 1500)


def write_small(root: Path, candles: str, more: str = "") -> Path:
    """A project of one series with programmatic labels; returns its configuration file."""
    (root / "data" / "candles").mkdir(parents=True)
    (root / "data" / "candles" / "AAPL_1d.csv").write_text(candles, "utf-8")
    path = root / "pipeline.yaml"
    path.write_text(_SMALL + more, "utf-8")
    return path


@pytest.fixture
def small_project(tmp_path: Path, real_candles: str) -> Path:
    """The configuration file of a small project."""
    return write_small(tmp_path / "project", real_candles)


@dataclass(frozen=True)
class Registered:
    """A project with one registered version."""

    root: Path
    config: PipelineConfig
    result: RunResult

    @property
    def bundle(self) -> Path:
        """The bundle in the folder of the run."""
        return self.result.folder / "bundle"


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory, real_candles: str) -> Registered:
    """The small project, trained with folds."""
    path = write_small(tmp_path_factory.mktemp("registered"), real_candles, _FOLDS)
    config = load_config(path)
    return Registered(path.parent, config, run(config))

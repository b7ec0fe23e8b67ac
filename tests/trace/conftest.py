"""A project whose data is kept, with two versions: one learned from all of it, one from a part."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from candle_ml.config import PipelineConfig, load_config
from candle_ml.demo import write_demo
from candle_ml.pipeline import RunResult, run
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

PIPELINE = """# written by hand
name: traced
sources:
  use:
    - {use: candle-files, path: data/candles}
    - {use: annotation-files, path: data/annotations}
    - {use: talib-patterns, functions: [CDLMORNINGSTAR, CDLEVENINGSTAR, CDLPIERCING]}
features: {use: [{use: candle-shape}]}
labels: {use: windowed, window: 6}
model: {use: random-forest, trees: 8}
audit: {enabled: false}
split: {leakage_gap: false}
registry: {promote: always}
data: {enabled: true}
"""
LATE = 1_300_000_000  # 2011-03-13T07:06:40Z


@dataclass(frozen=True)
class Traced:
    """A project and its runs: `whole` made version 1, `part` version 2 from what was known at `LATE`."""

    config: PipelineConfig
    whole: RunResult
    part: RunResult

    @property
    def root(self) -> Path:
        return self.config.root

    @property
    def registry(self) -> Registry:
        return registry(self.config)


def registry(config: PipelineConfig) -> Registry:
    """The registry of a project."""
    return Registry(TrackingPlace.of(None, config.root), "traced")


def write_project(root: Path, *overrides: str) -> PipelineConfig:
    """The demo's candles and annotations of two stocks."""
    write_demo(root)
    for path in (*root.glob("data/candles/[AFM]*"), *root.glob("data/annotations/[AFM]*")):
        path.unlink()
    path = root / "config" / "pipeline.yaml"
    path.write_text(PIPELINE, "utf-8")
    return load_config(path, overrides)


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path_factory, monkeypatch)


def keep_apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC and git know nothing of this machine's user."""
    home = tmp_path_factory.mktemp("home")
    for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Both versions, trained once; tests copy the project where they change it."""
    with pytest.MonkeyPatch.context() as environment:
        keep_apart(tmp_path_factory, environment)
        config = write_project(tmp_path_factory.mktemp("traced") / "project")
        whole = run(config)
        return Traced(config, whole, run(config, end=LATE, data_version=whole.data_version))

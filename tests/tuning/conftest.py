"""A project of one series whose trials take a fraction of a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main

from ..small_project import PIPELINE, last_candles, write_project
from ..state import conftest as state_fixtures

server = state_fixtures.server

SEARCH = """tune:
  trials: 4
  search:
    model.max_depth: {int: [1, 8]}
    model.trees: {choice: [2, 4, 8]}
"""

Tune = Callable[..., Result]
"""Called with further words of `candle-ml tune`: what it printed and its exit code."""


@pytest.fixture(scope="session")
def candles(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The last candles of one stock."""
    return last_candles(tmp_path_factory.mktemp("tuning") / "demo", 700)


@pytest.fixture
def project(tmp_path: Path, candles: str) -> Path:
    """A project that searches two keys of a forest, by two folds."""
    pipeline = PIPELINE.replace("split: {", "split: {folds: 2, ") + SEARCH
    return write_project(tmp_path / "project", candles, pipeline)


@pytest.fixture
def tune(project: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    """Runs the command in the project."""
    monkeypatch.chdir(project)
    return lambda *words: CliRunner().invoke(main, ["tune", *words])


def summary(result: Result) -> dict[str, Any]:
    """What `--json` printed."""
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def tried(found: dict[str, Any]) -> list[tuple[list[str], list[float]]]:
    """The values and the scores of the trials that have ended, in their order."""
    return [(trial["overrides"], trial["means"]) for trial in found["trials"]]

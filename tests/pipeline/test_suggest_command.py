"""`candle-ml suggest` as a user types it, in the trained demo."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main

from .conftest import Project

PAGE = Path(__file__).parents[2] / "docs" / "suggest.md"
EXAMPLE = re.compile(r"<!-- suggest -->\n```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


@pytest.fixture
def here(demo_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder than the trained demo's, so that nothing is written into it."""
    monkeypatch.chdir(tmp_path)
    return demo_project.root / "config" / "pipeline.yaml"


def suggest(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["suggest", "-c", str(config), "--set", "suggest.folds=2", *arguments])


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_page_s_commands_print_what_it_shows(here: Path, tmp_path: Path) -> None:
    """Both commands run; the first prints the two tables, the second writes JSON of one pair."""
    ((commands, shown),) = EXAMPLE.findall(PAGE.read_text("utf-8"))
    done = [suggest(here, *shlex.split(line)[2:]) for line in commands.splitlines()]
    assert [one.exit_code for one in done] == [0, 0], done
    for line in shown.splitlines():
        assert line in squeezed(done[0].stdout)
    written = json.loads((tmp_path / "suggestions.json").read_text("utf-8"))
    assert list(written) == ["model_name", "run_id", "suggestions", "review"]
    assert {one["pair"] for one in (*written["suggestions"], *written["review"])} == {"AAPL"}
    assert written["suggestions"]
    assert not done[1].stdout


def test_the_limit_holds_for_either_kind(here: Path) -> None:
    """At most so many stretches and annotations are told, and the stretches do not overlap."""
    found = json.loads(suggest(here, "--limit", "3", "--json").stdout)
    assert len(found["suggestions"]) == len(found["review"]) == 3


def test_a_series_that_is_not_there_is_told(here: Path) -> None:
    """An unknown pair is a data error that lists the series."""
    refused = suggest(here, "--pair", "EURUSD", "--timeframe", "1h")
    assert refused.exit_code == 3
    expected = "sources: no series EURUSD 1h; one of: AAPL 1d, FB 1d, GOOG 1d, IBM 1d, MSFT 1d\n"
    assert refused.stderr == expected

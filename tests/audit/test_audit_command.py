"""`candle-ml audit leaks` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_clean_pipeline_gets_a_table_and_exit_code_0(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check is a row, of made candles and of the configured data; the audit serves the next training."""
    monkeypatch.chdir(small_project.parent)
    told = candle_ml("audit", "leaks")
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["SUBJECT", "WHAT", "MUST", "HOLD", "RESULT", "LOOKED", "AT"]
    assert "candle-shape" in lines[1]
    assert lines[1].endswith("clean   1,440 candles")
    assert sum(line.startswith("the data at hand") for line in lines) == 3
    assert lines[-1].startswith("no leak in 13 checks, ")
    kept = list((small_project.parent / ".candle-ml" / "audits").iterdir())
    assert len(kept) == 2
    assert all(path.name == f"{json.loads(path.read_text('utf-8'))['key'][:24]}.json" for path in kept)


def test_a_leak_is_told_with_exit_code_1(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leak stands below the table, and in JSON."""
    monkeypatch.chdir(small_project.parent)
    told = candle_ml("audit", "leaks", "--set", "split.method=random")
    assert told.exit_code == 1
    assert "\nleak: split: " in told.stdout
    as_json = candle_ml("audit", "leaks", "--set", "split.method=random", "--json")
    assert as_json.exit_code == 1
    found = json.loads(as_json.stdout)
    assert {row["subject"] for row in found["rows"] if row["outcome"] == "leak"} == {"split"}


def test_data_that_is_not_there_is_said_to_be_left_out(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without candles the plugins are audited all the same."""
    monkeypatch.chdir(small_project.parent)
    (small_project.parent / "data" / "candles" / "AAPL_1d.csv").unlink()
    told = candle_ml("audit", "leaks")
    assert told.exit_code == 0, told.output
    assert "\nskipped: the data at hand: " in told.stdout
    assert "\nno leak in 9 checks, 1 not looked at, " in told.stdout


def test_a_pipeline_without_labels_is_refused(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to audit without an encoder, which is said as everywhere."""
    monkeypatch.chdir(small_project.parent)
    refused = candle_ml("audit", "leaks", "--set", "labels.enabled=false")
    assert refused.exit_code == 2
    assert refused.stderr == "labels: disabled; enable it with --set labels.enabled=true\n"

"""The commands as a user types them, in a trained project."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main

from .conftest import Project


@pytest.fixture
def here(demo_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The trained demo as the current folder."""
    monkeypatch.chdir(demo_project.root)
    return demo_project


def candle_ml(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_init_starts_a_project_that_validates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new project has a valid configuration and says what comes next."""
    made = candle_ml("init", str(tmp_path / "mine"))
    assert made.exit_code == 0, made.stderr
    assert "candle-ml data report && candle-ml train" in made.stdout
    monkeypatch.chdir(tmp_path / "mine")
    assert candle_ml("validate").exit_code == 0
    assert {path.name for path in (tmp_path / "mine" / "data").iterdir()} == {"candles", "annotations"}


def test_init_never_overwrites_a_configuration(tmp_path: Path) -> None:
    """An existing pipeline.yaml stays as it is."""
    assert candle_ml("init", str(tmp_path)).exit_code == 0
    path = tmp_path / "config" / "pipeline.yaml"
    path.write_text("name: mine\n", "utf-8")
    refused = candle_ml("init", str(tmp_path))
    assert refused.exit_code == 2
    assert refused.stderr == f"{path}: is there already; choose another folder, or edit it\n"
    assert path.read_text("utf-8") == "name: mine\n"


def test_a_new_project_without_candles_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training in an empty project is a plain data error."""
    candle_ml("init", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    refused = candle_ml("train")
    assert refused.exit_code == 3
    assert "Traceback" not in refused.stderr
    assert "data/candles" in refused.stderr


def test_data_report_counts_what_the_sources_hold(here: Project) -> None:
    """Every series with its candles and labels; JSON carries the data hash."""
    told = candle_ml("data", "report")
    assert told.exit_code == 0, told.stderr
    assert "AAPL  1d         3270" in told.stdout
    report = json.loads(candle_ml("data", "report", "--json").stdout)
    assert report["hash"] == here.result.dataset.hash
    assert {one["pair"] for one in report["series"]} == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}


def test_predict_writes_one_row_a_candle(here: Project) -> None:
    """CSV on output, with a status in every row and no label without history."""
    told = candle_ml("predict", "data/candles/AAPL_1d.csv")
    assert told.exit_code == 0, told.stderr
    rows = rows_of(told.stdout)
    assert len(rows) == 3270
    without = [row for row in rows if row["status"] == "insufficient_history"]
    assert without == rows[: len(without)]
    assert all(row["label"] == "" and row["confidence"] == "" for row in without)
    assert all(0 <= float(row["confidence"]) <= 1 and row["label"] for row in rows[len(without) :])
    assert rows[-1]["provisional"] == "True"


def test_predict_at_threshold_zero_labels_every_candle(here: Project) -> None:
    """At threshold 0 every candle with history shows its best pattern."""
    told = json.loads(candle_ml("predict", "--json", "--threshold", "0", "data/candles/IBM_1d.csv").stdout)
    labels = {row["label"] for row in told[0]["candles"] if row["status"] != "insufficient_history"}
    assert "O" not in labels
    assert told[0]["insufficient_history"] == sum(row["status"] == "insufficient_history" for row in told[0]["candles"])


def test_predict_without_a_path_takes_the_configured_sources(here: Project, tmp_path: Path) -> None:
    """Every configured series is predicted, into a file where one is named."""
    told = candle_ml("predict", "--spans", "-o", str(tmp_path / "spans.csv"))
    assert told.exit_code == 0, told.stderr
    assert told.stdout == ""
    rows = rows_of((tmp_path / "spans.csv").read_text("utf-8"))
    assert {row["pair"] for row in rows} <= {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert all(row["start"] <= row["end"] <= row["known_at"] for row in rows)


def test_predict_writes_json_into_a_file(here: Project, tmp_path: Path) -> None:
    """`--json -o` writes JSON to the file and nothing to the terminal."""
    told = candle_ml("predict", "--json", "-o", str(tmp_path / "out.json"), "data/candles/FB_1d.csv")
    assert (told.exit_code, told.stdout) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))[0]["pair"] == "FB"


def test_an_output_that_cannot_be_written_is_named(here: Project) -> None:
    """A missing folder is a plain message with an exit code of its own."""
    told = candle_ml("predict", "-o", "/nowhere/out.csv", "data/candles/FB_1d.csv")
    assert (told.exit_code, told.stderr) == (74, "/nowhere/out.csv: No such file or directory\n")


def test_predict_refuses_another_timeframe(here: Project, tmp_path: Path) -> None:
    """Candles of a timeframe that the model was not trained on want a setting."""
    path = tmp_path / "AAPL_1h.csv"
    path.write_text("time,open,high,low,close\n2024-01-01T00:00,1,2,0.5,1\n2024-01-01T01:00,1,2,0.5,1\n", "utf-8")
    told = candle_ml("predict", "--set", "inference.allow_other_timeframes=false", str(path))
    expected = "1d, which the model was trained on; inference.allow_other_timeframes allows others"
    assert (told.exit_code, told.stderr) == (3, f"AAPL 1h: timeframe 1h; {expected}\n")


def test_predict_refuses_candles_that_lost_rows(here: Project, tmp_path: Path) -> None:
    """A bad row is named with file and line; nothing is predicted around it."""
    path = tmp_path / "AAPL_1d.csv"
    path.write_text("time,open,high,low,close\n2024-01-01,1,2,0.5,1\n2024-01-02,1,0.5,2,1\n", "utf-8")
    refused = candle_ml("predict", str(path))
    assert refused.exit_code == 3
    assert refused.stderr == f"{path}: row 3: high 0.5 below low 2.0; high at least low\n"


def test_an_unknown_model_lists_what_there_is(here: Project) -> None:
    """A version that does not exist is answered with those that do."""
    refused = candle_ml("predict", "-m", "999", "data/candles/FB_1d.csv")
    assert refused.exit_code == 7
    assert refused.stderr.startswith("model demo: no version 999; versions there are: ")


def test_evaluate_counts_what_was_seen_in_training(here: Project) -> None:
    """All reviewed candles are scored, and the output says how many of them the model was made with."""
    everything = json.loads(candle_ml("evaluate", "--json").stdout)
    assert 0 < everything["in_sample_candles"] < everything["candles"]
    later = json.loads(candle_ml("evaluate", "--json", "--from", "2011-09-01").stdout)
    assert later["in_sample_candles"] == 0
    assert later["candles"] < everything["candles"]


def test_train_prints_what_a_trader_wants_to_know(fresh_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, scores beside the baseline, the report's path and the registered version."""
    monkeypatch.chdir(fresh_project)
    told = candle_ml("train")
    assert told.exit_code == 0, told.stderr
    for piece in ("samples: ", "always the majority: ", "report: ", "registered: demo version 1", "model hash: "):
        assert piece in told.stdout
    assert told.stderr == ""


def test_models_are_listed_promoted_and_rolled_back(fresh_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alias moves to a version by hand and back to where it was."""
    monkeypatch.chdir(fresh_project)
    assert candle_ml("model", "list").stdout == "no version is registered; candle-ml train makes one\n"
    for seed in ("0", "1"):
        assert candle_ml("train", "--set", f"seed={seed}", "--set", "registry.promote=never").exit_code == 0
    refused = candle_ml("model", "rollback")
    assert (refused.exit_code, refused.stderr) == (
        7,
        "model demo: alias 'champion' has no earlier version; promote one\n",
    )
    assert candle_ml("model", "promote", "1").stdout == "demo: alias 'champion' points at version 1\n"
    assert candle_ml("model", "promote", "2").exit_code == 0
    versions = json.loads(candle_ml("model", "list", "--json").stdout)
    assert [(one["version"], one["aliases"]) for one in versions] == [(2, ["champion"]), (1, [])]
    assert candle_ml("model", "rollback").stdout == "demo: alias 'champion' points at version 1 again\n"
    unknown = candle_ml("model", "promote", "7")
    assert (unknown.exit_code, unknown.stderr) == (7, "model demo: no version 7; versions there are: 2, 1\n")


def test_doctor_finds_this_installation_well(here: Project) -> None:
    """Plugins, pipeline and registry are looked at, and the served version is named."""
    told = candle_ml("doctor")
    assert told.exit_code == 0, told.stdout
    assert "version 1 is served" in told.stdout


def test_doctor_reports_a_broken_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is listed, with exit code 1."""
    (tmp_path / "pipeline.yaml").write_text("name: x\nmodle: {}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    told = candle_ml("doctor")
    assert told.exit_code == 1
    assert "did you mean 'model'?" in told.stdout

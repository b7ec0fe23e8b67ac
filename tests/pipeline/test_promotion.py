"""Which version takes the alias, and which does not, by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.config import load_config
from candle_ml.errors import ConfigError, RegistryError
from candle_ml.pipeline import RunResult, run


def trained(project: Path, *overrides: str) -> RunResult:
    return run(load_config(project / "config" / "pipeline.yaml", overrides))


def reason_of(result: RunResult) -> tuple[bool, str]:
    assert result.promotion is not None
    return result.promotion.promoted, result.promotion.reason


def test_a_holder_that_has_seen_the_test_block_is_no_measure(fresh_project: Path) -> None:
    """A refitted version holds the alias; a later one is not compared with what it saw, and the reason says so."""
    first = trained(fresh_project, "model.refit=true")
    assert reason_of(first) == (True, "no version held the alias")
    where = f"version demo of run {first.run_id[:8]}"
    assert reason_of(trained(fresh_project)) == (
        False,
        f"{where}: was made with candles of this test block; candle-ml model promote decides by hand",
    )


def test_scores_of_a_random_split_never_promote(fresh_project: Path) -> None:
    """What leaks cannot be better."""
    trained(fresh_project)
    assert reason_of(trained(fresh_project, "split.method=random")) == (
        False,
        "split: scores of a random split compare with nothing; candle-ml model promote decides by hand",
    )


def test_a_version_that_forgets_labels_does_not_take_the_alias(fresh_project: Path) -> None:
    """A model of fewer labels keeps the served one in its place and names what would be lost."""
    trained(fresh_project)
    assert reason_of(trained(fresh_project, "sources.use.1.enabled=false")) == (
        False,
        "it does not know bear_flag, bull_flag, double_bottom of version 1",
    )


def test_given_thresholds_leave_the_others_chosen(fresh_project: Path) -> None:
    """A threshold for one label stands; the rest are what they are without it."""
    plain = run(load_config(fresh_project / "config" / "pipeline.yaml"), until="train")
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["calibration.thresholds={bull_flag: 0.9}"])
    given = run(config, until="train")
    assert plain.trained is not None
    assert given.trained is not None
    assert given.trained.predictor.params.thresholds == plain.trained.predictor.params.thresholds | {"bull_flag": 0.9}


def test_a_threshold_of_an_unknown_label_is_an_error(fresh_project: Path) -> None:
    """A misspelt label would silently change nothing."""
    config = load_config(fresh_project / "config" / "pipeline.yaml", ["calibration.thresholds={bul_flag: 0.9}"])
    with pytest.raises(ConfigError, match="no training sample is labelled 'bul_flag'; labels of bear_flag, "):
        run(config, until="train")


def test_a_moved_project_writes_nothing_to_its_old_place(fresh_project: Path) -> None:
    """MLflow remembers absolute folders; a moved project says so instead of writing there."""
    trained(fresh_project)
    moved = fresh_project.with_name("moved")
    fresh_project.rename(moved)
    with pytest.raises(RegistryError) as caught:
        trained(moved)
    assert str(caught.value).startswith("experiment demo: its files are kept in ")
    assert str(caught.value).endswith("move the project back, or remove mlflow.db and mlartifacts to begin anew")
    assert not fresh_project.exists()

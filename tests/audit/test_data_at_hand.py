"""Leaks that need what made candles lack are found in the data that is about to be learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.audit import audit_before_training, audit_data
from candle_ml.audit.at_hand import NO_LATER_CANDLE_AT_HAND
from candle_ml.audit.results import AuditRow
from candle_ml.config import PipelineConfig, load_config
from candle_ml.plugins import PluginManager
from candle_ml.reading import read_dataset
from candle_ml.training import prepare


def config_of(project: Path, features: str, manager: PluginManager) -> PipelineConfig:
    return load_config(project, [f"features.use=[{features}]", "tracking.enabled=false"], manager)


def looked_at(project: Path, features: str, manager: PluginManager) -> tuple[AuditRow, ...]:
    """What is found of the features of 1,500 real candles."""
    config = config_of(project, features, manager)
    return audit_data(prepare(read_dataset(config), config), config).rows


@pytest.mark.figure("planted leaks caught")
@pytest.mark.parametrize("name", ["years-away", "open-week", "before-holidays", "smoothed-when-long"])
def test_a_feature_that_looks_ahead_in_real_data_alone_is_found(
    small_project: Path, planted_manager: PluginManager, name: str
) -> None:
    """A leak that years, days, holidays or long series bring out is named with a candle of the data."""
    honest, leaking = looked_at(small_project, f"candle-shape, {name}", planted_manager)
    assert (honest.subject, honest.outcome) == ("candle-shape", "clean")
    assert (leaking.subject, leaking.check, leaking.outcome) == (name, NO_LATER_CANDLE_AT_HAND, "leak")
    assert leaking.found.startswith(f"{name.replace('-', '_')} at candle ")
    assert " of AAPL 1d is " in leaking.found
    assert " before later candles came, " in leaking.found


@pytest.mark.figure("audits of shipped plugins without an alarm")
def test_shipped_features_of_real_data_are_clean(small_project: Path, planted_manager: PluginManager) -> None:
    """No bundled extractor differs on real candles by what comes later, nor does a planted one that is honest."""
    shipped = "talib-indicators, talib-cdl, candle-shape, window-shape"
    rows = looked_at(small_project, f"{shipped}, past-rolling, summed-cumulatively, at-last-month", planted_manager)
    assert {row.outcome for row in rows} == {"clean"}
    assert len(rows) == 7
    assert min(row.looked_at for row in rows) > 1000


def test_data_is_looked_at_once(small_project: Path, planted_manager: PluginManager) -> None:
    """What was found in the data is kept for the next training on it; other data is looked at again."""
    config = config_of(small_project, "candle-shape", planted_manager)
    prepared = prepare(read_dataset(config), config)
    folder = config.root / ".candle-ml" / "audits"

    def written() -> set[Path]:
        audit_before_training(config, prepared)
        return set(folder.iterdir())

    first = written()
    assert written() == first
    path = small_project.parent / "data" / "candles" / "AAPL_1d.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    prepared = prepare(read_dataset(config), config)
    assert len(written() - first) == 1

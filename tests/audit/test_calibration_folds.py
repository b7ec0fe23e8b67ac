"""Confidences and thresholds that are chosen out of fold, on every part of the train block."""

from __future__ import annotations

import numpy as np
import pytest

from candle_ml.audit.fixture import fixture_dataset
from candle_ml.dataset import Dataset
from candle_ml.training import Trained, fit, prepare

from .conftest import Configs

FOLDS = ("split.train=0.8", "split.validation=0", "split.calibration=0", "calibration.folds=3", "labels.window=12")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Made candles with patterns throughout."""
    return fixture_dataset(2500, 12)


def trained(configs: Configs, dataset: Dataset, *overrides: str) -> Trained:
    config = configs("candle-shape", "windowed", *FOLDS, *overrides)
    return fit(prepare(dataset, config), config)


def test_folds_give_thresholds_without_a_calibration_block(configs: Configs, dataset: Dataset) -> None:
    """Nothing is held back, and thresholds are chosen on all spans of the train block, not on a tenth of them."""
    found = trained(configs, dataset)
    assert found.prepared.split.block("calibration") is None
    assert found.predictor.calibrator.method == "temperature"
    thresholds = found.predictor.params.thresholds
    assert 0.5 not in (thresholds["audit_flag"], thresholds["audit_top"])
    assert found.notes == ("audit_wedge: no prediction matches any of 35 true spans; threshold 0.5",)


def test_folds_leave_the_model_as_it_is(configs: Configs, dataset: Dataset) -> None:
    """The model that is kept is fitted on the whole train block, with folds or without."""
    with_folds = trained(configs, dataset).predictor.model.feature_importance()
    without = trained(configs, dataset, "calibration.enabled=false", "calibration.folds=0").predictor.model
    assert with_folds is not None
    assert np.array_equal(with_folds, without.feature_importance())


def test_a_fold_that_cannot_be_fitted_is_left_out(configs: Configs, dataset: Dataset) -> None:
    """Where the rest of the train block has too few of a label the fold says so, and none is left to choose on."""
    found = trained(configs, dataset, "model.min_samples_per_class=30")
    assert [note.split(":")[0] for note in found.notes] == [
        *(f"calibration fold {number} is left out" for number in (1, 2, 3)),
        "no calibration block",
    ]
    assert set(found.predictor.params.thresholds.values()) == {0.5}

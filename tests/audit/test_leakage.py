"""The leakage gap: what a leaking split would have claimed beyond the purged one."""

from __future__ import annotations

import pytest

from candle_ml.audit.fixture import fixture_dataset
from candle_ml.dataset import Dataset
from candle_ml.errors import TrainingError
from candle_ml.leakage import LeakageGap, leakage_gap
from candle_ml.measuring import measure
from candle_ml.training import fit, prepare

from .conftest import Configs
from .plants import Cheat

_CHEATING = (
    "labels.window=12",
    "labels.negatives={ratio: 1.0, minimum: 0}",
    "model.trees=40",
    "model.min_samples_leaf=1",
    "calibration.enabled=false",
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Made candles whose annotations have nothing to do with prices."""
    return fixture_dataset(2500, 12)


def gap_of(configs: Configs, dataset: Dataset, *overrides: str) -> LeakageGap | TrainingError | None:
    config = configs("slow-average, past-rolling", "neighbours", *_CHEATING, *overrides)
    return leakage_gap(fit(prepare(dataset, config), config), config)


def test_a_model_that_can_only_cheat_has_a_large_gap(configs: Configs, dataset: Dataset) -> None:
    """Of samples that share candles, with labels that nothing explains, only those drawn at random are told apart."""
    gap = gap_of(configs, dataset)
    assert isinstance(gap, LeakageGap)
    assert gap.purged < 0.3
    assert gap.gap > 0.15
    assert gap.gap == gap.shuffled - gap.purged
    assert gap.metrics() == {
        "leakage_gap": gap.gap,
        "leakage_shuffled_f1_macro": gap.shuffled,
        "leakage_purged_f1_macro": gap.purged,
    }


def test_the_gap_is_the_same_from_either_side(configs: Configs, dataset: Dataset) -> None:
    """A run on random blocks measures the purged ones beside it, and the other way round."""
    assert gap_of(configs, dataset, "split.method=random") == gap_of(configs, dataset)


@pytest.mark.figure("planted leaks caught")
def test_a_model_that_reads_the_classes_is_told_none(configs: Configs, dataset: Dataset) -> None:
    """What a model is given to score holds no classes and weights, neither for the gap nor for a prediction."""
    config = configs("candle-shape", "windowed", "model={use: cheat}", "calibration.enabled=false")
    trained = fit(prepare(dataset, config), config)
    model = trained.predictor.model
    assert isinstance(model, Cheat)
    gap = leakage_gap(trained, config)
    assert isinstance(gap, LeakageGap)
    assert gap.purged < 0.5
    trained.predictor.scan(next(iter(dataset.series.values())).candles)
    assert model.told == [({-1}, {1.0})] * 2


def test_a_gap_below_zero_is_explained() -> None:
    """A sign that looks wrong is told for what it is; one above zero speaks for itself."""
    scores = "macro F1 of held-out samples 0.400 drawn at random, 0.500 purged"
    below = "; below zero is no sign of a leak"
    assert str(LeakageGap(0.4, 0.5)) == f"leakage gap -0.100: {scores}{below}"
    assert str(LeakageGap(0.5, 0.5)).startswith("leakage gap +0.000: ")
    assert str(LeakageGap(0.5, 0.5)).endswith("0.500 purged")


def test_the_gap_can_be_switched_off(configs: Configs, dataset: Dataset) -> None:
    """Nothing is fitted for it then."""
    assert gap_of(configs, dataset, "split.leakage_gap=false") is None


def test_a_gap_that_cannot_be_measured_is_noted(configs: Configs, dataset: Dataset) -> None:
    """Where the purged blocks would be empty, the notes say why there is no gap."""
    config = configs("candle-shape", "neighbours", "split.method=random", "split.embargo=100000")
    measured = measure(fit(prepare(dataset, config), config), config, lambda what, done, total: None)
    assert measured.gap is None
    assert measured.notes[0].startswith("leakage gap not measured: validation block: no samples from ")
    assert "leakage_gap" not in measured.metrics()

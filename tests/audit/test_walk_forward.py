"""Walking forward: predictions that know nothing of what came later, their scores, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from candle_ml.audit.fixture import fixture_dataset
from candle_ml.candles import SeriesKey
from candle_ml.dataset import Dataset
from candle_ml.inference import OutOfFold
from candle_ml.measuring import measure
from candle_ml.training import Prepared, fit, prepare
from candle_ml.walk_forward import Walked, has_folds, walk

from .conftest import Configs

_OTHER = {"audit_flag": "audit_top", "audit_top": "audit_wedge", "audit_wedge": "audit_flag", "O": "O"}
WALKING = ("split.method=walk_forward", "split.folds=3", "split.embargo=4", "labels.window=12")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Made candles with patterns throughout."""
    return fixture_dataset(2500, 12)


def walked(configs: Configs, dataset: Dataset, *overrides: str) -> tuple[Prepared, Walked]:
    config = configs("candle-shape", "windowed", *WALKING, *overrides)
    prepared = prepare(dataset, config)
    return prepared, walk(prepared, config)


def changed_after(dataset: Dataset, time: int) -> Dataset:
    """The same data up to a time; after it prices move otherwise and every annotation has another label."""
    series = {}
    for key, data in dataset.series.items():
        candles = data.candles
        later = candles.time + key.seconds > time
        factor = np.where(later, 1 + 0.1 * np.sin(np.arange(len(candles))), 1.0)
        prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
        annotations = tuple(
            replace(one, label=_OTHER[one.label]) if one.end_time + key.seconds > time else one
            for one in data.annotations
        )
        series[key] = replace(data, candles=replace(candles, **prices), annotations=annotations)
    return replace(dataset, series=series)


def test_nothing_later_changes_an_out_of_fold_prediction(configs: Configs, dataset: Dataset) -> None:
    """Other prices and labels after a fold's test block leave every bit of its predictions and spans as they were."""
    _, found = walked(configs, dataset)
    block = found.folds[1].block
    _, again = walked(configs, changed_after(dataset, block.end))
    assert again.folds[1].block == block
    of_fold = [one for one in found.predictions if block.start <= one.time[0] < block.end]
    repeated = [one for one in again.predictions if block.start <= one.time[0] < block.end]
    assert len(of_fold) == 2
    for one, other in zip(of_fold, repeated, strict=True):
        np.testing.assert_array_equal(one.time, other.time)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.spans == other.spans
    last = found.folds[2].block
    differs = [
        not np.array_equal(one.probabilities, other.probabilities, equal_nan=True)
        for one, other in zip(found.predictions, again.predictions, strict=True)
        if one.time[0] >= last.start
    ]
    assert all(differs)


def test_each_candle_is_predicted_once_after_the_embargo_of_its_fold(configs: Configs, dataset: Dataset) -> None:
    """Folds follow each other; the first candles of each, and all before the first, have no honest value."""
    prepared, found = walked(configs, dataset)
    joined = OutOfFold.of("folds", found.predictions, prepared.split.train.classes)
    for key, data in dataset.series.items():
        expected = np.concatenate(
            [
                data.candles.time[
                    np.searchsorted(data.candles.time, fold.block.start) + 4 : np.searchsorted(
                        data.candles.time + key.seconds, fold.block.end, side="right"
                    )
                ]
                for fold in found.folds
            ]
        )
        np.testing.assert_array_equal(joined.series[key].time, expected)
        assert joined.series[key].sufficient.any()
        assert not joined.series[key].provisional.any()
        starts = [span.start_time for span in joined.series[key].spans]
        assert starts
        assert np.isin(starts, expected).all()


def test_the_scores_of_folds_are_told_one_by_one_and_as_their_mean(configs: Configs, dataset: Dataset) -> None:
    """Every fold has its macro F1 of candles and of spans; the mean stands beside them."""
    _, found = walked(configs, dataset)
    metrics = found.metrics()
    names = {f"fold_{number}_{name}" for number in (1, 2, 3) for name in ("f1_macro", "span_f1_macro")}
    assert set(metrics) == names | {"folds_f1_macro", "folds_span_f1_macro"}
    each = [metrics[f"fold_{number}_f1_macro"] for number in (1, 2, 3)]
    assert metrics["folds_f1_macro"] == pytest.approx(np.mean(each))
    assert all(0 <= value <= 1 for value in metrics.values())


def test_a_fold_with_too_few_patterns_is_fitted_plainly_or_left_out(configs: Configs, dataset: Dataset) -> None:
    """Too few for blocks of its own: fitted without them; too few for the trainer: left out. Both are noted."""
    plain = "is fitted without early stopping and calibration: too few patterns before its test"
    _, found = walked(configs, dataset, "split.embargo=250", "split.train=0.4", "split.test=0.4")
    assert found.notes == (f"fold 1 {plain}", f"fold 2 {plain}")
    assert [fold.number for fold in found.folds] == [1, 2, 3]
    _, found = walked(configs, dataset, "model.min_samples_per_class=12")
    assert [fold.number for fold in found.folds] == [2, 3]
    assert found.notes[0].startswith("fold 1 is left out: ")


def test_a_fold_before_a_labels_first_pattern_needs_no_threshold_for_it(configs: Configs, dataset: Dataset) -> None:
    """A threshold that is configured for a label that came later does not stop the earlier folds."""
    middle = int(dataset.series[SeriesKey("AUDIT", "4h")].candles.time[1375])
    late = {
        key: replace(
            data,
            annotations=tuple(
                replace(one, label="audit_top") if one.label == "audit_flag" and one.start_time < middle else one
                for one in data.annotations
            ),
        )
        for key, data in dataset.series.items()
    }
    thresholds = "calibration.thresholds={audit_flag: 0.3}"
    prepared, found = walked(configs, replace(dataset, series=late), thresholds)
    assert "audit_flag" in prepared.split.train.classes
    assert [fold.number for fold in found.folds] == [1, 2, 3]
    first = next(one for one in found.predictions if one.time[0] >= found.folds[0].block.start)
    assert "audit_flag" not in first.classes


def test_folds_are_made_where_they_are_asked_for(configs: Configs, dataset: Dataset) -> None:
    """By the split's method or by `evaluation.out_of_fold`; otherwise the test block alone is out of fold."""
    for overrides, folds, origin in (
        (("split.method=temporal",), False, "test block"),
        (("split.method=temporal", "evaluation.out_of_fold=true"), True, "folds"),
        (("split.method=random",), False, None),
        (("split.method=random", "evaluation.out_of_fold=true"), True, "folds"),
    ):
        config = configs("candle-shape", "windowed", *WALKING, "split.leakage_gap=false", *overrides)
        assert has_folds(config) == folds
        measured = measure(fit(prepare(dataset, config), config), config, lambda what, done, total: None)
        assert (measured.out_of_fold and measured.out_of_fold.origin) == origin
        assert (measured.walked is not None) == folds


def test_the_test_block_is_out_of_fold_as_it_was_evaluated(configs: Configs, dataset: Dataset) -> None:
    """Without folds the stored predictions are those that the scores were made of, after the embargo."""
    config = configs("candle-shape", "windowed", "labels.window=12", "split.leakage_gap=false")
    prepared = prepare(dataset, config)
    measured = measure(fit(prepared, config), config, lambda what, done, total: None)
    assert measured.out_of_fold is not None
    block = prepared.split.block("test")
    assert block is not None
    assert len(measured.cases) == 2
    for case in measured.cases:
        stored = measured.out_of_fold.series[case.candles.key]
        first = int(np.searchsorted(case.candles.time, block.start)) + block.embargo
        np.testing.assert_array_equal(stored.time, case.candles.time[first:])
        np.testing.assert_array_equal(stored.probabilities, case.prediction.probabilities[first:])

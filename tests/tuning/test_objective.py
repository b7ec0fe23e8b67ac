"""What trials are scored by: the code that trains, on folds of the train block, and nothing after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from candle_ml.candles import Candles
from candle_ml.config import PipelineConfig, load_config
from candle_ml.config.tune_section import Metric
from candle_ml.dataset import Dataset
from candle_ml.errors import TrainingError
from candle_ml.reading import read_dataset
from candle_ml.training import prepare
from candle_ml.tuning_trial import Asked, Objective, _closed_by, _folds, _prepared, is_behind, objective, run_trial
from candle_ml.walk_forward import scored_fold, walk

AS_IT_IS = Asked(0, ())


@pytest.fixture
def config(project: Path) -> PipelineConfig:
    return load_config(project / "config" / "pipeline.yaml")


@pytest.fixture
def dataset(config: PipelineConfig) -> Dataset:
    return read_dataset(config)


def scrambled(dataset: Dataset, after: int) -> Dataset:
    """Other prices and no marks after a time."""
    series = {}
    for key, data in dataset.series.items():
        candles = data.candles
        factor = np.where(candles.time + key.seconds > after, 3.0, 1.0)
        prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
        other = Candles(key, candles.time, **prices, volume=candles.volume)
        marks = tuple(one for one in data.annotations if one.end_time + key.seconds <= after)
        series[key] = replace(data, candles=other, annotations=marks)
    return replace(dataset, series=series)


def test_nothing_after_the_train_block_is_known(dataset: Dataset, config: PipelineConfig) -> None:
    """The objective holds no candle and no mark beyond the train block, and scores nothing there."""
    block = prepare(dataset, config).split.block("train")
    assert block is not None
    goal = objective(dataset, config)
    assert goal.borders[-1] <= block.end
    for key, data in goal.dataset.series.items():
        assert data.candles.time[-1] + key.seconds <= block.end
        assert all(one.end_time + key.seconds <= block.end for one in data.annotations)
        whole = dataset.series[key]
        assert len(data.candles) == int((whole.candles.time + key.seconds <= block.end).sum())
        assert 0 < len(data.annotations) < len(whole.annotations)


def test_scores_do_not_depend_on_what_comes_later(dataset: Dataset, config: PipelineConfig) -> None:
    """Other prices after the train block change no score of a trial."""
    block = prepare(dataset, config).split.block("train")
    assert block is not None
    goal = objective(dataset, config)
    later = Objective(config, _closed_by(scrambled(dataset, block.end), block.end), goal.borders)
    assert later.dataset.hash == goal.dataset.hash
    assert run_trial(later, (), AS_IT_IS) == run_trial(goal, (), AS_IT_IS)


def test_a_trial_scores_what_a_training_by_folds_would(dataset: Dataset, config: PipelineConfig) -> None:
    """The values of a trial, written into the configuration, give the same scores where folds are measured."""
    goal = objective(dataset, config)
    made = run_trial(goal, (), Asked(0, ("model.max_depth=2",)))
    written = replace(
        goal.config, model=load_config(config.root / "config" / "pipeline.yaml", ["model.max_depth=2"]).model
    )
    undivided = replace(written, split=written.split.model_copy(update={"enabled": False}))
    walked = walk(prepare(goal.dataset, undivided), written)
    scores = [fold.evaluation.spans.at(0.5).macro.f1_score for fold in walked.folds if fold.evaluation is not None]
    assert made.means == pytest.approx([scores[0], np.mean(scores)])
    assert not made.pruned
    assert made != run_trial(goal, (), AS_IT_IS)


def test_every_trial_is_tested_on_the_same_stretches(dataset: Dataset, config: PipelineConfig) -> None:
    """Another window cuts other samples, but the folds' borders stay."""
    goal = objective(dataset, config)
    wider = load_config(config.root / "config" / "pipeline.yaml", ["labels.window=12"])
    assert [fold.test_block for fold in _folds(goal, _prepared(goal.dataset, wider))] == [
        fold.test_block for fold in _folds(goal, _prepared(goal.dataset, config))
    ]


@pytest.mark.parametrize("metric", ["span_f1", "macro_f1", "macro_f1_patterns", "average_precision"])
def test_a_metric_is_the_score_of_that_name(dataset: Dataset, config: PipelineConfig, metric: Metric) -> None:
    """The score of a trial's first fold is the one that `tune.metric` names."""
    goal = objective(dataset, load_config(config.root / "config" / "pipeline.yaml", [f"tune.metric={metric}"]))
    prepared = _prepared(goal.dataset, goal.config)
    found = scored_fold(prepared, goal.config, 1, _folds(goal, prepared)[0]).evaluation
    assert found is not None
    scores = {
        "span_f1": found.spans.at(0.5).macro.f1_score,
        "macro_f1": found.f1_macro,
        "macro_f1_patterns": found.f1_macro_patterns,
        "average_precision": np.mean([value for name, value in found.average_precision.items() if name != "O"]),
    }
    assert len(set(scores.values())) == 4
    assert run_trial(goal, [(1.0, 1.0)] * 5, AS_IT_IS).means == pytest.approx((scores[metric],))


FINISHED = tuple((0.1 * place, 0.1 * place, 0.1 * place) for place in range(1, 6))


@pytest.mark.parametrize(
    ("finished", "means", "behind"),
    [
        (FINISHED, (0.29,), True),
        (FINISHED, (0.31,), False),
        (FINISHED, (0.9, 0.29), True),
        (FINISHED[:4], (0.0,), False),
        ((), (0.0,), False),
    ],
    ids=["below the median", "above the median", "only the last mean counts", "too few to compare", "the first"],
)
def test_a_trial_below_the_median_is_behind(
    finished: tuple[tuple[float, ...], ...], means: tuple[float, ...], behind: bool
) -> None:
    """A mean below the median of at least five finished trials at the same fold is behind."""
    assert is_behind(finished, means) is behind


def test_a_trial_that_is_behind_is_given_up(dataset: Dataset, config: PipelineConfig) -> None:
    """With pruning a trial that is behind ends with the fold that shows it; without, it is scored to its end."""
    goal = objective(dataset, config)
    better = [(1.0, 1.0)] * 5
    whole = run_trial(goal, (), AS_IT_IS)
    pruned = run_trial(goal, better, AS_IT_IS)
    assert (pruned.means, pruned.pruned) == (whole.means[:1], True)
    patient = replace(goal, config=load_config(config.root / "config" / "pipeline.yaml", ["tune.pruning=false"]))
    assert run_trial(patient, better, AS_IT_IS) == whole


def test_what_a_package_raises_is_told_as_a_failed_trial(dataset: Dataset, config: PipelineConfig) -> None:
    """An error that is none of candle-ml's own becomes one, with its kind and text."""
    broken = replace(objective(dataset, config), dataset=None)
    with pytest.raises(TrainingError) as caught:
        run_trial(broken, (), Asked(7, ()))
    assert str(caught.value) == "AttributeError: 'NoneType' object has no attribute 'series'"

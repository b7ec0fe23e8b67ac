"""One trial of a search, in whatever process: models of folds within the train block, by the code that trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import PipelineConfig, varied
from candle_ml.config.tune_section import Metric
from candle_ml.dataset import Dataset, SeriesData, content_hash, restricted
from candle_ml.errors import CandleMLError, ConfigError, Problem, TrainingError
from candle_ml.evaluation import Evaluation
from candle_ml.execution import undivided
from candle_ml.split import Fold, walk_forward
from candle_ml.training import Prepared, prepare
from candle_ml.walk_forward import scored_fold

_TRIALS_BEFORE_PRUNING = 5


@dataclass(frozen=True, slots=True)
class Objective:
    """What every trial is scored by: candles and marks up to the end of the train block, cut at the same borders.

    `borders` are Unix seconds: fold k is tested between border k and the next. `notes` say which folds have too few
    patterns for scores to be believed.
    """

    config: PipelineConfig
    dataset: Dataset
    borders: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def folds(self) -> int:
        """How many folds a trial has."""
        return len(self.borders) - 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial that is to be made: its number in the study, and the values it tries as `--set` takes them."""

    number: int
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialScores:
    """The means of the scores up to each fold, of the folds that were made; all of them unless it was `pruned`."""

    means: tuple[float, ...]
    pruned: bool


def objective(dataset: Dataset, config: PipelineConfig) -> Objective:
    """The objective of a configuration: everything after its train block is left out of it.

    Raises `ConfigError` where there is no such block in time, `TrainingError` where the marks do not suffice.
    """
    if config.split.method == "random":
        expected = "write temporal: trials are scored on folds of the train block"
        raise ConfigError.at(config.where("split.method"), "random", expected)
    block = prepare(dataset, config).split.block("train")
    assert block is not None
    known = _closed_by(dataset, block.end)
    folds = _folds(Objective(config, known, ()), _prepared(known, config))
    return Objective(config, known, _borders(folds), tuple(note for fold in folds for note in fold.warnings))


def run_trial(objective: Objective, finished: Sequence[Sequence[float]], asked: Asked) -> TrialScores:
    """Score the values of one trial, fold by fold.

    `finished` are the means of the trials that nothing was pruned of; with `tune.pruning` this one ends where its mean
    falls below the median of theirs. A fold that cannot be fitted or has nothing to score counts 0. Raises
    `CandleMLError`, also where no fold can be fitted; what a package raises at values that it does not take becomes a
    `TrainingError`.
    """
    try:
        return _run(objective, finished, asked)
    except CandleMLError:
        raise
    except Exception as error:
        raise TrainingError.at("", f"{type(error).__name__}: {error}") from error


def largest_fold_seconds(objective: Objective) -> float:
    """How long the configuration as it is takes to be fitted and scored on the last fold."""
    config = undivided(objective.config)
    prepared = _prepared(objective.dataset, config)
    smallest, *_, largest = _folds(objective, prepared)
    scored_fold(prepared, config, 1, smallest)  # imports what the other would else wait for
    began = time.perf_counter()
    scored_fold(prepared, config, objective.folds, largest)
    return time.perf_counter() - began


def score(evaluation: Evaluation | None, metric: Metric) -> float:
    """The score that a trial is judged by; 0 where nothing was evaluated."""
    if evaluation is None:
        return 0.0
    precisions = [value for name, value in evaluation.average_precision.items() if name != NO_PATTERN]
    scores = {
        "span_f1": evaluation.spans.at(evaluation.spans.iou).macro.f1_score,
        "macro_f1": evaluation.f1_macro,
        "macro_f1_patterns": evaluation.f1_macro_patterns,
        "average_precision": sum(precisions) / len(precisions) if precisions else 0.0,
    }
    return scores[metric]


def _run(objective: Objective, finished: Sequence[Sequence[float]], asked: Asked) -> TrialScores:
    config = undivided(varied(objective.config, asked.overrides))
    prepared = _prepared(objective.dataset, config)
    scores, means, why = list[float](), list[float](), list[Problem]()
    for number, fold in enumerate(_folds(objective, prepared), 1):
        scored = scored_fold(prepared, config, number, fold)
        scores.append(score(scored.evaluation, config.tune.metric))
        means.append(sum(scores) / number)
        why += [Problem("", scored.note)] if scored.predictor is None else []
        if config.tune.pruning and number < objective.folds and is_behind(finished, means):
            return TrialScores(tuple(means), pruned=True)
    if len(why) == objective.folds:
        raise TrainingError(*why)
    return TrialScores(tuple(means), pruned=False)


def is_behind(finished: Sequence[Sequence[float]], means: Sequence[float]) -> bool:
    """Whether the last mean is below the median of the others at the same fold, by optuna's median pruner."""
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    study.add_trials(create_trial(value=every[-1], intermediate_values=dict(enumerate(every))) for every in finished)
    # Only the last mean: the pruner takes the best of several, though folds are not equally hard.
    here = create_trial(state=TrialState.RUNNING, intermediate_values={len(means) - 1: means[-1]})
    return bool(optuna.pruners.MedianPruner(_TRIALS_BEFORE_PRUNING).prune(study, here))


def _prepared(dataset: Dataset, config: PipelineConfig) -> Prepared:
    """All of it as one block: the folds divide it."""
    return prepare(dataset, replace(config, split=config.split.model_copy(update={"enabled": False})))


def _folds(objective: Objective, prepared: Prepared) -> tuple[Fold, ...]:
    candles: dict[SeriesKey, Candles] = {key: data.candles for key, data in objective.dataset.series.items()}
    stage = objective.config.split
    return walk_forward(prepared.samples, candles, folds=stage.folds, embargo=stage.embargo, borders=objective.borders)


def _borders(folds: Sequence[Fold]) -> tuple[int, ...]:
    return (folds[0].train_block.start, *(fold.test_block.start for fold in folds), folds[-1].test_block.end)


def _closed_by(dataset: Dataset, end: int) -> Dataset:
    """What was known at a time: the candles of each series that had closed, and the marks on them."""
    series: dict[SeriesKey, SeriesData] = {}
    for key, data in dataset.series.items():
        last = end - key.seconds
        if len(data.candles) and data.candles.time[0] <= last:
            series[key] = restricted(replace(dataset, series={key: data}), None, last).series[key]
    return replace(dataset, series=series, hash=content_hash(series))

"""Searching for the values of a configuration that score best, by trials on folds of its train block."""

from __future__ import annotations

import hashlib
import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import yaml

from candle_ml.cluster import cluster
from candle_ml.components import Progress, Truth, no_progress
from candle_ml.config import PipelineConfig, check_search, varied
from candle_ml.dataset import Dataset
from candle_ml.errors import CandleMLError, ConfigError, Problem, TrainingError
from candle_ml.execution import Failed, outcomes, undivided
from candle_ml.inference import build_recipe
from candle_ml.series_work import preparation_plan
from candle_ml.tuning_study import Study, Trial, opened
from candle_ml.tuning_trial import Asked, Objective, largest_fold_seconds, objective, run_trial

_DECIDING = ("seed", "features", "labels", "split", "model", "calibration", "evaluation", "tune")
_NOT_DECIDING = ("trials", "timeout")


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """What there is to do: `seconds` at most, as the largest fold took them here, `memory` bytes a worker.

    `notes` say which folds have too few patterns for scores to be believed.
    """

    trials: int
    folds: int
    at_once: int
    fold_seconds: float
    seconds: float
    memory: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search has found so far.

    `before` of the `trials` had ended when it was called, `again` were left by a call that was killed and made anew;
    `unchanged` is the score of the configuration as it is, None where it cannot be trained. `notes` say which folds
    have too few patterns for scores to be believed.
    """

    study: str
    trials: tuple[Trial, ...]
    before: int
    again: int
    unchanged: float | None
    notes: tuple[str, ...]

    def ranked(self) -> list[Trial]:
        """The finished trials, the best first; of equal ones the earlier."""
        finished = [one for one in self.trials if one.value is not None]
        return sorted(finished, key=lambda one: -(one.value or 0))


def tuning_plan(dataset: Dataset, config: PipelineConfig) -> TuningPlan:
    """What `tune` would do where no trial has been made, after fitting two folds. Raises as `tune` does."""
    goal = _checked(dataset, config)
    each = largest_fold_seconds(goal)
    at_once = _at_once(config)
    rounds = 1 + math.ceil(config.tune.trials / at_once)
    memory = preparation_plan(goal.dataset, undivided(config)).memory
    return TuningPlan(config.tune.trials, goal.folds, at_once, each, each * goal.folds * rounds, memory, goal.notes)


def tune(dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress) -> Tuned:
    """Make the trials that are missing of `tune.trials`, as many at once as `execution` has workers.

    What has ended stands in the state database under the name of the pipeline and a hash of configuration and data, and
    is not made again. A trial that fails is kept with its reason. Raises `ConfigError` for a search that is wrong,
    `TrainingError` where no trial could be scored, `StateError`, and `ExecutionError` where the cluster is away.
    """
    goal = _checked(dataset, config)
    name = study_name(dataset, config)
    seed = config.seed if config.tune.seed is None else config.tune.seed
    with opened(config.root, name, config.tune.search, seed) as study:
        again, before = study.begin_again(), len(study.ended())
        _score_unchanged(study, goal, progress)
        _make(study, goal, progress)
        tuned = Tuned(name, study.ended(), before, again, study.unchanged, goal.notes)
    if not tuned.ranked():
        failed = [one.error.partition("\n")[0] for one in tuned.trials if one.error]
        found = f"no trial of {len(tuned.trials)} could be scored{': ' + failed[0] if failed else ''}"
        raise TrainingError.at(f"study {name}", found, "search other values, or annotate more")
    return tuned


def study_name(dataset: Dataset, config: PipelineConfig) -> str:
    """The name of a search: another one where anything differs that a trial's score depends on."""
    said = yaml.safe_load(config.text)
    deciding = {name: said[name] for name in _DECIDING}
    deciding["tune"] = {key: value for key, value in said["tune"].items() if key not in _NOT_DECIDING}
    content = json.dumps([deciding, dataset.hash], sort_keys=True)
    return f"{config.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _checked(dataset: Dataset, config: PipelineConfig) -> Objective:
    if not config.tune.search:
        expected = "name keys and their values, such as {model.max_depth: {int: [3, 10]}}"
        raise ConfigError.at(config.where("tune.search"), "nothing to search", expected)
    check_search(config)
    goal = objective(dataset, config)
    _refuse_other_truth(goal)
    return goal


def _refuse_other_truth(goal: Objective) -> None:
    """Refuse values by which other annotations would count: trials could not be compared."""
    config, truth = goal.config, _truth(goal, goal.config)
    problems = [
        Problem(
            config.where(f"tune.search.{key}"), f"{text} changes which annotations count", "leave this key as it is"
        )
        for key, space in config.tune.search.items()
        if key.partition(".")[0] == "labels"
        for text in space.texts
        if _truth(goal, varied(config, (f"{key}={text}",))) != truth
    ]
    if problems:
        raise ConfigError(*problems)


def _truth(goal: Objective, config: PipelineConfig) -> list[Truth]:
    encoder = build_recipe(config).encoder
    return [encoder.truth(data.candles, data.annotations) for data in goal.dataset.series.values()]


def _score_unchanged(study: Study, goal: Objective, progress: Progress) -> None:
    if study.unchanged is not None:
        return
    progress("the configuration as it is", 0, 1)
    with suppress(CandleMLError):
        study.keep_unchanged(run_trial(goal, (), Asked(-1, ())).means[-1])
    progress("the configuration as it is", 1, 1)


def _make(study: Study, goal: Objective, progress: Progress) -> None:
    """Rounds of as many trials as there are workers: what one round tries depends on those before it only."""
    config = goal.config
    deadline = time.monotonic() + (config.tune.timeout or math.inf)
    wanted, at_once, ended = config.tune.trials, _at_once(config), study.ended()
    progress("trials", len(ended), wanted)
    while len(ended) < wanted and time.monotonic() < deadline:
        finished = tuple(one.means for one in ended if one.status == "finished")
        asked = [study.ask(place) for place in range(len(ended), min(len(ended) + at_once, wanted))]
        made = outcomes(config, partial(run_trial, goal, finished), asked, "trials")
        for done, one in enumerate(made, len(ended) + 1):
            study.tell(one.item, one.error if isinstance(one, Failed) else one.result)
            progress("trials", done, wanted)
        ended = study.ended()


def _at_once(config: PipelineConfig) -> int:
    if config.execution.engine == "local":
        return config.execution.workers
    with cluster(config) as client:
        return sum(client.ncores().values())

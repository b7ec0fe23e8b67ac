"""Recording a run in MLflow, against MLflow's own defaults for the same parameters, metrics and model.

The defaults are what its quick start says: `log_param` and `log_metric` one by one and `mlflow.xgboost.log_model`,
which finds out what the model requires by loading it in another process. candle-ml sends batches and says what its
bundle requires. Both go to one SQLite store in this process; each repeat makes a new run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from uuid import uuid4

import xgboost
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import Project
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import by_turns, ratio

from candle_ml.parameters import run_parameters
from candle_ml.tracking import TrackedRun, TrackingPlace

NAME = "tracking"
_DEFAULTS = "defaults"
_METRICS = {f"metric_{number}": number / 50 for number in range(50)}


def measure(bench: Bench) -> Iterator[Row]:
    """By turns, on the parameters of the project and 50 metrics."""
    project = bench.project("xgboost")
    place = TrackingPlace.of(None, project.root)
    place.client().create_experiment(_DEFAULTS, artifact_location=(bench.folder / _DEFAULTS).as_uri())
    params = run_parameters(project.config, None, None)
    booster = xgboost.Booster(model_file=project.bundle / "model" / "model.ubj")
    works = {
        "ours": partial(_ours, project, place, params),
        "defaults": partial(_defaults, booster, params),
    }
    seconds = by_turns(works, 1 if bench.quick else 3)
    label = f"MLflow run of {len(params)} parameters, 50 metrics and a model ÷ MLflow's defaults"
    yield ratio(NAME, label, seconds["ours"], seconds["defaults"], "s", Goal(0.06))


def _ours(project: Project, place: TrackingPlace, params: Mapping[str, str]) -> None:
    now = time.time_ns() // 1_000_000
    tracked = TrackedRun.open(place, project.config.experiment, "speed", uuid4().hex, now)
    tracked.log(params, _METRICS, {}, now, tracked.log_model(project.bundle))
    tracked.close("FINISHED")


def _defaults(booster: xgboost.Booster, params: Mapping[str, str]) -> None:
    import mlflow

    mlflow.set_experiment(_DEFAULTS)
    with mlflow.start_run():
        for name, value in params.items():
            mlflow.log_param(name, value)
        for name, number in _METRICS.items():
            mlflow.log_metric(name, number)
        mlflow.xgboost.log_model(booster, name="model")

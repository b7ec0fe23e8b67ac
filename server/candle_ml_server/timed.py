"""Predictions that end at their deadline: nobody waits any longer for what a thread would still compute."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import SeriesKey
from candle_ml.inference import LoadedModel
from candle_ml.inference.predictor import Recipe
from candle_ml.samples import SeriesFeatures, WindowMatrix
from candle_ml.scores import Samples
from candle_ml_server.problems import DEADLINE, ProblemError
from candle_ml_server.workers import RETRY, TOO_LATE


def timed(loaded: LoadedModel, deadline: float) -> LoadedModel:
    """The model, whose predictions raise `ProblemError` (503) after `deadline`, a time of `time.monotonic`."""
    recipe = loaded.predictor.recipe
    watched = _TimedRecipe(recipe.plan, recipe.encoder, recipe.layout, deadline)
    return replace(loaded, predictor=replace(loaded.predictor, recipe=watched))


@dataclass(frozen=True, slots=True)
class _TimedRecipe(Recipe):
    deadline: float

    def matrix(self, series: Mapping[SeriesKey, SeriesFeatures], samples: Samples) -> WindowMatrix:
        """As the recipe's own, up to the deadline."""
        matrix = _TimedMatrix(self.plan, series, samples, self.layout)
        matrix.deadline = self.deadline
        return matrix


class _TimedMatrix(WindowMatrix):
    deadline: float

    def _fill(self, block: NDArray[np.float32], start: int) -> None:
        if time.monotonic() >= self.deadline:
            raise ProblemError(DEADLINE, TOO_LATE, headers=RETRY)
        super()._fill(block, start)

"""Boosting trees on blocks of samples: what every trainer of XGBoost models does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from candle_ml.components import FitContext, Progress, SampleMatrix
from candle_ml_models_tree.checks import check_finite, class_weights, rows_at_once
from candle_ml_models_tree.options import XgboostOptions

_BITS = 23


@dataclass(frozen=True, slots=True, eq=False)
class Boosting:
    """How trees are boosted: `factors` weigh each class, and `unit` is what slopes are rounded to; None: to nothing."""

    options: XgboostOptions
    factors: NDArray[np.float64]
    seed: int
    unit: float | None = None

    @classmethod
    def of(cls, options: XgboostOptions, train: SampleMatrix, context: FitContext) -> Boosting:
        """The boosting of these training samples, which have every class."""
        factors = class_weights(train.codes, len(context.classes), options.class_weight)
        return cls(options, factors, context.seed)

    def exact(self, train: SampleMatrix) -> Boosting:
        """The same with slopes in whole units, whose sums are the same bits in any order and on any number of workers.

        A slope has 23 bits below the largest weight, so that `float32` holds it and `float64` sums of 2 ** 30 of them.
        """
        heaviest = float((train.weights * self.factors[train.codes]).max())
        return replace(self, unit=2.0 ** (math.frexp(heaviest)[1] - _BITS))

    def quantised(self, matrix: SampleMatrix, reference: xgboost.QuantileDMatrix | None = None) -> Any:
        """The samples in bins of the reference, or in bins of their own; no dense copy of the matrix is made."""
        blocks = _Blocks(matrix, matrix.weights * self.factors[matrix.codes])
        return xgboost.QuantileDMatrix(
            blocks, max_bin=self.options.max_bin, nthread=self.options.threads, ref=reference
        )

    def booster(self, data: xgboost.QuantileDMatrix, watched: SampleMatrix | None, progress: Progress) -> bytes:
        """A booster's file: of all rounds, or up to the best one on the watched samples."""
        rounds, stop = self.options.rounds, self.options.early_stopping_rounds
        booster = xgboost.train(
            self._parameters(),
            data,
            rounds,
            obj=None if self.unit is None else partial(_whole_slopes, self.unit),
            evals=[] if watched is None else [(self.quantised(watched, data), "validation")],
            early_stopping_rounds=None if watched is None else stop,
            verbose_eval=False,
            callbacks=[_Reporter(progress, rounds)],
        )
        progress("rounds", rounds, rounds)
        return _best(booster)

    def _parameters(self) -> dict[str, Any]:
        named = ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda")
        return {name: getattr(self.options, name) for name in (*named, "max_bin")} | {
            "objective": "multi:softprob",
            "num_class": len(self.factors),
            "eval_metric": "mlogloss",
            "tree_method": "hist",
            "nthread": self.options.threads,
            "seed": self.seed,
        }


def _whole_slopes(
    unit: float, margins: NDArray[np.float32], data: xgboost.QuantileDMatrix
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """First and second derivatives of the log loss by the margins, `(n, classes)` each, in whole units.

    The formula is that of XGBoost's `multi:softprob`.
    """
    powers = np.exp(margins.astype(np.float64) - margins.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    slopes = shares - np.eye(shares.shape[1])[data.get_label().astype(np.int64)]
    in_units = data.get_weight().astype(np.float64)[:, np.newaxis] / unit
    bends = np.maximum(np.rint(2.0 * shares * (1.0 - shares) * in_units), 1.0)
    return (np.rint(slopes * in_units) * unit).astype(np.float32), (bends * unit).astype(np.float32)


class _Blocks(xgboost.DataIter):  # type: ignore[misc]
    """Feeds the blocks of a matrix to XGBoost, which asks for all of them several times."""

    def __init__(self, matrix: SampleMatrix, weights: NDArray[np.float64]) -> None:
        super().__init__()
        self._matrix = matrix
        self._weights = weights
        self.reset()

    def reset(self) -> None:
        """Start again at the first block."""
        self._blocks: Iterator[NDArray[np.float32]] = self._matrix.batches(rows_at_once(self._matrix.shape[1]))
        self._start = 0

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block; False where there is none."""
        block = next(self._blocks, None)
        if block is None:
            return False
        check_finite(block, self._matrix.columns)
        rows = slice(self._start, self._start + len(block))
        input_data(data=block, label=self._matrix.codes[rows], weight=self._weights[rows])
        self._start += len(block)
        return True


class _Reporter(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Passes the number of finished rounds on."""

    def __init__(self, progress: Progress, rounds: int) -> None:
        super().__init__()
        self._progress = progress
        self._rounds = rounds

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict[str, Any]) -> bool:
        """Report; never stop."""
        self._progress("rounds", epoch + 1, self._rounds)
        return False


def _best(booster: xgboost.Booster) -> bytes:
    """The rounds up to the best one, without anything that is not needed to predict."""
    best = booster.attr("best_iteration")
    kept = booster if best is None else booster[: int(best) + 1]
    return bytes(kept.save_raw("ubj"))

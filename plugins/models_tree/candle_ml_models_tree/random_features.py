"""The trainer `random-features` and its model."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from candle_ml.components import FitContext, SampleMatrix
from candle_ml.errors import BundleError
from candle_ml_models_tree.checks import check_finite, check_training, class_weights, predict_blocks, rows_at_once
from candle_ml_models_tree.files import Meta, digest, read_model, write_model
from candle_ml_models_tree.options import RandomFeaturesOptions

NAME = "random-features"
MODEL_FILE = "model.npz"
_LEAST_SPREAD = 1e-3
_STEPS, _MOST_STEPS = 64.0, 255.0  # of a column's deviation
_UNITS, _MOST_UNITS = 32.0, 127.0  # of a weight's deviation
_BITS = 20
_SHARPNESS = 5.0


class RandomFeaturesTrainer:
    """Ridge regression of the classes on random features; validation samples are not needed and not looked at.

    A feature is a random weighted sum of the standardised columns, cut off below zero. Only what the features count for
    is fitted, in closed form, so a fit takes seconds (Rahimi and Recht: Weighted Sums of Random Kitchen Sinks, 2008).
    """

    def __init__(self, options: RandomFeaturesOptions) -> None:
        self._options = options

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> RandomFeaturesModel:
        """The model of these samples. Raises `TrainingError`."""
        check_training(train, context.classes, self._options.min_samples_per_class)
        factors = class_weights(train.codes, len(context.classes), self._options.class_weight)
        weights = train.weights * factors[train.codes]
        weights *= len(weights) / weights.sum()
        layer = self._layer(train, context.seed)
        sums = _Sums.empty(self._options.features, len(context.classes))
        context.progress("samples", 0, len(weights))
        for block, rows in _blocks(train):
            targets = np.eye(len(context.classes))[train.codes[rows]]
            sums.add(layer.features(block), targets, weights[rows])
            context.progress("samples", rows.stop, len(weights))
        answer, start = sums.solved(self._options.penalty)
        return RandomFeaturesModel(context.classes, layer, answer, start)

    def _layer(self, train: SampleMatrix, seed: int) -> _Layer:
        mean, spread = _mean_and_spread(train)
        rng = np.random.Generator(np.random.PCG64(seed))
        drawn = rng.standard_normal((len(mean), self._options.features)) * _UNITS
        weights = np.clip(np.rint(drawn), -_MOST_UNITS, _MOST_UNITS).astype(np.int8)
        offsets = rng.uniform(-1.0, 1.0, self._options.features) * _STEPS * _UNITS * np.sqrt(len(mean))
        return _Layer(mean, _STEPS / spread, weights, np.rint(offsets).astype(np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Random features: `max(0, steps @ weights + offsets)` with whole steps `(column - mean) * scale`.

    `mean` and `scale` are `float64` `(columns,)`, `weights` `int8` `(columns, features)`, `offsets` `int32`
    `(features,)`. Sums of whole numbers below 2 ** 24 are exact in `float32`, whatever their order: a feature is the
    same bits on every machine and in any company.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.int8]
    offsets: NDArray[np.int32]

    def features(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, features)`, whole numbers."""
        steps = np.clip(np.rint((rows - self.mean) * self.scale), -_MOST_STEPS, _MOST_STEPS)
        summed: NDArray[np.float32] = steps.astype(np.float32) @ self.weights.astype(np.float32)
        summed += self.offsets.astype(np.float32)
        return np.maximum(summed, 0.0, out=summed)


@dataclass(slots=True, eq=False)
class _Sums:
    """What ridge regression needs of the samples, added up block by block in `float64`."""

    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    products: NDArray[np.float64]
    answers: NDArray[np.float64]
    weight: float = 0.0

    @classmethod
    def empty(cls, features: int, classes: int) -> _Sums:
        """Of no sample."""
        return cls(
            features=np.zeros(features),
            targets=np.zeros(classes),
            products=np.zeros((features, features)),
            answers=np.zeros((features, classes)),
        )

    def add(self, features: NDArray[np.float32], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Add samples."""
        weighted = features * weights.astype(np.float32)[:, np.newaxis]
        self.features += weighted.sum(axis=0, dtype=np.float64)
        self.targets += weights @ targets
        self.products += weighted.T @ features
        self.answers += weighted.T @ targets.astype(np.float32)
        self.weight += float(weights.sum())

    def solved(self, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each feature counts for in each class, and what a class has without any.

        The penalty is on the weight of standardised features, for each sample.
        """
        mean, expected = self.features / self.weight, self.targets / self.weight
        centred = self.products - np.outer(mean, self.features)
        spread = np.maximum(np.diagonal(centred), _LEAST_SPREAD)
        correlated = self.answers - np.outer(self.features, expected)
        answer = _rounded(np.linalg.solve(centred + penalty * np.diag(spread), correlated))
        return answer, expected - mean @ answer


class RandomFeaturesModel:
    """Random features and what each counts for; shares are the softmax of the regressed indicators, times 5."""

    def __init__(
        self, classes: tuple[str, ...], layer: _Layer, answer: NDArray[np.float64], start: NDArray[np.float64]
    ) -> None:
        self.classes = classes
        self._layer = layer
        self._answer = answer
        self._start = start

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """Class shares `(n, classes)`. Raises `DataError` for other columns than trained."""
        return predict_blocks(matrix, len(self._layer.mean), len(self.classes), self._shares)

    def save(self, folder: Path) -> None:
        """Write `model.npz` and `meta.json` into an empty folder."""
        layer, file = self._layer, io.BytesIO()
        arrays = {name: getattr(layer, name) for name in ("mean", "scale", "weights", "offsets")}
        np.savez(file, allow_pickle=False, **arrays, answer=self._answer, start=self._start)
        content = file.getvalue()
        versions, checksum = {"numpy": np.__version__}, digest(content)
        meta = Meta(trainer=NAME, classes=self.classes, columns=len(layer.mean), sha256=checksum, versions=versions)
        write_model(folder, MODEL_FILE, content, meta)

    def feature_importance(self) -> None:
        """None: every column is in every feature."""
        return

    def _shares(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        answered = self._layer.features(rows).astype(np.float64) @ self._answer + self._start
        powers = np.exp(_SHARPNESS * (answered - answered.max(axis=1, keepdims=True)))
        shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares


def load(folder: Path) -> RandomFeaturesModel:
    """The model in `folder`. Raises `BundleError` for anything but what `save` wrote."""
    meta, content = read_model(folder, MODEL_FILE, NAME)
    where = f"{folder.name}/{MODEL_FILE}"
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise BundleError.at(where, "cannot be read", "a model written by candle-ml") from error
    _check(where, arrays, meta)
    layer = _Layer(*(arrays[name] for name in ("mean", "scale", "weights", "offsets")))
    return RandomFeaturesModel(meta.classes, layer, arrays["answer"], arrays["start"])


def _check(where: str, arrays: dict[str, NDArray[Any]], meta: Meta) -> None:
    """Raise `BundleError` unless these are the arrays of a model, each of its type and shape, and all are numbers."""
    columns, features, classes = meta.columns, arrays["offsets"].size if "offsets" in arrays else 0, len(meta.classes)
    expected = {
        "answer": ("float64", (features, classes)),
        "mean": ("float64", (columns,)),
        "offsets": ("int32", (features,)),
        "scale": ("float64", (columns,)),
        "start": ("float64", (classes,)),
        "weights": ("int8", (columns, features)),
    }
    _expect(where, "arrays", sorted(arrays), list(expected))
    for name, form in expected.items():
        _expect(where, name, (str(arrays[name].dtype), arrays[name].shape), form)
        _expect(where, f"{name} with numbers that are none:", int((~np.isfinite(arrays[name])).sum()), 0)


def _rounded(answer: NDArray[np.floating]) -> NDArray[np.float64]:
    """To 20 bits of the largest, so that its products with whole numbers add up exactly, whatever their order."""
    unit = 2.0 ** (np.frexp(np.abs(answer).max(initial=0.0))[1] - _BITS)
    rounded: NDArray[np.float64] = np.rint(answer / unit) * unit
    return rounded


def _blocks(matrix: SampleMatrix) -> Iterator[tuple[NDArray[np.float32], slice]]:
    """The blocks of a matrix, each with its rows. Raises `DataError` for values that are not finite."""
    start = 0
    for block in matrix.batches(rows_at_once(matrix.shape[1])):
        check_finite(block, matrix.columns)
        yield block, slice(start, start + len(block))
        start += len(block)


def _mean_and_spread(matrix: SampleMatrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column; 1 for a column that does not vary."""
    total, squares = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    for block, _ in _blocks(matrix):
        total += block.sum(axis=0, dtype=np.float64)
        squares += np.square(block, dtype=np.float64).sum(axis=0)
    mean = total / matrix.shape[0]
    spread = np.sqrt(np.maximum(squares / matrix.shape[0] - mean * mean, 0.0))
    return mean, np.where(spread > _LEAST_SPREAD, spread, 1.0)


def _expect(where: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise BundleError.at(where, f"{what} {found}", str(expected))

"""The trainer `random-features` and its model."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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
_ROWS = 256
_LEAST_SPREAD = 1e-3
_LEAST_SHARE = 1e-6


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
        weights = rng.standard_normal((len(mean), self._options.features)) / np.sqrt(len(mean))
        offsets = rng.uniform(-1.0, 1.0, self._options.features)
        weights /= spread[:, np.newaxis]
        return _Layer(weights.astype(np.float32), (offsets - mean @ weights).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Random features: `weights` `(columns, features)` and `offsets` `(features,)`, both `float32`."""

    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def features(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, features)`."""
        summed: NDArray[np.float32] = rows @ self.weights
        summed += self.offsets
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
        answer: NDArray[np.float64] = np.linalg.solve(
            centred + penalty * np.diag(spread), self.answers - np.outer(self.features, expected)
        )
        return answer, expected - mean @ answer


class RandomFeaturesModel:
    """Random features and what each counts for; a class's share is its regressed indicator, cut to 0 and above."""

    def __init__(
        self, classes: tuple[str, ...], layer: _Layer, answer: NDArray[np.float64], start: NDArray[np.float64]
    ) -> None:
        self.classes = classes
        self._layer = layer
        self._answer = answer
        self._start = start

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """Class shares `(n, classes)`. Raises `DataError` for other columns than trained."""
        return predict_blocks(matrix, len(self._layer.weights), len(self.classes), self._shares)

    def save(self, folder: Path) -> None:
        """Write `model.npz` and `meta.json` into an empty folder."""
        file = io.BytesIO()
        np.savez(
            file,
            allow_pickle=False,
            weights=self._layer.weights,
            offsets=self._layer.offsets,
            answer=self._answer,
            start=self._start,
        )
        content = file.getvalue()
        versions = {"numpy": np.__version__}
        columns, checksum = len(self._layer.weights), digest(content)
        meta = Meta(trainer=NAME, classes=self.classes, columns=columns, sha256=checksum, versions=versions)
        write_model(folder, MODEL_FILE, content, meta)

    def feature_importance(self) -> None:
        """None: every column is in every feature."""
        return

    def _shares(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """In pieces of one size, filled up with zeros: matrix products of another size can differ in the last bit."""
        shares = np.empty((len(rows), len(self.classes)))
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            piece = np.zeros((_ROWS, rows.shape[1]), dtype=np.float32)
            piece[: len(some)] = some
            answered = self._layer.features(piece).astype(np.float64) @ self._answer + self._start
            shares[start : start + _ROWS] = np.maximum(answered, _LEAST_SHARE)[: len(some)]
        shares /= shares.sum(axis=1, keepdims=True)
        return shares


def load(folder: Path) -> RandomFeaturesModel:
    """The model in `folder`. Raises `BundleError` for anything but what `save` wrote."""
    meta, content = read_model(folder, MODEL_FILE, NAME)
    where = f"{folder.name}/{MODEL_FILE}"
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            names = sorted(arrays.files)
            weights, offsets, answer, start = (arrays[name] for name in ("weights", "offsets", "answer", "start"))
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise BundleError.at(where, "cannot be read", "a model written by candle-ml") from error
    features, classes = offsets.size, len(meta.classes)
    _expect(where, "arrays", names, ["answer", "offsets", "start", "weights"])
    for name, array, shape, kind in (
        ("weights", weights, (meta.columns, features), np.float32),
        ("offsets", offsets, (features,), np.float32),
        ("answer", answer, (features, classes), np.float64),
        ("start", start, (classes,), np.float64),
    ):
        _expect(where, f"{name} of shape", array.shape, shape)
        _expect(where, f"{name} of type", array.dtype, np.dtype(kind))
        _expect(where, f"{name} with numbers that are none:", int((~np.isfinite(array)).sum()), 0)
    return RandomFeaturesModel(meta.classes, _Layer(weights, offsets), answer, start)


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

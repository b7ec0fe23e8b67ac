"""The trainer `random-features` and its model."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from candle_ml.components import FitContext, SampleMatrix
from candle_ml.errors import BundleError
from candle_ml_models_tree.checks import check_training, class_weights, predict_blocks
from candle_ml_models_tree.files import Meta, digest, read_model, write_model
from candle_ml_models_tree.options import RandomFeaturesOptions
from candle_ml_models_tree.random_layer import LAYER, Blocks, Layer, drawn_layer

NAME = "random-features"
MODEL_FILE = "model.npz"
_LEAST_SPREAD = 1e-6
_BITS = 20
_ROWS_AT_ONCE = 256
_SHARPNESS = 5.0


class RandomFeaturesTrainer:
    """Ridge regression of the classes on random features; validation samples are not needed and not looked at.

    Columns are standardised and count by how far apart the classes are in them; what is left of them is turned into
    the `directions` in which the samples differ most. A feature is a random weighted sum of these, cut off below zero.
    Only what the features count for is fitted, in closed form, so a fit takes seconds (Rahimi and Recht: Weighted Sums
    of Random Kitchen Sinks, 2008).
    """

    def __init__(self, options: RandomFeaturesOptions) -> None:
        self._options = options

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> RandomFeaturesModel:
        """The model of these samples. Raises `TrainingError`."""
        check_training(train, context.classes, self._options.min_samples_per_class)
        factors = class_weights(train.codes, len(context.classes), self._options.class_weight)
        weights = train.weights * factors[train.codes]
        weights *= len(weights) / weights.sum()
        blocks = Blocks(train)
        layer = drawn_layer(blocks, train.codes, self._options.directions, self._options.features, context.seed)
        sums = _Sums.empty(self._options.features, len(context.classes))
        context.progress("samples", 0, len(weights))
        for block, rows in blocks:
            targets = np.eye(len(context.classes))[train.codes[rows]]
            sums.add(layer.features(block), targets, weights[rows])
            context.progress("samples", rows.stop, len(weights))
        answer, start = sums.solved(self._options.penalty)
        return RandomFeaturesModel(context.classes, layer, answer, start)


@dataclass(slots=True, eq=False)
class _Sums:
    """What ridge regression needs of the samples, added up block by block in `float64`.

    Features are counted from `origin`, their mean in the first block, so that products tell small differences.
    """

    origin: NDArray[np.float32]
    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    products: NDArray[np.float64]
    answers: NDArray[np.float64]
    weight: float = 0.0

    @classmethod
    def empty(cls, features: int, classes: int) -> _Sums:
        """Of no sample."""
        return cls(
            origin=np.zeros(features, dtype=np.float32),
            features=np.zeros(features),
            targets=np.zeros(classes),
            products=np.zeros((features, features)),
            answers=np.zeros((features, classes)),
        )

    def add(self, features: NDArray[np.float32], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Add samples."""
        if not self.weight:
            self.origin = features.mean(axis=0)
        root = np.sqrt(weights).astype(np.float32)[:, np.newaxis]
        weighted = (features - self.origin) * root
        self.features += (weighted * root).sum(axis=0, dtype=np.float64)
        self.targets += weights @ targets
        self.products += weighted.T @ weighted  # of one matrix with itself: half the work
        self.answers += weighted.T @ (targets * root).astype(np.float32)
        self.weight += float(weights.sum())

    def solved(self, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each feature counts for in each class, and what a class has without any.

        The penalty is on the weight of standardised features, for each sample.
        """
        mean, expected = self.features / self.weight, self.targets / self.weight
        centred = self.products - np.outer(mean, self.features)
        least = _LEAST_SPREAD * np.diagonal(self.products).max(initial=1.0)
        spread = np.sqrt(np.maximum(np.diagonal(centred), least))[:, np.newaxis]
        correlated = (self.answers - np.outer(self.features, expected)) / spread
        penalised = centred / (spread * spread.T) + penalty * np.eye(len(spread))
        answer = _rounded(solve(penalised, correlated, assume_a="pos") / spread)
        return answer, expected - (mean + self.origin) @ answer


class RandomFeaturesModel:
    """Random features and what each counts for; shares are the softmax of the regressed indicators, times 5."""

    def __init__(
        self, classes: tuple[str, ...], layer: Layer, answer: NDArray[np.float64], start: NDArray[np.float64]
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
        arrays = {name: getattr(layer, name) for name in LAYER}
        np.savez(file, allow_pickle=False, **arrays, answer=self._answer, start=self._start)
        content = file.getvalue()
        versions, checksum = {"numpy": np.__version__}, digest(content)
        meta = Meta(trainer=NAME, classes=self.classes, columns=len(layer.mean), sha256=checksum, versions=versions)
        write_model(folder, MODEL_FILE, content, meta)

    def feature_importance(self) -> None:
        """None: every column is in every feature."""
        return

    def _shares(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        parts = (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
        sums = [self._layer.features(part).astype(np.float64) @ self._answer for part in parts]
        answered = np.concatenate(sums) + self._start
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
    layer = Layer(*(arrays[name] for name in LAYER))
    return RandomFeaturesModel(meta.classes, layer, arrays["answer"], arrays["start"])


def _check(where: str, arrays: dict[str, NDArray[Any]], meta: Meta) -> None:
    """Raise `BundleError` unless these are the arrays of a model, each of its type and shape, and all are numbers."""
    columns, classes = meta.columns, len(meta.classes)
    directions, features = (arrays[name].size if name in arrays else 0 for name in ("unit", "offsets"))
    expected = {
        "answer": ("float64", (features, classes)),
        "directions": ("int8", (columns, directions)),
        "mean": ("float32", (columns,)),
        "offsets": ("int32", (features,)),
        "scale": ("float32", (columns,)),
        "start": ("float64", (classes,)),
        "unit": ("float32", (directions,)),
        "weights": ("int8", (directions, features)),
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


def _expect(where: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise BundleError.at(where, f"{what} {found}", str(expected))

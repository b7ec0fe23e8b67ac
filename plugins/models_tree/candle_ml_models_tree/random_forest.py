"""The trainer `random-forest` and its model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import skops
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn import __version__ as sklearn_version
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

from candle_ml.components import FitContext, Progress, SampleMatrix
from candle_ml.errors import BundleError
from candle_ml_models_tree.checks import check_finite, check_training, class_weights, predict_blocks
from candle_ml_models_tree.files import Meta, digest, read_model, write_model
from candle_ml_models_tree.options import RandomForestOptions
from candle_ml_models_tree.skops_file import dump_forest, load_forest
from candle_ml_models_tree.structure import TreeArrays, check_tree

NAME = "random-forest"
MODEL_FILE = "model.skops"
_STEPS = 10
_SUM_TOLERANCE = 1e-9


class RandomForestTrainer:
    """Fits a forest; validation samples are not needed and not looked at."""

    def __init__(self, options: RandomForestOptions) -> None:
        self._options = options

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> RandomForestModel:
        """The forest of these samples, the same on any number of threads or workers. Raises `TrainingError`."""
        check_training(train, context.classes, self._options.min_samples_per_class)
        matrix = train.dense()
        check_finite(matrix, train.columns)
        factors = class_weights(train.codes, len(context.classes), self._options.class_weight)
        forest = self._unfitted(context)
        with _over_workers(context):
            _grow(forest, matrix, train.codes.astype(np.int64), train.weights * factors[train.codes], context.progress)
        return RandomForestModel(context.classes, train.shape[1], forest)

    def _unfitted(self, context: FitContext) -> RandomForestClassifier:
        return RandomForestClassifier(
            n_estimators=self._options.trees,
            max_depth=self._options.max_depth,
            min_samples_leaf=self._options.min_samples_leaf,
            max_features=self._options.max_features,
            random_state=context.seed,
            n_jobs=context.threads if context.cluster is None else None,
            warm_start=True,
        )


class RandomForestModel:
    """A fitted forest. Its trees are asked one by one on `float32`: the same numbers without a thread pool a call."""

    def __init__(self, classes: tuple[str, ...], columns: int, forest: RandomForestClassifier) -> None:
        self.classes = classes
        self._columns = columns
        self._forest = forest
        self._trees: list[Tree] = [estimator.tree_ for estimator in forest.estimators_]

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """The mean of the trees' class shares, `(n, classes)`. Raises `DataError` for other columns than trained."""
        return predict_blocks(matrix, self._columns, len(self.classes), self._mean_of_trees)

    def save(self, folder: Path) -> None:
        """Write `model.skops` and `meta.json` into an empty folder."""
        content = dump_forest(self._forest)
        versions = {"numpy": np.__version__, "scikit-learn": sklearn_version, "skops": skops.__version__}
        meta = Meta(
            trainer=NAME, classes=self.classes, columns=self._columns, sha256=digest(content), versions=versions
        )
        write_model(folder, MODEL_FILE, content, meta)

    def feature_importance(self) -> NDArray[np.float64] | None:
        """Each column's share in the decrease of Gini impurity (Breiman et al., 1984); None where no tree splits."""
        total = np.sum([tree.compute_feature_importances(normalize=True) for tree in self._trees], axis=0)
        return total / total.sum() if total.sum() > 0 else None

    def _mean_of_trees(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        total = np.zeros((len(block), len(self.classes)))
        for tree in self._trees:
            total += tree.predict(block)
        total /= len(self._trees)
        return total


def load(folder: Path) -> RandomForestModel:
    """The model in `folder`. Raises `BundleError` for anything but what `save` wrote."""
    meta, content = read_model(folder, MODEL_FILE, NAME)
    where = f"{folder.name}/{MODEL_FILE}"
    forest = _checked(where, load_forest(where, content), meta)
    return RandomForestModel(meta.classes, meta.columns, forest)


@contextmanager
def _over_workers(context: FitContext) -> Iterator[None]:
    """Trees grow on the workers of the cluster, where there is one; each gets the matrix."""
    if context.cluster is None:
        yield
        return
    with context.cluster() as client, parallel_config(backend="dask", client=client, n_jobs=-1):
        yield


def _grow(
    forest: RandomForestClassifier,
    matrix: NDArray[np.float32],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64],
    progress: Progress,
) -> None:
    """Fit in steps, which changes no tree, and leave nothing in the forest that says how it was fitted."""
    total: int = forest.n_estimators
    for trees in sorted({max(1, total * step // _STEPS) for step in range(1, _STEPS + 1)}):
        forest.set_params(n_estimators=trees).fit(matrix, codes, sample_weight=weights)
        progress("trees", trees, total)
    forest.set_params(n_jobs=None, warm_start=False)
    forest._sample_weight = None


def _checked(where: str, forest: object, meta: Meta) -> RandomForestClassifier:
    if type(forest) is not RandomForestClassifier:
        raise BundleError.at(where, f"a {type(forest).__name__}", "a RandomForestClassifier")
    estimators = getattr(forest, "estimators_", None)
    if not isinstance(estimators, list) or not estimators:
        raise BundleError.at(where, "a forest without trees", "a fitted forest")
    for number, estimator in enumerate(estimators):
        tree = getattr(estimator, "tree_", None)
        if type(estimator) is not DecisionTreeClassifier or type(tree) is not Tree:
            raise BundleError.at(where, f"a {type(estimator).__name__} for tree {number}", "a decision tree")
        _check_forest_tree(f"{where}: tree {number}", tree, meta)
    return forest


def _check_forest_tree(where: str, tree: Tree, meta: Meta) -> None:
    """Counts come first: the arrays are shown as long as `node_count` says."""
    if tree.node_count != tree.capacity:
        raise BundleError.at(where, f"{tree.node_count} nodes of {tree.capacity}", "as many nodes as stored")
    if tree.n_features != meta.columns:
        raise BundleError.at(where, f"{tree.n_features} columns", f"{meta.columns}, as in meta.json")
    if tree.max_n_classes != len(meta.classes):
        raise BundleError.at(where, f"{tree.max_n_classes} classes", f"{len(meta.classes)}, as in meta.json")
    arrays = TreeArrays(tree.children_left, tree.children_right, tree.feature, tree.threshold)
    check_tree(where, arrays, meta.columns)
    _check_shares(where, tree.value[:, 0, :])


def _check_shares(where: str, shares: NDArray[np.float64]) -> None:
    within = ((shares >= 0.0) & (shares <= 1.0 + _SUM_TOLERANCE)).all(axis=1)
    bad = np.flatnonzero(~(within & (np.abs(shares.sum(axis=1) - 1.0) < _SUM_TOLERANCE)))
    if len(bad):
        raise BundleError.at(where, f"class shares {shares[bad[0]].tolist()} in node {bad[0]}", "shares of 1")

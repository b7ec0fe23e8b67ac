"""What must hold of an XGBoost model that came from a file before XGBoost sees it."""

from __future__ import annotations

import json

import numpy as np

from candle_ml.errors import BundleError
from candle_ml_models_tree.structure import LEAF, TreeArrays, check_tree
from candle_ml_models_tree.xgboost_document import Document, LearnerParam, Tree, Trees, check_document

_NO_PARENT = 2**31 - 1
_EARLIEST = [3, 1]
_DEEPEST = 64
_A_NODE = ("base_weights", "loss_changes", "sum_hessian", "parents", "default_left", "split_type")
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_booster(where: str, value: object, columns: int, classes: int) -> None:
    """Raise `BundleError` unless a booster's document is that of a tree classifier with sound trees.

    XGBoost believes every size and every node number in it, so each is proven against the others.
    """
    document = check_document(where, value)
    if document.version[:2] < _EARLIEST:
        raise BundleError.at(where, f"version {'.'.join(map(str, document.version))}", "XGBoost 3.1 or later")
    learner = document.learner
    _check_sizes(where, document, columns, classes)
    _check_start(where, learner.learner_model_param, classes)
    _check_trees(where, learner.gradient_booster.model, columns, classes)


def _check_sizes(where: str, document: Document, columns: int, classes: int) -> None:
    learner = document.learner
    _expect(where, "columns", learner.learner_model_param.num_feature, columns)
    _expect(where, "classes", learner.learner_model_param.num_class, classes)
    _expect(where, "classes of the objective", learner.objective.softmax_multiclass_param.num_class, classes)


def _check_start(where: str, parameters: LearnerParam, classes: int) -> None:
    start = np.asarray(json.loads(parameters.base_score))
    if start.shape != (classes,) or (np.abs(start) > np.finfo(np.float32).max).any():
        raise BundleError.at(where, f"base score {parameters.base_score}", "one finite number a class")


def _check_trees(where: str, model: Trees, columns: int, classes: int) -> None:
    trees = model.trees
    if not trees or len(trees) % classes:
        raise BundleError.at(where, f"{len(trees)} trees", f"a multiple of {classes}, one tree a class and round")
    _expect(where, "trees", model.gbtree_model_param.num_trees, len(trees))
    rounds = len(trees) // classes
    in_order = model.tree_info == list(range(classes)) * rounds
    if not in_order or model.iteration_indptr != list(range(0, len(trees) + 1, classes)):
        raise BundleError.at(where, "trees out of order", "one tree a class in each round")
    if len(model.cats.feature_segments) or len(model.cats.sorted_idx):
        raise BundleError.at(where, "categories", "columns of numbers")
    for number, tree in enumerate(trees):
        _check_one(f"{where}: tree {number}", number, tree, columns)


def _check_one(where: str, number: int, tree: Tree, columns: int) -> None:
    _expect(where, "id", tree.id, number)
    _expect(where, "columns", tree.tree_param.num_feature, columns)
    nodes = len(tree.left_children)
    _expect(where, "nodes", tree.tree_param.num_nodes, nodes)
    if any(len(getattr(tree, name)) != nodes for name in _A_NODE):
        raise BundleError.at(where, "arrays of different lengths", "one entry a node in each")
    if tree.split_type.any() or any(len(getattr(tree, name)) for name in _CATEGORIES):
        raise BundleError.at(where, "a categorical split", "numerical splits")
    arrays = TreeArrays(tree.left_children, tree.right_children, tree.split_indices, tree.split_conditions)
    check_tree(where, arrays, columns)
    _check_parents(where, tree)
    _check_values(where, tree, columns)


def _check_parents(where: str, tree: Tree) -> None:
    """Each node but the root is one node's child; XGBoost follows parents, and goes down in recursions."""
    left, right = tree.left_children, tree.right_children
    inner = np.flatnonzero(left != LEAF)
    parents = np.full(len(left), _NO_PARENT)
    parents[left[inner]] = parents[right[inner]] = inner
    if 2 * len(inner) + 1 != len(left) or not np.array_equal(parents, tree.parents):
        raise BundleError.at(where, "parents that are not those of the children", "a tree")
    parents[0] = 0
    above = parents
    for _ in range(_DEEPEST):
        if not above.any():
            return
        above = parents[above]
    raise BundleError.at(where, f"more than {_DEEPEST} splits from root to leaf", f"at most {_DEEPEST}")


def _check_values(where: str, tree: Tree, columns: int) -> None:
    if not all(np.isfinite(values).all() for values in (tree.base_weights, tree.loss_changes, tree.sum_hessian)):
        raise BundleError.at(where, "a value that is not finite", "finite numbers")
    if tree.default_left.max() > 1 or tree.split_indices.min() < 0 or tree.split_indices.max() >= columns:
        raise BundleError.at(where, "a leaf's column or a direction that is none", f"columns 0 to {columns - 1}")


def _expect(where: str, what: str, found: int | str, expected: int) -> None:
    if str(found) != str(expected):
        raise BundleError.at(where, f"{what}: {found}", str(expected))

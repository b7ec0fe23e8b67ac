"""What must hold of an XGBoost model that came from a file before it is asked anything."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from candle_ml.errors import BundleError
from candle_ml_models_tree.structure import TreeArrays, check_tree

_OBJECTIVE = "multi:softprob"


def check_booster(where: str, document: dict[str, Any], columns: int, classes: int) -> None:
    """Raise `BundleError` unless a booster's JSON form is that of a tree classifier with sound trees.

    The fields are those of XGBoost's model schema, as its own serializer writes them.
    """
    learner = document["learner"]
    _expect(where, "booster", learner["gradient_booster"]["name"], "gbtree")
    _expect(where, "objective", learner["objective"]["name"], _OBJECTIVE)
    parameters = learner["learner_model_param"]
    _expect(where, "columns", parameters["num_feature"], str(columns))
    _expect(where, "classes", parameters["num_class"], str(classes))
    _expect(where, "targets", parameters["num_target"], "1")
    start = np.asarray(json.loads(parameters["base_score"]))
    if start.shape != (classes,) or not np.isfinite(start).all():
        raise BundleError.at(where, f"base score {parameters['base_score']}", "one finite number a class")
    _check_model(where, learner["gradient_booster"]["model"], columns, classes)


def _check_model(where: str, model: dict[str, Any], columns: int, classes: int) -> None:
    trees = model["trees"]
    if not trees or len(trees) % classes:
        raise BundleError.at(where, f"{len(trees)} trees", f"a multiple of {classes}, one tree a class and round")
    rounds = len(trees) // classes
    in_order = model["tree_info"] == list(range(classes)) * rounds
    if not in_order or model["iteration_indptr"] != list(range(0, len(trees) + 1, classes)):
        raise BundleError.at(where, "trees out of order", "one tree a class in each round")
    for number, tree in enumerate(trees):
        _check_one(f"{where}: tree {number}", tree, columns)


def _check_one(where: str, tree: dict[str, Any], columns: int) -> None:
    _expect(where, "values in a leaf", tree["tree_param"]["size_leaf_vector"], "1")
    if any(tree["split_type"]) or tree["categories_nodes"]:
        raise BundleError.at(where, "a categorical split", "numerical splits")
    arrays = TreeArrays(
        np.asarray(tree["left_children"], dtype=np.int64),
        np.asarray(tree["right_children"], dtype=np.int64),
        np.asarray(tree["split_indices"], dtype=np.int64),
        np.asarray(tree["split_conditions"], dtype=np.float64),
    )
    check_tree(where, arrays, columns)


def _expect(where: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise BundleError.at(where, f"{what}: {found}", str(expected))

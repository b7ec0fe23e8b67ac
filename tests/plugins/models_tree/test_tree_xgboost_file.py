"""Boosters with unsound trees: XGBoost reads them, candle-ml refuses them."""

from __future__ import annotations

import json

import pytest
import xgboost

from candle_ml.errors import BundleError
from candle_ml_models_tree.xgboost_structure import check_booster


def document_of(content):
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return json.loads(booster.save_raw("json"))


def ubjson_of(document):
    booster = xgboost.Booster()
    booster.load_model(bytearray(json.dumps(document).encode()))
    return bytes(booster.save_raw("ubj"))


def in_tree(name, value):
    """A change of the root of the second tree."""

    def change(document):
        document["learner"]["gradient_booster"]["model"]["trees"][1][name][0] = value

    return change


def wrong_order(document):
    document["learner"]["gradient_booster"]["model"]["tree_info"][0] = 2


def regression(document):
    document["learner"]["objective"] = {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}


def without_trees(document):
    model = document["learner"]["gradient_booster"]["model"]
    model.update(trees=[], tree_info=[], iteration_indptr=[0])
    model["gbtree_model_param"]["num_trees"] = "0"


BOOSTERS = {
    "a child beyond the end": (
        in_tree("left_children", 999),
        r": tree 1: child 999 of node 0; a later node, below \d+",
    ),
    "a cycle": (in_tree("right_children", 0), r": tree 1: child 0 of node 0; a later node, below \d+"),
    "one child": (in_tree("right_children", -1), ": tree 1: one child of node 0; two children or none"),
    "an unknown column": (in_tree("split_indices", 6), ": tree 1: column 6 in node 0; 0 to 5"),
    "no number": (in_tree("split_conditions", float("nan")), ": tree 1: nan in node 0; a finite number"),
    "wrong order": (wrong_order, ": trees out of order; one tree a class in each round"),
    "regression": (regression, ": objective: reg:squarederror; multi:softprob"),
    "no trees": (without_trees, ": 0 trees; a multiple of 3, one tree a class and round"),
}


@pytest.mark.parametrize(("change", "message"), BOOSTERS.values(), ids=BOOSTERS)
def test_an_unsound_booster_is_refused(saved_booster, change, message):
    """XGBoost reads each of these; candle-ml does not ask them anything."""
    document = document_of(saved_booster.file.read_bytes())
    change(document)
    saved_booster.replace(ubjson_of(document))
    with pytest.raises(BundleError, match=rf"^model/model.ubj{message}$"):
        saved_booster.load()


def test_what_xgboost_cannot_parse_is_refused(saved_booster):
    """A document that is no model is an error about the file."""
    saved_booster.replace(b"{}")
    assert saved_booster.refusal() == "model/model.ubj: cannot be read; a model written by candle-ml"


def linear(document):
    document["learner"]["gradient_booster"]["name"] = "gblinear"


def two_targets(document):
    document["learner"]["learner_model_param"]["num_target"] = "2"


def no_start(document):
    document["learner"]["learner_model_param"]["base_score"] = "[NaN, 0, 0]"


def vector_leaves(document):
    document["learner"]["gradient_booster"]["model"]["trees"][1]["tree_param"]["size_leaf_vector"] = "3"


def short_array(document):
    document["learner"]["gradient_booster"]["model"]["trees"][1]["right_children"].pop()


def no_nodes(document):
    tree = document["learner"]["gradient_booster"]["model"]["trees"][1]
    for name in ("left_children", "right_children", "split_indices", "split_conditions", "split_type"):
        tree[name].clear()


DOCUMENTS = {
    "linear": (linear, "m: booster: gblinear; gbtree"),
    "two targets": (two_targets, "m: targets: 2; 1"),
    "no start": (no_start, "m: base score [NaN, 0, 0]; one finite number a class"),
    "vector leaves": (vector_leaves, "m: tree 1: values in a leaf: 3; 1"),
    "categorical": (in_tree("split_type", 1), "m: tree 1: a categorical split; numerical splits"),
    "a short array": (short_array, "m: tree 1: arrays of different lengths; one entry a node in each"),
    "no nodes": (no_nodes, "m: tree 1: no node; at least a leaf"),
}


@pytest.mark.parametrize(("change", "message"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_booster_s_document_must_be_a_tree_classifier(saved_booster, change, message):
    """What this version of XGBoost would not even serialize is refused too."""
    document = document_of(saved_booster.file.read_bytes())
    change(document)
    with pytest.raises(BundleError) as error:
        check_booster("m", document, 6, 3)
    assert str(error.value) == message

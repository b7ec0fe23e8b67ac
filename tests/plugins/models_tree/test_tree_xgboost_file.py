"""Boosters with unsound trees: XGBoost believes what it reads, so candle-ml refuses them before it reads anything."""

from __future__ import annotations

import numpy as np
import pytest

from candle_ml_models_tree.ubjson import read_ubjson

from .ubjson_bytes import ubjson_of

WRITTEN = "a model written by candle-ml"


def document_of(saved):
    """The document of a saved booster, with arrays that can be changed."""

    def writable(value):
        if isinstance(value, dict):
            return {key: writable(item) for key, item in value.items()}
        if isinstance(value, list):
            return [writable(item) for item in value]
        return value.copy() if isinstance(value, np.ndarray) else value

    return writable(read_ubjson("model", saved.file.read_bytes()))


def test_a_document_is_written_as_xgboost_wrote_it(saved_booster):
    """What the tests below change is otherwise the file that XGBoost wrote, but for the widths of single integers."""
    document = read_ubjson("model", saved_booster.file.read_bytes())
    saved_booster.replace(ubjson_of(document))
    saved_booster.load()


def trees_of(document):
    return document["learner"]["gradient_booster"]["model"]


def in_tree(name, value, node=0):
    """A change of the root (or another node) of the second tree."""

    def change(document):
        trees_of(document)["trees"][1][name][node] = value

    return change


def in_learner(part, **values):
    return lambda document: document["learner"][part].update(values)


def in_parameters(**values):
    return lambda document: trees_of(document)["trees"][1]["tree_param"].update(values)


def in_model(**values):
    return lambda document: trees_of(document).update(values)


def cut(*names):
    """Take the last node out of arrays of the second tree."""

    def change(document):
        tree = trees_of(document)["trees"][1]
        tree.update({name: tree[name][:-1] for name in names})

    return change


def longer(name):
    """Put an entry into an array of the second tree that has none."""
    return lambda document: trees_of(document)["trees"][1].update({name: trees_of(document)["trees"][0][name][:1]})


def no_nodes(document):
    tree = trees_of(document)["trees"][1]
    tree.update({name: array[:0] for name, array in tree.items() if isinstance(array, np.ndarray)})
    tree["tree_param"]["num_nodes"] = "0"


def chain(document):
    """A tree of 65 splits, each the left child of the one before."""
    tree, splits = trees_of(document)["trees"][1], 65
    count = 2 * splits + 1
    tree.update({n: np.resize(a, count) for n, a in tree.items() if isinstance(a, np.ndarray) and len(a)})
    inner = np.arange(splits) * 2
    for name, child in (("left_children", inner + 2), ("right_children", inner + 1)):
        tree[name][:] = -1
        tree[name][inner] = child
    tree["parents"][1:] = np.repeat(inner, 2)
    tree["tree_param"]["num_nodes"] = str(count)


def category(document):
    trees_of(document)["trees"][1]["categories"] = np.zeros(1, ">i4")


def column_categories(document):
    trees_of(document)["cats"]["sorted_idx"] = np.zeros(1, ">i4")


def without_trees(document):
    trees_of(document).update(trees=[], tree_info=[], iteration_indptr=[0])
    trees_of(document)["gbtree_model_param"]["num_trees"] = "0"


def wrong_order(document):
    trees_of(document)["tree_info"][0] = 2


def unknown_key(document):
    document["learner"]["more"] = 1


def without_key(document):
    del trees_of(document)["trees"][1]["parents"]


LEARNER = ": learner.learner_model_param"
MODEL = ": learner.gradient_booster.model"
PARAMETERS = f"{MODEL}.trees.1.tree_param"
COUNT = "String should match pattern '^(0|[1-9][0-9]{0,8})$'"
DECIMALS = "Input should be numbers such as [5E-1,1.25]"
DIRECTION = ": tree 1: a leaf's column or a direction that is none; columns 0 to 5"
PARENTS = ": tree 1: parents that are not those of the children; a tree"
LENGTHS = ": tree 1: arrays of different lengths; one entry a node in each"
CATEGORICAL = ": tree 1: a categorical split; numerical splits"
BOOSTERS = {
    "a child beyond the end": (in_tree("left_children", 999), ": tree 1: child 999 of node 0; a later node, below 25"),
    "a cycle": (in_tree("right_children", 0), ": tree 1: child 0 of node 0; a later node, below 25"),
    "one child": (in_tree("right_children", -1), ": tree 1: one child of node 0; two children or none"),
    "a child of two": (in_tree("right_children", 1), PARENTS),
    "a parent that is none": (in_tree("parents", 7, node=1), PARENTS),
    "a parent of the root": (in_tree("parents", 0), PARENTS),
    "a chain": (chain, ": tree 1: more than 64 splits from root to leaf; at most 64"),
    "an unknown column": (in_tree("split_indices", 6), ": tree 1: column 6 in node 0; 0 to 5"),
    "an unknown column of a leaf": (in_tree("split_indices", 6, node=-1), DIRECTION),
    "a negative column of a leaf": (in_tree("split_indices", -1, node=-1), DIRECTION),
    "no direction": (in_tree("default_left", 2), DIRECTION),
    "no number": (in_tree("split_conditions", np.nan), ": tree 1: nan in node 0; a finite number"),
    "no gain": (in_tree("loss_changes", np.inf), ": tree 1: a value that is not finite; finite numbers"),
    "no sum": (in_tree("sum_hessian", np.nan), ": tree 1: a value that is not finite; finite numbers"),
    "no weight": (in_tree("base_weights", -np.inf), ": tree 1: a value that is not finite; finite numbers"),
    "short children": (cut("right_children"), ": tree 1: arrays of different lengths; one entry a node in each"),
    "short weights": (cut("base_weights"), LENGTHS),
    "short directions": (cut("default_left"), LENGTHS),
    "other nodes": (in_parameters(num_nodes="28"), ": tree 1: nodes: 28; 25"),
    "other columns of a tree": (in_parameters(num_feature="7"), ": tree 1: columns: 7; 6"),
    "nodes without end": (in_parameters(num_nodes="9" * 19), f"{PARAMETERS}.num_nodes: {COUNT}; {WRITTEN}"),
    "deleted nodes": (in_parameters(num_deleted="1"), f"{PARAMETERS}.num_deleted: Input should be '0'; {WRITTEN}"),
    "vector leaves": (
        in_parameters(size_leaf_vector="3"),
        f"{PARAMETERS}.size_leaf_vector: Input should be '1'; {WRITTEN}",
    ),
    "no nodes": (no_nodes, ": tree 1: no node; at least a leaf"),
    "categorical": (in_tree("split_type", 1), CATEGORICAL),
    "a category": (category, CATEGORICAL),
    "categories of columns": (column_categories, ": categories; columns of numbers"),
    "another id": (lambda document: trees_of(document)["trees"][1].update(id=9), ": tree 1: id: 9; 1"),
    "wrong order": (wrong_order, ": trees out of order; one tree a class in each round"),
    "other rounds": (in_model(iteration_indptr=[0, 36]), ": trees out of order; one tree a class in each round"),
    "no trees": (without_trees, ": 0 trees; a multiple of 3, one tree a class and round"),
    "other trees": (in_model(gbtree_model_param={"num_parallel_tree": "1", "num_trees": "37"}), ": trees: 37; 36"),
    "no parallel tree": (
        in_model(gbtree_model_param={"num_parallel_tree": "0", "num_trees": "36"}),
        f"{MODEL}.gbtree_model_param.num_parallel_tree: Input should be '1'; {WRITTEN}",
    ),
    "linear": (
        in_learner("gradient_booster", name="gblinear"),
        f": learner.gradient_booster.name: Input should be 'gbtree'; {WRITTEN}",
    ),
    "regression": (
        in_learner("objective", name="reg:squarederror"),
        f": learner.objective.name: Input should be 'multi:softprob'; {WRITTEN}",
    ),
    "other classes of the objective": (
        in_learner("objective", softmax_multiclass_param={"num_class": "4"}),
        ": classes of the objective: 4; 3",
    ),
    "two targets": (
        in_learner("learner_model_param", num_target="2"),
        f"{LEARNER}.num_target: Input should be '1'; {WRITTEN}",
    ),
    "a start that is none": (
        in_learner("learner_model_param", base_score="[NaN,0,0]"),
        f"{LEARNER}.base_score: {DECIMALS}; {WRITTEN}",
    ),
    "a deep start": (
        in_learner("learner_model_param", base_score="[" * 60_000),
        f"{LEARNER}.base_score: {DECIMALS}; {WRITTEN}",
    ),
    "a long start": (
        in_learner("learner_model_param", base_score=f"[0{',0' * 40_000}]"),
        f"{LEARNER}.base_score: {DECIMALS}; {WRITTEN}",
    ),
    "a start of fewer classes": (
        in_learner("learner_model_param", base_score="[0,0]"),
        ": base score [0,0]; one finite number a class",
    ),
    "a start beyond numbers": (
        in_learner("learner_model_param", base_score="[0,0,1E99]"),
        ": base score [0,0,1E99]; one finite number a class",
    ),
    "names": (
        lambda document: document["learner"].update(feature_names=[1]),
        f": learner.feature_names: List should have at most 0 items after validation, not 1; {WRITTEN}",
    ),
    "an unknown key": (unknown_key, f": learner.more: Extra inputs are not permitted; {WRITTEN}"),
    "a missing key": (without_key, f"{MODEL}.trees.1.parents: Field required; {WRITTEN}"),
    "text for an array": (
        lambda document: trees_of(document)["trees"][1].update(parents="x"),
        f"{MODEL}.trees.1.parents: Input should be an array of int32; {WRITTEN}",
    ),
    "an array of another type": (
        lambda document: trees_of(document)["trees"][1].update(parents=np.zeros(25, ">f4")),
        f"{MODEL}.trees.1.parents: Input should be an array of int32; {WRITTEN}",
    ),
    "an older XGBoost": (lambda document: document.update(version=[3, 0, 5]), ": version 3.0.5; XGBoost 3.1 or later"),
    "no version": (
        lambda document: document.update(version=[3, 2]),
        f": version: List should have at least 3 items after validation, not 2; {WRITTEN}",
    ),
}


@pytest.mark.parametrize(("change", "message"), BOOSTERS.values(), ids=BOOSTERS)
def test_an_unsound_booster_is_refused(saved_booster, change, message):
    """Each of these is a well-formed file; XGBoost would take it, or die of it."""
    document = document_of(saved_booster)
    change(document)
    saved_booster.replace(ubjson_of(document))
    assert saved_booster.refusal() == f"model/model.ubj{message}"

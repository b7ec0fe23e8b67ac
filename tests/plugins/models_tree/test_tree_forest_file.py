"""Hostile forest archives: all are refused, and nothing in them runs."""

from __future__ import annotations

import hashlib
import json
import pickle
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from candle_ml.errors import BundleError
from candle_ml_models_tree.skops_file import dump_forest


class Touch:
    """Unpickling this makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_under_another_name_does_not_run(saved_forest, tmp_path):
    """A pickle that would touch a file is not an archive, and the file is not there afterwards."""
    marker = tmp_path / "marker"
    saved_forest.replace(pickle.dumps(Touch(marker)))
    expected = "an archive written by candle-ml"
    assert saved_forest.refusal() == f"model/model.skops: cannot be read (BadZipFile); {expected}"
    assert not marker.exists()


def test_a_pickle_in_an_array_does_not_run(saved_forest, tmp_path):
    """An array of objects is a pickle inside; it is refused, and the file it would touch is not there afterwards."""
    marker = tmp_path / "marker"
    hostile = np.array([Touch(marker)], dtype=object)
    content = edited(saved_forest.file.read_bytes(), arrays=lambda array: hostile)
    saved_forest.replace(content)
    expected = "an archive written by candle-ml"
    assert saved_forest.refusal() == f"model/model.skops: cannot be read (ValueError); {expected}"
    assert not marker.exists()


def test_the_pickle_of_these_tests_is_armed(tmp_path):
    """What reading the pickle would call does touch the file, so that its absence above means something."""
    function, arguments = Touch(tmp_path / "marker").__reduce__()
    function(*arguments)
    assert (tmp_path / "marker").exists()


def edited(content, change=lambda schema: None, arrays=lambda array: array):
    """The archive with its schema and its arrays changed and renamed after their new content."""
    with ZipFile(BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    schema = members.pop("schema.json").decode()
    for name in list(members):
        changed = arrays(np.load(BytesIO(members.pop(name))))
        buffer = BytesIO()
        np.save(buffer, changed)
        renamed = f"{hashlib.sha256(buffer.getvalue()).hexdigest()}.npy"
        schema = schema.replace(name, renamed)
        members[renamed] = buffer.getvalue()
    document = json.loads(schema)
    change(document)
    return zipped(members | {"schema.json": json.dumps(document).encode()})


def zipped(members, compression=ZIP_STORED):
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return buffer.getvalue()


def first_tree(schema):
    return schema["content"]["content"]["estimators_"]["content"][0]["content"]["content"]["tree_"]


def add_function(schema):
    """As a dump would name a callable that somebody had put into the forest."""
    schema["content"]["content"]["verbose"] = {
        "__class__": "system",
        "__module__": "os",
        "__loader__": "FunctionNode",
    }


def make_two_outputs(schema):
    first_tree(schema)["__reduce__"]["args"]["content"][2]["content"] = "2"


def drop_an_argument(schema):
    first_tree(schema)["__reduce__"]["args"]["content"].pop()


def add_an_id(schema):
    first_tree(schema)["__id__"] = 1


def forget_the_file(schema):
    first_tree(schema)["content"]["content"]["nodes"] = {"__class__": "str"}


def drop_the_trees(schema):
    schema["content"]["content"]["estimators_"]["content"].clear()


FORESTS = {
    "a callable": (add_function, "untrusted types os.system; those of a random forest"),
    "two outputs": (make_two_outputs, "a tree that does not have one output; trees of a classifier"),
    "an argument less": (drop_an_argument, "a tree that does not have one output; trees of a classifier"),
    "an id": (add_an_id, "an object with an id; an archive written by candle-ml"),
    "an unused array": (
        forget_the_file,
        "members that are missing, unused or there twice; an archive written by candle-ml",
    ),
    "no trees": (drop_the_trees, "members that are missing, unused or there twice; an archive written by candle-ml"),
}


@pytest.mark.parametrize(("change", "message"), FORESTS.values(), ids=FORESTS)
def test_a_forest_with_a_changed_schema_is_refused(saved_forest, change, message):
    """Each change is refused before anything is built."""
    saved_forest.replace(edited(saved_forest.file.read_bytes(), change))
    assert saved_forest.refusal() == f"model/model.skops: {message}"


@pytest.mark.parametrize("claimed", [-1, 0, 1])
def test_another_node_count_than_stored_is_refused(saved_forest, claimed):
    """A tree that claims fewer nodes than its arrays have is not asked for them."""

    def claim(schema):
        first_tree(schema)["content"]["content"]["node_count"]["content"] = str(claimed)

    content = saved_forest.file.read_bytes()
    stored = len(nodes_of_first_tree(content))
    saved_forest.replace(edited(content, claim))
    message = f"model/model.skops: tree 0: {claimed} nodes of {stored}; as many nodes as stored"
    assert saved_forest.refusal() == message


def nodes_of_first_tree(content):
    with ZipFile(BytesIO(content)) as archive:
        tree = first_tree(json.loads(archive.read("schema.json")))
        return np.load(BytesIO(archive.read(tree["content"]["content"]["nodes"]["file"])))


def in_nodes(**values):
    """A change of the root, or of the first leaf for keys that start with `leaf_`, of every tree."""

    def change(array):
        if array.dtype.names is None:
            return array
        for name, value in values.items():
            node = int(np.argmax(array["left_child"] == -1)) if name.startswith("leaf_") else 0
            array[name.removeprefix("leaf_")][node] = value
        return array

    return change


def in_values(value):
    def change(array):
        if array.ndim == 3:
            array[0, 0, 0] = value
        return array

    return change


def test_a_forest_is_only_read_where_its_trees_are_sound(saved_forest):
    """Rewriting the archive without a change is accepted, so that the refusals below are for their changes."""
    saved_forest.replace(edited(saved_forest.file.read_bytes()))
    assert saved_forest.load().classes == ("O", "bear_flag", "bull_flag")


TREES = {
    "a child beyond the end": (in_nodes(left_child=9999), r"child 9999 of node 0; a later node, below \d+"),
    "a child before the start": (in_nodes(right_child=-7), r"child -7 of node 0; a later node, below \d+"),
    "a cycle": (in_nodes(left_child=0), r"child 0 of node 0; a later node, below \d+"),
    "one child": (in_nodes(right_child=-1), "one child of node 0; two children or none"),
    "half a leaf": (in_nodes(leaf_right_child=1), r"one child of node \d+; two children or none"),
    "an unknown column": (in_nodes(feature=6), "column 6 in node 0; 0 to 5"),
    "a negative column": (in_nodes(feature=-2), "column -2 in node 0; 0 to 5"),
    "a threshold that is no number": (in_nodes(threshold=np.nan), "nan in node 0; a finite number"),
    "a share that is no number": (in_values(np.nan), r"class shares \[nan, .* in node 0; shares of 1"),
    "a share above 1": (in_values(1.5), r"class shares \[1.5, .* in node 0; shares of 1"),
}


@pytest.mark.parametrize(("arrays", "message"), TREES.values(), ids=TREES)
def test_a_forest_with_an_unsound_tree_is_refused(saved_forest, arrays, message):
    """Each unsound array is refused before any tree is walked."""
    saved_forest.replace(edited(saved_forest.file.read_bytes(), arrays=arrays))
    with pytest.raises(BundleError, match=rf"^model/model.skops: tree 0: {message}$"):
        saved_forest.load()


def fitted(model):
    return model.fit(np.arange(12.0).reshape(6, 2), [0, 1, 2, 0, 1, 2])


OTHERS = {
    "another estimator": (FunctionTransformer(), "a FunctionTransformer; a RandomForestClassifier"),
    "another forest": (fitted(ExtraTreesClassifier(2)), "a ExtraTreesClassifier; a RandomForestClassifier"),
    "an unfitted forest": (RandomForestClassifier(), "a forest without trees; a fitted forest"),
}


@pytest.mark.parametrize(("other", "message"), OTHERS.values(), ids=OTHERS)
def test_an_archive_of_something_else_is_refused(saved_forest, other, message):
    """What is no fitted random forest is refused by its type."""
    saved_forest.replace(dump_forest(other))
    assert saved_forest.refusal() == f"model/model.skops: {message}"


def test_a_forest_of_something_else_than_trees_is_refused(saved_forest):
    """A text in place of a tree is refused by its type."""
    forest = fitted(RandomForestClassifier(2))
    forest.estimators_[1] = "x"
    saved_forest.replace(dump_forest(forest))
    saved_forest.change_meta(columns=2)
    assert saved_forest.refusal() == "model/model.skops: a str for tree 1; a decision tree"


def test_a_plain_skops_dump_is_refused(saved_forest):
    """Archives that name arrays by memory addresses were not written by candle-ml."""
    saved_forest.replace(skops.io.dumps(np.arange(3)))
    message = saved_forest.refusal()
    assert message.startswith("model/model.skops: the member '")
    assert message.endswith(".npy'; an archive written by candle-ml")


def test_a_compressed_archive_is_refused(saved_forest):
    """Nothing can unfold to more than the file's own size."""
    saved_forest.replace(zipped({"schema.json": b"{}"}, ZIP_DEFLATED))
    message = "the compressed member 'schema.json'; members that are stored"
    assert saved_forest.refusal() == f"model/model.skops: {message}"


@pytest.mark.parametrize("schema", [b"{}", b"[" * 100_000, b"\xff", b'{"protocol": 99}'])
def test_a_schema_that_skops_cannot_read_is_refused(saved_forest, schema):
    """Whatever the readers raise becomes an error about the file."""
    saved_forest.replace(zipped({"schema.json": schema}))
    with pytest.raises(
        BundleError, match=r"^model/model.skops: cannot be read \(\w+\); an archive written by candle-ml$"
    ):
        saved_forest.load()

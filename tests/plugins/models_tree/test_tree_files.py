"""Model folders with missing, additional, linked, damaged or swapped files: all are refused."""

from __future__ import annotations

import hashlib
import os

import pytest

from candle_ml.errors import BundleError


@pytest.mark.parametrize("name", ["the model", "meta.json"])
def test_a_missing_file_is_named(saved_model, name):
    """Either file gone is an error."""
    path = saved_model.folder / (saved_model.kind.file if name == "the model" else name)
    path.unlink()
    assert saved_model.refusal() == f"model/{path.name}: missing; the files that were saved with the model"


def test_a_folder_that_is_not_there_is_refused(kind, tmp_path):
    """A path without a folder lacks the first file."""
    with pytest.raises(BundleError) as error:
        kind.load(tmp_path / "gone")
    assert str(error.value) == "gone/meta.json: missing; the files that were saved with the model"


def test_an_additional_file_is_refused(saved_model):
    """Nothing may stand beside the two files."""
    (saved_model.folder / "extra.pkl").write_bytes(b"")
    expected = f"only meta.json and {saved_model.kind.file}"
    assert saved_model.refusal() == f"model/extra.pkl: not a file of the model; {expected}"


@pytest.mark.parametrize("name", ["the model", "meta.json"])
def test_a_link_is_refused(saved_model, tmp_path, name):
    """A link to a perfect copy is still a link."""
    path = saved_model.folder / (saved_model.kind.file if name == "the model" else name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert saved_model.refusal() == f"model/{path.name}: a link or a special file; a regular file"


@pytest.mark.parametrize("name", ["the model", "meta.json"])
def test_an_empty_file_is_refused(saved_model, name):
    """A file of 0 bytes is named."""
    path = saved_model.folder / (saved_model.kind.file if name == "the model" else name)
    path.write_bytes(b"")
    assert saved_model.refusal() == f"model/{path.name}: empty; the file that was saved"


def test_a_truncated_model_is_refused(saved_model):
    """Losing the last byte or half the file is noticed before anything is parsed."""
    content = saved_model.file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for length in (len(content) - 1, len(content) // 2, 1):
        saved_model.file.write_bytes(content[:length])
        message = f"model/{saved_model.kind.file}: its bytes have changed; SHA-256 {digest[:12]}..."
        assert saved_model.refusal() == message


def test_a_file_of_absurd_size_is_refused(saved_model):
    """More than 2 GiB are not read at all."""
    os.truncate(saved_model.file, (1 << 31) + 1)
    assert saved_model.refusal() == f"model/{saved_model.kind.file}: 2147483649 bytes; at most 2147483648"


META = {
    "another trainer": ({"trainer": "svm"}, "a model of 'svm'; one of '{kind}'"),
    "another format": ({"format": 2}, "format: Input should be 1; a model of this version of candle-ml"),
    "an unknown key": ({"run": 1}, "run: Extra inputs are not permitted; a model of this version of candle-ml"),
    "a wrong type": (
        {"columns": "6"},
        "columns: Input should be a valid integer; a model of this version of candle-ml",
    ),
}


@pytest.mark.parametrize(("changes", "message"), META.values(), ids=META)
def test_wrong_meta_data_are_refused(saved_model, changes, message):
    """Each wrong field of `meta.json` is named."""
    saved_model.change_meta(**changes)
    assert saved_model.refusal() == f"model/meta.json: {message.format(kind=saved_model.kind.name)}"


def test_meta_data_that_are_no_json_are_refused(saved_model):
    """Text that cannot be parsed is an error that says where."""
    (saved_model.folder / "meta.json").write_text("{")
    assert saved_model.refusal().startswith("model/meta.json: Invalid JSON: EOF while parsing")


def test_nothing_is_overwritten(saved_model, patterns, context):
    """Saving into a folder that holds a model is an error and leaves the model as it was."""
    before = saved_model.file.read_bytes()
    with pytest.raises(BundleError) as error:
        saved_model.kind.train().fit(patterns(50), None, context).save(saved_model.folder)
    assert str(error.value) == f"model/{saved_model.kind.file}: already there; an empty folder"
    assert saved_model.file.read_bytes() == before


def test_meta_data_of_another_model_are_refused(saved_model):
    """Classes and columns must be those of the trees."""
    where = "model/model.skops: tree 0" if saved_model.kind.name == "random-forest" else "model/model.ubj"
    saved_model.change_meta(columns=7)
    found = "6 columns; 7, as in meta.json" if saved_model.kind.name == "random-forest" else "columns: 6; 7"
    assert saved_model.refusal() == f"{where}: {found}"
    saved_model.change_meta(columns=6, classes=["O", "a", "b", "c"])
    found = "3 classes; 4, as in meta.json" if saved_model.kind.name == "random-forest" else "classes: 3; 4"
    assert saved_model.refusal() == f"{where}: {found}"

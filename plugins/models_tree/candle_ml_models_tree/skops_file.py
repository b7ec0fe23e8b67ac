"""A random forest as a skops archive: the same bytes for the same forest, and nothing built that was not asked for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier

from candle_ml.errors import BundleError

TRUSTED = frozenset({"sklearn.tree._tree.Tree"})
SCHEMA = "schema.json"
_ARRAY_NAME = re.compile(r"[0-9a-f]{64}\.npy")
_EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_WRITTEN = "an archive written by candle-ml"


def dump_forest(forest: RandomForestClassifier) -> bytes:
    """The forest as a skops archive that `skops.io.load` reads.

    skops names arrays and objects by their memory addresses; here arrays are named by their content and objects not
    at all, members are sorted and dated 1980, so that equal forests are equal bytes.
    """
    with ZipFile(BytesIO(skops.io.dumps(forest))) as source:
        arrays = {name: _without_padding(source.read(name)) for name in source.namelist() if name != SCHEMA}
        schema = json.loads(source.read(SCHEMA))
    names = {name: f"{hashlib.sha256(content).hexdigest()}.npy" for name, content in arrays.items()}
    for node in _nodes(schema):
        node.pop("__id__", None)
        if "file" in node:
            node["file"] = names[node["file"]]
    members = {names[name]: content for name, content in arrays.items()}
    members[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return _archive(members)


def load_forest(where: str, content: bytes) -> object:
    """Whatever well-formed object the archive holds, built from types that scikit-learn forests consist of.

    Raises `BundleError` before anything is built where the archive is not of the form that `dump_forest` writes or
    names another type. The caller checks the object itself.
    """
    try:
        _check_archive(where, content)
        untrusted = set(skops.io.get_untrusted_types(data=content)) - TRUSTED
        if untrusted:
            raise BundleError.at(where, f"untrusted types {', '.join(sorted(untrusted))}", "those of a random forest")
        built: object = skops.io.loads(content, trusted=sorted(TRUSTED))
    except BundleError:
        raise
    except Exception as error:  # whatever hostile or damaged content makes the readers raise
        raise BundleError.at(where, f"cannot be read ({type(error).__name__})", _WRITTEN) from error
    return built


def _without_padding(content: bytes) -> bytes:
    """An array file whose unused bytes are 0: a tree's nodes have some, which would otherwise hold old memory."""
    array = np.load(BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as target:
        for name in sorted(members):
            member = ZipInfo(name, _EARLIEST_DATE)
            member.create_system = _UNIX
            target.writestr(member, members[name])
    return buffer.getvalue()


def _check_archive(where: str, content: bytes) -> None:
    with ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        for member in members:
            if member.filename != SCHEMA and not _ARRAY_NAME.fullmatch(member.filename):
                raise BundleError.at(where, f"the member {member.filename!r}", _WRITTEN)
            if member.compress_type != ZIP_STORED:
                raise BundleError.at(where, f"the compressed member {member.filename!r}", "members that are stored")
        _check_schema(where, json.loads(archive.read(SCHEMA)), [member.filename for member in members])


def _check_schema(where: str, schema: object, members: list[str]) -> None:
    """skops would share objects by `__id__` and hand a tree's arguments to C code that trusts them: allow neither."""
    used = {SCHEMA}
    for node in _nodes(schema):
        if "__id__" in node:
            raise BundleError.at(where, "an object with an id", _WRITTEN)
        if node.get("__loader__") == "TreeNode" and _outputs(node) != "1":
            raise BundleError.at(where, "a tree that does not have one output", "trees of a classifier")
        if "file" in node:
            used.add(node["file"])
    if sorted(members) != sorted(used):
        raise BundleError.at(where, "members that are missing, unused or there twice", _WRITTEN)


def _outputs(tree: dict[str, Any]) -> object:
    """The last of the arguments (columns, classes, outputs) that a tree is made with."""
    arguments = tree["__reduce__"]["args"]["content"]
    return arguments[2]["content"] if len(arguments) == 3 else None


def _nodes(schema: object) -> Iterator[dict[str, Any]]:
    """Every object in a JSON document, without recursion."""
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)

"""`--set key.path=value`: single values over those of the file."""

from __future__ import annotations

from candle_ml.config.reading import Document, Node, described, joined, labelled, read_override
from candle_ml.config.secrets import masked
from candle_ml.errors import ConfigError, Problem


def overridden(document: Document, overrides: tuple[str, ...]) -> Document:
    """The document with each override in its place; `a.0.b=c` counts list items from 0. Raises `ConfigError`."""
    problems: list[Problem] = list(document.problems)
    void = set(document.void)
    root = document.root
    for override in overrides:
        where = f"--set {masked(override)}"
        keys, value = _parts(override, where)
        path = ".".join(keys)
        read = read_override(value, path, where)
        root = _placed(root, keys, read.root, where)
        problems += read.problems
        void |= read.void
    return Document(root, tuple(problems), frozenset(void))


def _parts(override: str, where: str) -> tuple[list[str], str]:
    path, equals, value = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError.at(where, "no key path and value", "write --set key.path=value")
    return keys, value


def _placed(node: Node, keys: list[str], new: Node, where: str) -> Node:
    """The node with `new` at the end of the key path; mappings that are missing on the way are made."""
    if not keys:
        return new
    key, rest = keys[0], keys[1:]
    value = node.value
    if isinstance(value, list):
        return _placed_in_list(node, value, key, rest, new, where)
    if isinstance(value, str) and node.path.split(".")[-1].isdigit():
        value = {"use": Node(node.where, joined(node.path, "use"), value, node.key_where)}
    if value is None:
        value = {}
    if not isinstance(value, dict):
        found = f"{described(node.plain())}, which has no key {key!r}"
        raise ConfigError(Problem(labelled(where, node.path), found, "name a key of a mapping"))
    inner = value.get(key) or Node(where, joined(node.path, key), None, where)
    members = {**value, key: _placed(inner, rest, new, where)}
    return Node(node.where, node.path, members, node.key_where)


def _placed_in_list(node: Node, items: list[Node], key: str, rest: list[str], new: Node, where: str) -> Node:
    if not key.isdigit() or int(key) > len(items):
        found = f"a list of {len(items)}, which has no item {key!r}"
        raise ConfigError(Problem(labelled(where, node.path), found, f"a number from 0 to {len(items)}"))
    index = int(key)
    inner = items[index] if index < len(items) else Node(where, joined(node.path, index), None, where)
    placed = [*items[:index], _placed(inner, rest, new, where), *items[index + 1 :]]
    return Node(node.where, node.path, placed, node.key_where)

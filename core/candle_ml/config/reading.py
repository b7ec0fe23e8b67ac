"""YAML with positions: what a text says, where it says it, and what is wrong with its form."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from candle_ml.config.secrets import masked
from candle_ml.errors import ConfigError, Problem

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = "Scalar | list[Node] | dict[str, Node]"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_DEEPEST = 20


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value of the text; `where` is `file:line:column` (1-based) or the override, `key_where` that of its key."""

    where: str
    path: str
    value: Value
    key_where: str

    def problem(self, found: str, expected: str = "") -> Problem:
        """Something wrong with this value."""
        return Problem(labelled(self.where, self.path), found, expected)

    def plain(self) -> Plain:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def every(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        inner = self.value.values() if isinstance(self.value, dict) else self.value
        for node in inner if not isinstance(inner, (str, int, float, type(None))) else ():
            yield from node.every()


@dataclass(frozen=True, slots=True)
class Document:
    """What one text holds; `void` names the nodes (by `where`) whose value is unknown because it was refused."""

    root: Node
    problems: tuple[Problem, ...]
    void: frozenset[str]


def labelled(where: str, path: str) -> str:
    """`where` and the key path as one text."""
    return f"{where}: {path}" if path else where


def joined(path: str, key: str | int) -> str:
    """The path of a key or item inside another."""
    return f"{path}.{key}" if path else str(key)


def described(value: Plain) -> str:
    """A value as a message names it, without passwords."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = repr(masked(value) if isinstance(value, str) else value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[0]}"


def read_file_text(text: str, name: str) -> Document:
    """The values of a whole file. Raises `ConfigError` where it is not YAML at all."""
    return _Reader(text, "", lambda line, column: f"{name}:{line + 1}:{column + 1}").document()


def read_override(text: str, path: str, where: str) -> Document:
    """The value of one `--set`; every position is the override itself."""
    return _Reader(text, path, lambda line, column: where).document()


def resolved(text: str) -> Scalar:
    """The value of an unquoted word: only `true` and `false` are booleans, `1e-3` is a number, dates stay text."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


class _Reader:
    def __init__(self, text: str, path: str, where: Callable[[int, int], str]) -> None:
        self._text = text
        self._path = path
        self._where = where
        self._events: Iterator[yaml.Event] = iter(())
        self._problems: list[Problem] = []
        self._void: set[str] = set()

    def document(self) -> Document:
        start = self._where(0, 0)
        root = Node(start, self._path, None, start)
        try:
            self._events = yaml.parse(self._text, Loader=yaml.SafeLoader)
            documents = 0
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents == 1:
                        root = self._node(next(self._events), self._path, 0, None)
                    else:
                        self._refuse(event, self._path, "a second document", "keep one document in a file")
                        break
        except yaml.YAMLError as error:
            raise ConfigError(*self._problems, self._malformed(error)) from error
        return Document(root, tuple(self._problems), frozenset(self._void))

    def _malformed(self, error: yaml.YAMLError) -> Problem:
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            reason = " ".join(str(error.problem).split())
            return Problem(
                labelled(self._where(error.problem_mark.line, error.problem_mark.column), self._path),
                f"not YAML: {reason}",
            )
        if isinstance(error, yaml.reader.ReaderError):
            before = self._text[: error.position]
            where = self._where(before.count("\n"), len(before) - before.rfind("\n") - 1)
            found = f"not YAML: the character {chr(error.character)!r}"
            return Problem(labelled(where, self._path), found)
        raise error

    def _at(self, event: yaml.Event) -> str:
        mark = event.start_mark
        return self._where(mark.line, mark.column) if mark is not None else self._where(0, 0)

    def _refuse(self, event: yaml.Event, path: str, found: str, expected: str) -> None:
        self._problems.append(Problem(labelled(self._at(event), path), found, expected))

    def _node(self, event: yaml.Event, path: str, depth: int, key_where: str | None) -> Node:
        where = self._at(event)
        if depth > _DEEPEST:
            raise ConfigError(
                *self._problems, Problem(labelled(where, path), f"more than {_DEEPEST} levels", "fewer would do")
            )
        self._refuse_extras(event, path)
        value: Value = None
        if isinstance(event, yaml.AliasEvent):
            self._void.add(where)
        elif isinstance(event, yaml.ScalarEvent):
            value = resolved(event.value) if event.style is None else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._items(path, depth)
        else:
            value = self._members(path, depth)
        return Node(where, path, value, key_where or where)

    def _refuse_extras(self, event: yaml.Event, path: str) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, path, f"the alias *{anchor}", "write the value out")
        elif anchor is not None:
            self._refuse(event, path, f"the anchor &{anchor}", "leave it out")
        if tag is not None:
            self._refuse(event, path, f"the tag {tag}", "leave it out")

    def _items(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, joined(path, len(items)), depth + 1, None))
        return items

    def _members(self, path: str, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            inner = joined(path, key)
            node = self._node(next(self._events), inner, depth + 1, self._at(event))
            if key in members:
                first = members[key].key_where
                self._refuse(event, inner, f"the key {key!r} a second time", f"keep this or the one at {first}")
            elif isinstance(event, yaml.ScalarEvent):
                members[key] = node
        return members

    def _key(self, event: yaml.Event, path: str, depth: int) -> str:
        self._refuse_extras(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        if not isinstance(event, yaml.AliasEvent):
            self._node(event, path, depth + 1, None)
            self._refuse(event, path, "a key that is a list or a mapping", "text")
        return ""

"""Pydantic's errors as problems with positions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from candle_ml.config.models import PATTERNS
from candle_ml.config.reading import Node, described, joined, labelled
from candle_ml.errors import Problem
from candle_ml.plugins import nearest

_Model = TypeVar("_Model", bound=BaseModel)

_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "enum": "{expected}",
    "finite_number": "a finite number",
    "float_type": "a number",
    "frozen_set_type": "a list",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "none_required": "null",
    "set_type": "a list",
    "string_too_long": "text of at most {max_length} characters",
    "string_too_short": "text of {min_length} or more characters",
    "string_type": "text",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of {min_length} or more",
    "tuple_type": "a list",
}


def validated(model: type[_Model], node: Node, core_keys: Iterable[str] = ()) -> _Model | tuple[Problem, ...]:
    """The model that a mapping describes, or everything that is wrong with it.

    `core_keys` are further keys that a misspelt one could have meant.
    """
    try:
        return model.model_validate_json(json.dumps(node.plain()))
    except ValidationError as error:
        return tuple(_problems(error, model, node, tuple(core_keys)))


def _problems(error: ValidationError, model: type[BaseModel], node: Node, core_keys: tuple[str, ...]) -> list[Problem]:
    """One problem a position; what several branches of a union would accept is joined by "or".

    Where one branch went deeper, the others' complaints about the type above it say nothing of use.
    """
    found: dict[str, Problem] = {}
    details = error.errors(include_url=False)
    paths = [_target(node, detail["loc"]).path for detail in details]
    for detail, path in zip(details, paths, strict=True):
        if detail["type"] in _EXPECTED and any(other.startswith(f"{path}.") for other in paths):
            continue
        problem = _problem(detail, model, node, core_keys)
        earlier = found.get(problem.where)
        if earlier is not None and earlier.expected and problem.expected not in earlier.expected:
            problem = Problem(problem.where, earlier.found, f"{earlier.expected} or {problem.expected}")
        found[problem.where] = problem
    return list(found.values())


def _problem(detail: Any, model: type[BaseModel], node: Node, core_keys: tuple[str, ...]) -> Problem:
    location: tuple[str | int, ...] = detail["loc"]
    target = _target(node, location)
    if detail["type"] == "missing":
        where = labelled(target.where, joined(target.path, location[-1]))
        return Problem(where, "missing", "add this key")
    if detail["type"] == "extra_forbidden":
        key = str(location[-1])
        known = {*_fields(model, location[:-1]), *(core_keys if len(location) == 1 else ())}
        return Problem(labelled(target.key_where, target.path), f"unknown key {key!r}", nearest(key, known))
    message = _expected(detail)
    if detail["type"] == "value_error" and isinstance(target.value, dict):
        return target.problem(message)
    return target.problem(described(target.plain()), message)


def _expected(detail: Any) -> str:
    context = {key: _short(value) for key, value in detail.get("ctx", {}).items()}
    if detail["type"] in ("value_error", "assertion_error"):
        return str(context["error"])
    if detail["type"] == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return PATTERNS.get(pattern, f"text that matches {pattern}")
    template = _EXPECTED.get(detail["type"])
    return template.format(**context) if template is not None else str(detail["msg"])


def _short(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _target(node: Node, location: tuple[str | int, ...]) -> Node:
    """The deepest node on the way to a location, which also holds the names of union branches."""
    for part in location:
        if isinstance(node.value, dict) and str(part) in node.value:
            node = node.value[str(part)]
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return node


def _fields(model: type[BaseModel], location: tuple[str | int, ...]) -> set[str]:
    """The keys that would do at a location."""
    models = [model]
    for part in location:
        annotations = [each.model_fields[part].annotation for each in models if part in each.model_fields]
        models = [inner for annotation in annotations for inner in _models(annotation)] or models
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)

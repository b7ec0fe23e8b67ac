"""From the bytes of a body to a checked model, with an error for each thing that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from candle_ml.errors import Problem
from candle_ml_server.problems import BAD_REQUEST, INVALID, ProblemError
from candle_ml_server.schemas import PATTERNS, UNION_FIELDS, Strict

Model = TypeVar("Model", bound=Strict)
_MOST_ARRAYS = 10_000
_LONGEST_SHOWN = 60


def read_body(model: type[Model], body: bytes, most_candles: int) -> Model:
    """Parse and check a JSON body. Raises `ProblemError`: 400 for what is no JSON or repeats a key, else 422."""
    return checked(model, body, parsed(body, most_candles))


def parsed(body: bytes, most_candles: int) -> object:
    """The content of a JSON body. Raises `ProblemError` for bad JSON, great depth or far too many objects or arrays."""
    objects, arrays = body.count(b"{"), body.count(b"[")
    if objects > most_candles + _MOST_ARRAYS or arrays > _MOST_ARRAYS:
        raise ProblemError.invalid("body", f"{objects} objects and {arrays} arrays", f"at most {most_candles} candles")
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ProblemError(BAD_REQUEST, f"the body is not JSON: {error}") from None


def checked(model: type[Model], body: bytes, content: object) -> Model:
    """The model of what was parsed from `body`. Raises `ProblemError` as `read_body` does."""
    value = validated(model, content)
    # Parsers keep the last of two equal keys; a body whose colons are all accounted for has none.
    if b"\\" in body or body.count(b":") != value.colons():
        json.loads(body, object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
    return value


def validated(model: type[Model], content: object) -> Model:
    """The model of a parsed content. Raises `ProblemError` (422) that names every wrong value."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ProblemError.listing(INVALID, _problems(error.errors(include_url=False))) from None


def read_query(model: type[Model], given: Mapping[str, Sequence[str]]) -> Model:
    """The model of a query string, given as all values of each parameter. Raises `ProblemError` (422)."""
    repeated = [Problem(name, f"given {len(values)} times", "once") for name, values in given.items() if values[1:]]
    if repeated:
        raise ProblemError.listing(INVALID, repeated)
    return validated(model, {name: values[0] for name, values in given.items()})


def _refuse_repeated(pairs: list[tuple[str, object]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        repeated = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise ProblemError(BAD_REQUEST, f"the body has the key {_shown(repeated)} twice in one object")


def _problems(errors: Iterable[ErrorDetails]) -> list[Problem]:
    """One problem a place."""
    problems: dict[str, Problem] = {}
    for field, of_field in groupby(errors, lambda error: error["loc"][:1]):
        for error in _of_meant_form(list(of_field)) if field[:1] and field[0] in UNION_FIELDS else of_field:
            where = "".join(_steps(error["loc"])).lstrip(".") or "body"
            earlier = f"{problems[where].expected}, or " if where in problems else ""
            found = "nothing" if error["type"] == "missing" else _shown(error["input"])
            problems[where] = Problem(where, found, earlier + _expected(error))
    return list(problems.values())


def _of_meant_form(errors: Sequence[ErrorDetails]) -> Sequence[ErrorDetails]:
    """Of a value that may have several forms: the errors of the form that it has, else those of all."""
    forms = {error["loc"][1:2]: error["loc"] for error in errors if _is_other_form(error)}
    return [error for error in errors if error["loc"][1:2] not in forms] or errors


def _is_other_form(error: ErrorDetails) -> bool:
    return len(error["loc"]) == 2 and error["type"].endswith("_type")


def _steps(loc: tuple[int | str, ...]) -> Iterator[str]:
    for number, part in enumerate(loc):
        if number == 1 and loc[0] in UNION_FIELDS:
            continue
        yield f"[{part}]" if isinstance(part, int) else f".{part[:_LONGEST_SHOWN]}"


_WORDS = {
    "extra_forbidden": "no such key",
    "missing": "this key",
    "list_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
}


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":
        pattern = str(error["ctx"]["pattern"])
        return PATTERNS.get(pattern, pattern)
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return _WORDS.get(error["type"], said[:1].lower() + said[1:])


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    text = str(value) if isinstance(value, float) else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

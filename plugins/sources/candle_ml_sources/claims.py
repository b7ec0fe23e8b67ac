"""Rows of annotation files, whatever their form, as annotations and reviewed ranges."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from candle_ml.annotations import Annotation, RejectedRow, ReviewedRange
from candle_ml.candles import SeriesKey
from candle_ml.sources import PROGRAM_SOURCES
from candle_ml_sources.texts import shown

_ONE_TO_FIVE = frozenset({"human", "human_correction"})
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,30}|(rgb|hsl)a?\([0-9., %/]{1,40}\)")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in a file: how messages name it, and its fields under the names of a span."""

    where: str
    fields: Mapping[str, object]
    namespace: str = "span"


@dataclass(frozen=True, slots=True)
class Claim:
    """A row whose times (Unix seconds, start first) are known."""

    row: RawRow
    start_time: int
    end_time: int


@dataclass(frozen=True, slots=True)
class FileRows:
    """The rows of one file: claims about candles, reviewed ranges, rows set aside and notes."""

    claims: Sequence[Claim] = ()
    ranges: Sequence[Claim] = ()
    rejected: Sequence[RejectedRow] = ()
    notes: Sequence[str] = field(default=())


class BadFieldError(Exception):
    """A field of a row cannot be used."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected

    @classmethod
    def of(cls, name: str, value: object, expected: str) -> Self:
        """The error of a field with that value, or of one that is absent."""
        return cls(f"no {name}" if value is None else f"{name} {shown(value)}", expected)

    def at(self, where: str) -> RejectedRow:
        """The row, set aside."""
        return RejectedRow(where, self.found, self.expected)


Times: TypeAlias = "tuple[Sequence[int], Mapping[int, BadFieldError]]"
"""Unix seconds of one field of all rows, and by row index why there are none."""


def claims_of(where: str, rows: Sequence[RawRow], starts: Times, ends: Times) -> FileRows:
    """Claims from rows; where a row starts after it ends, the two are swapped, which a note counts."""
    problems = {**ends[1], **starts[1]}
    good = [index for index in range(len(rows)) if index not in problems]
    pairs = {index: (starts[0][index], ends[0][index]) for index in good}
    claims = [Claim(rows[index], min(pair), max(pair)) for index, pair in pairs.items()]
    rejected = [problems[index].at(rows[index].where) for index in sorted(problems)]
    swapped = [rows[index].where for index, (start, end) in pairs.items() if end < start]
    notes = [f"{where}: start and end swapped in {len(swapped)} rows, first in {swapped[0]}"] if swapped else []
    return FileRows(claims, (), rejected, notes)


def to_annotation(claim: Claim, series: SeriesKey, default_source: str) -> Annotation:
    """The annotation of a claim. Raises `BadFieldError`."""
    fields = claim.row.fields
    _check_series(fields, series)
    stated = _name(fields, "source")
    return Annotation(
        id=f"{claim.row.namespace}:{_identity(claim)}",
        series=series,
        start_time=claim.start_time,
        end_time=claim.end_time,
        label=_label(fields),
        source=stated or default_source,
        confidence=_confidence(fields.get("confidence"), stated, default_source),
        color=color_of(fields),
        outcome=_text(fields, "outcome"),
        notes=_text(fields, "notes"),
        sub_spans=_json_text(fields.get("sub_spans")),
        model_prediction=_json_text(fields.get("model_prediction")),
    )


def _check_series(fields: Mapping[str, object], series: SeriesKey) -> None:
    """A row may name its series, but no other than its file's."""
    for name, expected in (("pair", series.pair), ("timeframe", series.timeframe)):
        if fields.get(name) not in (None, "", expected):
            raise BadFieldError(f"{name} {fields[name]!r}", f"{expected!r}, as the file is named")


def to_range(claim: Claim, series: SeriesKey) -> ReviewedRange:
    """The reviewed range of a claim."""
    return ReviewedRange(series, claim.start_time, claim.end_time)


def _identity(claim: Claim) -> str:
    """The id of the row; where it has none, one made of what it says."""
    value = claim.row.fields.get("id")
    if value is None:
        return f"{claim.start_time}-{claim.end_time}-{_label(claim.row.fields)}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    name = _name(claim.row.fields, "id")
    if name is None:
        raise BadFieldError(f"id {shown(value)}", "a number or text")
    return name


def _label(fields: Mapping[str, object]) -> str:
    label = _name(fields, "label")
    if label is None:
        raise BadFieldError("no label", "the name of a pattern, or O for none")
    return label


def _name(fields: Mapping[str, object], key: str) -> str | None:
    """Text of one line without space around it."""
    text = (_text(fields, key) or "").strip()
    if not text.isprintable():
        raise BadFieldError(f"{key} {shown(text)}", "one line of printable text")
    return text or None


def _text(fields: Mapping[str, object], key: str) -> str | None:
    value = fields.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadFieldError(f"{key} {shown(value)}", "text")
    if _SURROGATE.search(value):
        raise BadFieldError(f"{key} {shown(value)}", "text without half characters")
    return value


def color_of(fields: Mapping[str, object]) -> str | None:
    """The color of a row, if it has one. Raises `BadFieldError`."""
    color = _text(fields, "color")
    if color is not None and not _COLOR.fullmatch(color):
        raise BadFieldError(f"color {shown(color)}", "a CSS color such as #26a69a")
    return color


def _json_text(value: object) -> str | None:
    """JSON in one form, whether it comes as a value or, in CSV, as its text; text that is no JSON as it is."""
    if value is None or value == "":
        return None
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return str(value)
    return json.dumps(parsed, sort_keys=True)


def _confidence(value: object, stated: str | None, default_source: str) -> float | None:
    """Confidence on the scale 0..1: people count from 1 to 5, programs from 0 to 1.

    Where a person handled a prediction (any other source) or the row does not say its source, less than 1 can only be
    a program's and 2 to 5 a person's; there a bare 1 says nothing, unless the default source decides.
    """
    if value is None or value == "":
        return None
    number = _number(value)
    source = stated or default_source
    if source in PROGRAM_SOURCES or (number < 1 and (stated is None or source not in _ONE_TO_FIVE)):
        return _scaled(number, 0.0, 1.0, value, source)
    if number == 1 and source not in _ONE_TO_FIVE:
        return None
    return _scaled(number, 1.0, 5.0, value, source)


def _number(value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float, str)) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadFieldError(f"confidence {shown(value)}", "a number")
    return number


def _scaled(number: float, low: float, high: float, value: object, source: str) -> float:
    if not low <= number <= high:
        raise BadFieldError(f"confidence {shown(value)} of source {source}", f"a number from {low:g} to {high:g}")
    return (number - low) / (high - low)

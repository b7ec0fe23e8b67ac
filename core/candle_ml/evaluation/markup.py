"""HTML and SVG elements from text that is escaped unless it already is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

DASH = "\N{EN DASH}"
"""Stands where a number is undefined."""

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is HTML already and goes into a page as it is."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """One element; None leaves a child or an attribute out.

    Attribute names lose a trailing underscore (`class_`) and have hyphens for the others (`text_anchor`).
    """
    parts = [f' {_attribute(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None]
    start = f"<{name}{''.join(parts)}>"
    return Markup(start) if name in _VOID else Markup(f"{start}{join(*children)}</{name}>")


def join(*children: str | None) -> Markup:
    """Pieces one after the other, escaped where they are plain text."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def table(caption: str, columns: Sequence[str], rows: Iterable[Markup], words: int = 1) -> Markup:
    """A table of ready rows with a caption; the first `words` columns are text, not numbers."""
    heading = tag("tr", *(tag("th", name, scope="col", class_=_words(i, words)) for i, name in enumerate(columns)))
    body = tag("tbody", *rows)
    return tag("div", tag("table", tag("caption", caption), tag("thead", heading), body), class_="scroll")


def table_row(cells: Sequence[str], words: int = 1, class_: str | None = None) -> Markup:
    """One row; its first cell heads it."""
    others = (tag("td", cell, class_=_words(i, words)) for i, cell in enumerate(cells[1:], start=1))
    return tag("tr", tag("th", cells[0], scope="row"), *others, class_=class_)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def score(value: float | None) -> str:
    """A score with three decimals; a dash where there is none."""
    return DASH if value is None else f"{value:.3f}"


def count(value: float) -> str:
    """A number with a comma at every thousand."""
    return f"{value:,.0f}"


def moment(time: int) -> str:
    """Unix seconds as `2024-05-01 13:00` (UTC), without a midnight."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")


def _words(column: int, words: int) -> str | None:
    return "words" if column < words else None


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return _escaped(str(value) if isinstance(value, str) else f"{value:.5g}")


def _escaped(text: str) -> str:
    """Escape plain text; what cannot be written as UTF-8 (half of a surrogate pair) becomes a question mark."""
    return text if isinstance(text, Markup) else escape(text.encode("utf-8", "replace").decode("utf-8"))

"""Spans from BIO tags: one row a candle, `B-x` begins a span of x, `I-x` goes on with it, `O` is in none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from candle_ml_sources.claims import Claim, FileRows, RawRow
from candle_ml_sources.columns import Parsed, parse_times
from candle_ml_sources.options import TimeUnit
from candle_ml_sources.tables import Table
from candle_ml_sources.texts import shown

_TAG = re.compile(r"([BI])-(.*\S.*)")


def read_bio(table: Table, unit: TimeUnit, reviewed: bool) -> FileRows:
    """Spans of a BIO table, in order of time; `reviewed` says that all its candles were looked at.

    A row that cannot be used sets the span around it aside too, because where that span ends is not known.
    """
    time_name = table.need("time", "timestamp", "datetime", "date")
    tags = [tag.strip() for tag in table.column(table.need("label", "bio_label", "bio_tag", "bio", "tag")).to_pylist()]
    times = parse_times(time_name, table.column(time_name), unit)
    order = _order(times)
    walk = _Walk(table, tags, times.values, {**_repeats(times, order), **times.problems})
    for row in order.tolist():
        walk.step(row)
    walk.close()
    good = np.delete(times.values, list(times.problems))
    ranges = [Claim(RawRow(table.where, {}), int(good.min()), int(good.max()))] if reviewed and len(good) else []
    return FileRows(walk.claims, ranges, table.rejected(walk.problems))


def _order(times: Parsed[np.int64]) -> NDArray[np.int64]:
    """Rows by time; one without a time stays behind the row before it."""
    rows = np.arange(len(times.values))
    known = ~np.isin(rows, list(times.problems))
    before = np.maximum.accumulate(np.where(known, rows, 0))
    return np.argsort(times.values[before], kind="stable")


def _repeats(times: Parsed[np.int64], order: NDArray[np.int64]) -> dict[int, tuple[str, str]]:
    known = order[~np.isin(order, list(times.problems))]
    again = known[1:][np.diff(times.values[known]) == 0]
    return {row: (f"time {times.values[row]} a second time", "one row a time") for row in again.tolist()}


@dataclass(slots=True)
class _Walk:
    """Goes from row to row; `problems` says by row why it cannot be used."""

    table: Table
    tags: Sequence[str]
    times: NDArray[np.int64]
    problems: dict[int, tuple[str, str]]
    claims: list[Claim] = field(default_factory=list)
    span: list[int] = field(default_factory=list)

    def step(self, row: int) -> None:
        tag = self.tags[row]
        match = _TAG.fullmatch(tag)
        if self.span and self._ragged_between(self.span[-1], row):
            self._break("a row with missing or extra values")
        if row not in self.problems and tag != "O" and match is None:
            self.problems[row] = (f"label {shown(tag)}", "B-, I- and the name of a pattern, or O")
        if row in self.problems:
            self._break(f"row {self.table.rows[row]}")
        elif match is None:
            self.close()
        elif match[1] == "B":
            self.close()
            self.span = [row]
        elif self.span and self._label() == match[2].strip():
            self.span.append(row)
        else:
            self.problems[row] = (f"{tag} without B-{match[2]} before it", "a span that begins with B-")
            self._break(f"row {self.table.rows[row]}")

    def close(self) -> None:
        """End the span, if there is one."""
        if self.span:
            place = f"{self.table.where}: row {self.table.rows[self.span[0]]}"
            raw = RawRow(place, {"label": self._label()}, "bio")
            self.claims.append(Claim(raw, int(self.times[self.span[0]]), int(self.times[self.span[-1]])))
        self.span = []

    def _break(self, cause: str) -> None:
        """Set the span aside, if there is one."""
        if self.span:
            self.problems[self.span[0]] = (f"a span of {self._label()} broken by {cause}", "a span of whole rows")
        self.span = []

    def _label(self) -> str:
        return self.tags[self.span[0]][2:].strip()

    def _ragged_between(self, row: int, other: int) -> bool:
        ends = sorted(int(self.table.rows[index]) for index in (row, other))
        return any(ends[0] < item.row < ends[1] for item in self.table.ragged)

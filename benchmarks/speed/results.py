"""One row a ratio, kept as JSON with the machine that it was measured on, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_HEAD = "| measurement | ratio | candle-ml | against | goal | |\n|---|---:|---:|---:|---:|---|"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a ratio should keep."""

    bound: float
    at_least: bool = False

    def met(self, ratio: float) -> bool:
        """Whether the ratio keeps it."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio: `ours` and `theirs` are medians over repeats in `unit`, `ratio` the median of each repeat's own.

    `goal` is None where a figure is shown for comparison only; `low` and `high` are the smallest and the largest of the
    repeats' ratios.
    """

    measurement: str
    name: str
    ratio: float
    low: float
    high: float
    ours: float
    theirs: float
    unit: str
    repeats: int
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """Rows in the order of measuring; `machine` says what they were measured on, with versions and its load."""

    machine: dict[str, str]
    rows: tuple[Row, ...]


def read(file: Path) -> Results:
    """What a file holds; nothing where there is no file."""
    if not file.is_file():
        return Results({}, ())
    found = json.loads(file.read_text("utf-8"))
    rows = ({**row, "goal": row["goal"] and Goal(**row["goal"])} for row in found["rows"])
    return Results(found["machine"], tuple(Row(**row) for row in rows))


def write(file: Path, results: Results) -> None:
    """Replace the file."""
    file.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", "utf-8")


def joined(earlier: Results, machine: dict[str, str], rows: Sequence[Row]) -> Results:
    """The earlier rows without those of the measurements that were made again, then the new ones."""
    again = {row.measurement for row in rows}
    return Results(machine, (*(row for row in earlier.rows if row.measurement not in again), *rows))


def table(results: Results) -> str:
    """The machine and the rows, as Markdown."""
    machine = [f"- {name}: {value}" for name, value in results.machine.items()]
    return "\n".join([*machine, "", _HEAD, *map(_line, results.rows)])


def _line(row: Row) -> str:
    met = "" if row.goal is None else "met" if row.goal.met(row.ratio) else "missed"
    cells = [
        row.name,
        f"{row.ratio:.2f} ({row.low:.2f}-{row.high:.2f})",
        f"{row.ours:.4g} {row.unit}",
        f"{row.theirs:.4g} {row.unit}",
        str(row.goal or ""),
        met,
    ]
    return f"| {' | '.join(cells)} |"

"""One row a ratio, kept as JSON with the machine that it was measured on, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from candle_ml.errors import CandleMLError
from candle_ml.partitions import written_whole
from candle_ml.unwritable import unwritable

_HEAD = "| measurement | ratio | candle-ml | against | goal | |\n|---|---:|---:|---:|---:|---|"
_THREE_DECIMALS_BELOW = 0.095


class ResultsError(CandleMLError):
    """A file of results cannot be read or written, or holds what was measured elsewhere."""

    exit_code = 2


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
    repeats' ratios; `load` is that of the machine in the minute before its run began.
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
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Results:
    """Rows in the order of measuring; `machine` says what all of them were measured on, with versions and sizes."""

    machine: dict[str, str]
    rows: tuple[Row, ...]


_RESULTS = TypeAdapter(Results)


def read(file: Path, otherwise: Results | None = None) -> Results:
    """What a file holds; `otherwise` where there is no file. Raises `ResultsError`."""
    try:
        return _RESULTS.validate_json(file.read_bytes())
    except FileNotFoundError as error:
        if otherwise is not None:
            return otherwise
        raise ResultsError.at(str(file), "is not there", "python -m benchmarks.speed run makes it") from error
    except OSError as error:
        raise ResultsError.at(str(file), f"cannot be read: {error.strerror}", "give another --output") from error
    except ValidationError as error:
        first = error.errors()[0]
        found = f"holds no results: {'.'.join(map(str, ('file', *first['loc'])))}: {first['msg']}"
        raise ResultsError.at(str(file), found, "remove it, or give another --output") from error


def write(file: Path, results: Results) -> None:
    """Replace the file, whole or not at all. Raises `ResultsError`."""
    try:
        with written_whole(file) as beside:
            beside.write_bytes(_RESULTS.dump_json(results, indent=1) + b"\n")
    except OSError as error:
        raise ResultsError(unwritable(file, error)) from error


def begun(file: Path, machine: dict[str, str]) -> Results:
    """What a file holds, which can be written and takes rows of this machine. Raises `ResultsError`."""
    earlier = read(file, Results(machine, ()))
    if earlier.rows and (other := _other(earlier.machine, machine)):
        found = f"its rows were measured with another {other}: {earlier.machine.get(other)}, not {machine.get(other)}"
        raise ResultsError.at(str(file), found, "remove it, or give another --output")
    results = Results(machine, earlier.rows)
    write(file, results)
    return results


def _other(earlier: Mapping[str, str], machine: Mapping[str, str]) -> str | None:
    """What the two differ in first."""
    return next((name for name in {**machine, **earlier} if earlier.get(name) != machine.get(name)), None)


def joined(earlier: Results, rows: Sequence[Row]) -> Results:
    """The earlier rows without those of the measurements that were made again, then the new ones."""
    again = {row.measurement for row in rows}
    return Results(earlier.machine, (*(row for row in earlier.rows if row.measurement not in again), *rows))


def table(results: Results) -> str:
    """The machine, the load that it had and the rows, as Markdown."""
    machine = [f"- {name}: {value}" for name, value in results.machine.items()]
    loads = sorted({f"{row.load:.1f}" for row in results.rows}, key=float)
    return "\n".join([*machine, f"- load when it began: {', '.join(loads)}", "", _HEAD, *map(_line, results.rows)])


def _line(row: Row) -> str:
    met = "" if row.goal is None else "met" if row.goal.met(row.ratio) else "missed"
    cells = [
        row.name,
        f"{_figure(row.ratio)} ({_figure(row.low)}-{_figure(row.high)})",
        f"{row.ours:.4g} {row.unit}",
        f"{row.theirs:.4g} {row.unit}",
        str(row.goal or ""),
        met,
    ]
    return f"| {' | '.join(cells)} |"


def _figure(number: float) -> str:
    return f"{number:.{3 if number < _THREE_DECIMALS_BELOW else 2}f}"

"""One row a run, kept as JSON, and the tables of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmarks.scale.watching import Used
from benchmarks.scale.work import Made

_HEAD = (
    "| series | candles | engine | stage | seconds | processor seconds | candles a second | memory | mapped files |\n"
    "|---:|---:|---|---|---:|---:|---:|---:|---:|"
)

_PLANNED = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """What one run took: `candles` are those of one series."""

    series: int
    candles: int
    engine: str
    workers: int
    machine: str
    stages: tuple[Used, ...]
    made: Made

    @property
    def total(self) -> int:
        """The candles of all series."""
        return self.series * self.candles

    @property
    def whole(self) -> Used:
        """All stages together."""
        return Used(
            "whole",
            sum(one.seconds for one in self.stages),
            sum(one.processor for one in self.stages),
            max(one.private for one in self.stages),
            max(one.mapped for one in self.stages),
        )

    def same_work(self, other: Row) -> bool:
        """Whether both did the same in the same way."""
        return all(getattr(self, name) == getattr(other, name) for name in ("series", "candles", "engine", "workers"))


def read(file: Path) -> tuple[Row, ...]:
    """The rows of a file; none where there is no file."""
    if not file.is_file():
        return ()
    return tuple(
        Row(**{**row, "stages": tuple(Used(**one) for one in row["stages"]), "made": Made(**row["made"])})
        for row in json.loads(file.read_text("utf-8"))
    )


def add(file: Path, row: Row) -> None:
    """Put a row into a file, in the place of one of the same work."""
    rows = [*(one for one in read(file) if not one.same_work(row)), row]
    rows.sort(key=lambda one: (one.total, one.series, one.engine != "local", one.workers))
    file.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n", "utf-8")


def told(rows: Sequence[Row]) -> str:
    """All rows as a table, whether the engines agree, how cost grows, and what the largest project would take."""
    lines = [line for row in rows for line in _lines(row)]
    alone = [row for row in rows if (row.engine, row.workers) == ("local", 1)]
    return "\n".join([_HEAD, *lines, "", *_agreement(rows), *_growth(alone), *_planned(alone[-1:])])


def _lines(row: Row) -> Iterator[str]:
    for used in (*row.stages, row.whole):
        cells = (
            str(row.series),
            f"{row.total:,}",
            f"{row.engine} {row.workers}",
            used.stage,
            f"{used.seconds:.1f}",
            f"{used.processor:.1f}",
            f"{row.total / used.seconds:,.0f}",
            f"{used.private / 1e6:,.0f} MB",
            f"{used.mapped / 1e6:,.0f} MB",
        )
        yield f"| {' | '.join(cells)} |"


def _agreement(rows: Sequence[Row]) -> Iterator[str]:
    """Whether runs of the same series have made the same."""
    for series, candles in dict.fromkeys((row.series, row.candles) for row in rows):
        same = [row for row in rows if (row.series, row.candles) == (series, candles)]
        made = {row.made for row in same}
        engines = ", ".join(f"{row.engine} {row.workers}" for row in same)
        first = same[0].made
        what = f"model {first.model[:16]}, predictions {first.predictions[:16]}, {first.samples:,} samples"
        yield f"{series} x {candles:,}: {engines}: {what if len(made) == 1 else 'DIFFERENT RESULTS'}"


def _growth(alone: Sequence[Row]) -> Iterator[str]:
    """The exponent of each stage by candles: over all sizes, and from the last but one to the last."""
    if len({row.total for row in alone}) < 2:
        return
    for number, stage in enumerate([*(used.stage for used in alone[0].stages), "whole"]):
        seconds = [(*row.stages, row.whole)[number].processor for row in alone]
        every, last = (exponent([row.total for row in alone][-n:], seconds[-n:]) for n in (len(alone), 2))
        yield f"{stage}: processor seconds grow with candles to the power of {every:.3f}; at the end {last:.3f}"


def _planned(largest: Sequence[Row]) -> Iterator[str]:
    """What 10^10 candles take of processors, if each costs what it cost in this run."""
    for row in largest:
        hours = (f"{used.stage} {used.processor / row.total * _PLANNED / 3600:,.1f}" for used in row.stages[1:])
        yield f"10^10 candles at the rates of {row.total:,}, in hours of one processor: {', '.join(hours)}"


def exponent(candles: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of the line through the logarithms, by least squares."""
    return float(np.polyfit(np.log(candles), np.log(seconds), 1)[0])

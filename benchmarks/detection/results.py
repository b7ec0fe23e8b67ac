"""One row a run, kept as JSON, and the table of their medians."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from benchmarks.detection.scoring import Difference, Scores, difference

OURS = "candle-ml"
_COLUMNS = "track | annotations | method | span F1 | range | in hindsight | candle F1"
_TIMING = "delay | false/1000 | seconds | to the best peer"


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one chart."""

    track: str
    annotations: int
    seed: int
    method: str
    scores: Scores
    seconds: float

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What makes it that row."""
        return self.track, self.annotations, self.seed, self.method


def read(file: Path) -> list[Row]:
    """The rows in a file; none where there is no file."""
    if not file.is_file():
        return []
    return [Row(**{**row, "scores": Scores(**row["scores"])}) for row in json.loads(file.read_text("utf-8"))]


def write(file: Path, rows: Sequence[Row]) -> None:
    """Replace the file by these rows, in order of their keys."""
    ordered = sorted(rows, key=lambda row: row.key)
    file.write_text(json.dumps([asdict(row) for row in ordered], indent=1) + "\n", "utf-8")


def table(rows: Sequence[Row]) -> str:
    """Medians over seeds, as Markdown; the last column is the mean paired difference to the best peer."""
    lines = [f"| {_COLUMNS} | {_TIMING} |", "|---|---:|---|---:|---|---:|---:|---:|---:|---:|---|"]
    ordered = sorted(rows, key=lambda row: (row.track, row.annotations))
    for _, cell in groupby(ordered, key=lambda row: (row.track, row.annotations)):
        lines += _lines(list(cell))
    return "\n".join(lines)


def _lines(cell: list[Row]) -> Iterator[str]:
    methods = {name: [row for row in cell if row.method == name] for name in {row.method for row in cell}}
    order = sorted(methods, key=lambda name: -_median(methods[name]))
    peers = [name for name in order if not name.startswith(OURS)]
    for name in order:
        against = _against(methods[name], methods[peers[0]]) if peers and name not in peers else None
        yield _line(name, methods[name], against)


def _line(name: str, rows: list[Row], against: Difference | None) -> str:
    scores = [row.scores for row in rows]
    honest = [score.span_f1 for score in scores]
    delays = [score.delay for score in scores if score.delay is not None]
    cells = [
        rows[0].track,
        str(rows[0].annotations),
        name,
        f"{median(honest):.3f}",
        f"{min(honest):.2f}-{max(honest):.2f}",
        f"{median(score.span_f1_hindsight for score in scores):.3f}",
        f"{median(score.candle_f1 for score in scores):.3f}",
        f"{median(delays):g}" if delays else "",
        f"{median(score.false_per_1000 for score in scores):.1f}",
        f"{median(row.seconds for row in rows):.0f}",
        f"{against.mean:+.3f} ({against.low:+.3f} to {against.high:+.3f})" if against else "",
    ]
    return f"| {' | '.join(cells)} |"


def _median(rows: list[Row]) -> float:
    return median(row.scores.span_f1 for row in rows)


def _against(ours: list[Row], theirs: list[Row]) -> Difference | None:
    """The difference on the seeds that both have seen."""
    other = {row.seed: row.scores.span_f1 for row in theirs}
    shared = [row for row in ours if row.seed in other]
    if not shared:
        return None
    return difference([row.scores.span_f1 for row in shared], [other[row.seed] for row in shared])

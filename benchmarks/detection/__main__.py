"""`python -m benchmarks.detection run` measures methods side by side, `ablate` the parts of one of them.

`table` prints what was measured, `suggest` measures what suggestions are worth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.detection import environment, ours, scoring_seeds, suggesting, tuning_seeds
from benchmarks.detection.ablation import variants
from benchmarks.detection.results import OURS, Row, read, table, write
from benchmarks.detection.scoring import score
from benchmarks.detection.tracks import TRACKS

METHODS = ("ours", *environment.PEERS)
ANY_LENGTH = Path(__file__).parent / "any-length.yaml"


@dataclass(frozen=True, slots=True)
class Cell:
    """One chart and what is to be run on it; `name` is that of candle-ml with `config` and `overrides` in the table."""

    track: str
    annotations: int
    seed: int
    methods: tuple[str, ...]
    config: Path
    overrides: tuple[str, ...]
    name: str


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)
    if options.command == "suggest":
        seeds = (scoring_seeds if options.seeds == "scoring" else tuning_seeds).SUGGEST_SEEDS[: options.charts]
        print(suggesting.measure(seeds, options.measure, options.processes, options.output))
        return
    if options.command != "table":
        _run(options, list(_cells(options) if options.command == "run" else _ablated(options)))
    print(table(read(options.output)))


def rows(cell: Cell) -> Iterator[Row]:
    """A row for each method of a cell."""
    chart = TRACKS[cell.track](cell.seed, cell.annotations)
    place = (cell.track, cell.annotations, cell.seed)
    if "ours" in cell.methods:
        started = time.perf_counter()
        detection = ours.detect(chart, cell.config, cell.overrides)
        yield Row(*place, cell.name, score(chart, detection), time.perf_counter() - started)
    peers = [name for name in cell.methods if name != "ours"]
    for found in environment.detect(chart, peers) if peers else ():
        yield Row(*place, found.name, score(chart, found.detection), found.seconds)


def _measured(cell: Cell) -> list[Row]:
    return list(rows(cell))


def _run(options: argparse.Namespace, cells: Sequence[Cell]) -> None:
    if any(set(cell.methods) != {"ours"} for cell in cells):
        environment.python()
    with ProcessPoolExecutor(options.processes) as pool:
        for done in as_completed([pool.submit(_measured, cell) for cell in cells]):
            fresh = {row.key: row for row in done.result()}
            kept = [row for row in read(options.output) if row.key not in fresh]
            write(options.output, [*kept, *fresh.values()])
            for row in fresh.values():
                print(*row.key, f"{row.scores.span_f1:.3f}", file=sys.stderr, flush=True)


def _cells(options: argparse.Namespace) -> Iterator[Cell]:
    asked = (options.methods, options.config, tuple(options.overrides), options.name)
    for track, count, seed in _places(options):
        yield Cell(track, count, seed, *asked)


def _ablated(options: argparse.Namespace) -> Iterator[Cell]:
    for variant, place in product(variants(), _places(options)):
        yield Cell(*place, ("ours",), ANY_LENGTH, variant.overrides, f"{OURS}-{variant.name}")


def _places(options: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Track, annotations and seed of each chart."""
    return product(options.track, options.annotations, _seeds(options.seeds)[: options.charts])


def _seeds(which: str) -> tuple[int, ...]:
    return scoring_seeds.TABLE_SEEDS if which == "scoring" else tuning_seeds.TABLE_SEEDS


def _methods(text: str) -> tuple[str, ...]:
    names = METHODS if text == "all" else tuple(text.split(","))
    if unknown := set(names) - set(METHODS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose of {', '.join(METHODS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure")
    ablate = commands.add_parser("ablate", help="measure any-length.yaml without each of its parts, and each alone")
    show = commands.add_parser("table", help="print what was measured")
    suggest = commands.add_parser("suggest", help="measure the labels that suggestions save, and the review queue")
    suggest.add_argument("--measure", nargs="+", choices=suggesting.MEASURES, default=list(suggesting.MEASURES))
    suggest.add_argument("--output", type=Path, default=Path("suggesting.json"), help="JSON that rows are written to")
    _add_extent(suggest)
    for command in (run, ablate, show):
        command.add_argument("--output", type=Path, default=Path("detection.json"), help="JSON that rows are kept in")
    for command in (run, ablate):
        _add_places(command)
    run.add_argument("--methods", type=_methods, default=METHODS, help=f"all, or some of {','.join(METHODS)}")
    run.add_argument("--config", type=Path, default=ours.DEFAULT_CONFIG, help="pipeline.yaml of candle-ml")
    run.add_argument("--set", dest="overrides", action="append", default=[], help="key.path=value of candle-ml")
    run.add_argument("--name", default=OURS, help=f"name of this candle-ml in the table; begins with {OURS}")
    return parser


def _add_places(command: argparse.ArgumentParser) -> None:
    """The options that say which charts are measured."""
    command.add_argument("--track", nargs="+", choices=sorted(TRACKS), default=["chart"])
    command.add_argument(
        "--annotations", nargs="+", type=int, choices=(10, 20, 40, 80), default=[20, 40], help="a label"
    )
    _add_extent(command)


def _add_extent(command: argparse.ArgumentParser) -> None:
    """The options that say how many charts are measured, and how many at once."""
    command.add_argument("--seeds", choices=("tuning", "scoring"), default="tuning")
    command.add_argument("--charts", type=int, help="only the first so many seeds")
    command.add_argument("--processes", type=int, default=1)


if __name__ == "__main__":
    main()

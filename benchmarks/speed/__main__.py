"""`python -m benchmarks.speed run` measures candle-ml beside its peers; `table` prints what was measured."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed.bench import FULL, QUICK, Bench
from benchmarks.speed.machine import described
from benchmarks.speed.results import Row, joined, read, table, write

MEASUREMENTS = (
    "features",
    "feature_peers",
    "parts",
    "request",
    "services",
    "health",
    "start",
    "tracking",
    "training",
    "growth",
)
"""Modules of `benchmarks.speed.measurements`, in the order in which they run."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; a run that is told to stop takes its servers along."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _parser().parse_args(arguments)
    if options.command == "run":
        _run(options)
    print(table(read(options.output)))


def measured(name: str, bench: Bench) -> list[Row]:
    """The rows of one measurement."""
    return list(import_module(f"benchmarks.speed.measurements.{name}").measure(bench))


def _run(options: argparse.Namespace) -> None:
    machine = described()
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), QUICK if options.quick else FULL)
        for name in options.names or MEASUREMENTS:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            rows = measured(name, bench)
            write(options.output, joined(read(options.output), machine, rows))


def _name(text: str) -> str:
    if text not in MEASUREMENTS:
        raise argparse.ArgumentTypeError(f"{text}: choose of {', '.join(MEASUREMENTS)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    commands = parser.add_subparsers(dest="command", required=True)
    run, show = commands.add_parser("run", help="measure"), commands.add_parser("table", help="print what was measured")
    for command in (run, show):
        command.add_argument("--output", type=Path, default=Path("speed.json"), help="JSON that rows are kept in")
    run.add_argument("names", nargs="*", type=_name, metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}")
    run.add_argument("--quick", action="store_true", help="tiny sizes: to see that all runs, not for figures")
    return parser


if __name__ == "__main__":
    main()

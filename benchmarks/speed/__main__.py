"""`python -m benchmarks.speed run` measures candle-ml beside its peers; `table` prints what was measured."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed.bench import FULL, QUICK, Bench
from benchmarks.speed.machine import lasting, peers
from benchmarks.speed.results import ResultsError, Row, begun, joined, read, table, write
from benchmarks.speed.timing import both_cores

from candle_ml.errors import CandleMLError

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
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    options = _parser().parse_args(arguments)
    options.output = options.output or Path("speed-quick.json" if options.quick else "speed.json")
    try:
        if options.command == "run":
            _run(options)
        print(table(read(options.output)))
    except CandleMLError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"stopped; {options.output} keeps what was measured before", file=sys.stderr)
        sys.exit(130)


def measured(name: str, bench: Bench) -> list[Row]:
    """The rows of one measurement."""
    return list(import_module(f"benchmarks.speed.measurements.{name}").measure(bench))


def _run(options: argparse.Namespace) -> None:
    if len(both_cores()) < 2:
        raise ResultsError.at("run", "there is one core", "two are needed: one for servers, one for what asks them")
    sizes, load = "tiny: these figures mean nothing" if options.quick else "full", os.getloadavg()[0]
    results = begun(options.output, {"sizes": sizes, **lasting(), **peers()})
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), QUICK if options.quick else FULL)
        for name in options.names or MEASUREMENTS:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            rows = [replace(row, load=load) for row in measured(name, bench)]
            results = joined(results, rows)
            write(options.output, results)


def _name(text: str) -> str:
    if text not in MEASUREMENTS:
        raise argparse.ArgumentTypeError(f"{text}: choose of {', '.join(MEASUREMENTS)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    commands = parser.add_subparsers(dest="command", required=True)
    run, show = commands.add_parser("run", help="measure"), commands.add_parser("table", help="print what was measured")
    for command in (run, show):
        command.add_argument("--output", type=Path, help="JSON that rows are kept in: speed.json, or speed-quick.json")
        command.add_argument("--quick", action="store_true", help="tiny sizes: to see that all runs, not for figures")
    run.add_argument("names", nargs="*", type=_name, metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}")
    return parser


if __name__ == "__main__":
    main()

"""`python -m benchmarks.scale run` trains and predicts made series by one engine; `table` prints what was measured.

The largest run of all:

    python -m benchmarks.scale run --series 500 --candles 20000 --engine dask --workers 2

Features are kept as partitions, and a run is a process of its own, so that nothing is left of the one before.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.scale.engines import started
from benchmarks.scale.made import write_project
from benchmarks.scale.results import Row, add, read, told
from benchmarks.scale.watching import Used, watched
from benchmarks.scale.work import END, Made
from benchmarks.speed.machine import described


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; a run that is told to stop takes its processes along."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _parser().parse_args(arguments)
    if options.command == "run":
        with TemporaryDirectory(dir=options.folder) as folder:
            add(options.output, _measured(Path(folder), options))
    print(told(read(options.output)))


def _measured(folder: Path, options: argparse.Namespace) -> Row:
    write_project(folder, options.series, options.candles)
    machine = "; ".join(f"{name}: {value}" for name, value in described().items())
    with started(options.engine, options.workers, folder) as engine:
        stages, made = _watched(folder, ("execution.memory=0", *engine.overrides), engine.processes)
    return Row(options.series, options.candles, options.engine, options.workers, machine, stages, made)


def _watched(folder: Path, overrides: Sequence[str], others: Sequence[int]) -> tuple[tuple[Used, ...], Made]:
    """What each stage used, from the line that says it has begun to the next one, and what was made."""
    command = [sys.executable, "-m", "benchmarks.scale.work", str(folder), *overrides]
    stages: list[Used] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ExitStack() as stack:
        stack.callback(process.kill)  # where this process is told to stop; else it has ended by then
        assert process.stdout is not None
        with watched([process.pid, *others]) as watch:
            stage = "start"
            for line in iter(process.stdout.readline, f"{END}\n"):
                if not line:
                    raise SystemExit(f"the work has ended with {process.wait()} while {stage}")
                stages.append(watch.used(stage))
                stage = line.rstrip("\n")
                print(stage, file=sys.stderr, flush=True)
            stages.append(watch.used(stage))
        made = Made(**json.loads(process.stdout.readline()))
        process.wait()
    return tuple(stages), made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    commands = parser.add_subparsers(dest="command", required=True)
    run, table = (
        commands.add_parser("run", help="measure"),
        commands.add_parser("table", help="print what was measured"),
    )
    for command in (run, table):
        command.add_argument("--output", type=Path, default=Path("scale.json"), help="JSON that rows are kept in")
    run.add_argument("--series", type=int, default=20)
    run.add_argument("--candles", type=int, default=20_000, help="of each series")
    run.add_argument("--engine", choices=("local", "dask"), default="local")
    run.add_argument("--workers", type=int, default=1)
    run.add_argument("--folder", type=Path, help="where the project is made, 300 bytes a candle; it is removed after")
    return parser


if __name__ == "__main__":
    main()

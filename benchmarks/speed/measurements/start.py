"""`candle-ml --help`, against a Python that does nothing.

What importing click alone takes stands beside it. All are new processes of the same interpreter on one core, with
compiled modules on disk. The time is what they take of the processor, which on a machine that does nothing else is the
time on the wall.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.speed.bench import Bench
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import by_turns, first_core, on_cores, ratio

NAME = "start"


def measure(bench: Bench) -> Iterator[Row]:
    """By turns."""
    command = Path(sys.executable).with_name("candle-ml")
    works = {
        "help": partial(_run, [str(command), "--help"]),
        "click": partial(_run, [sys.executable, "-c", "import click"]),
        "nothing": partial(_run, [sys.executable, "-c", "pass"]),
    }
    with on_cores(first_core()):
        seconds = by_turns(works, 3 * bench.sizes.repeats, _seconds_of_children)
    milliseconds = {name: [each * 1000 for each in all_] for name, all_ in seconds.items()}
    label = "candle-ml --help ÷ python -c pass"
    yield ratio(NAME, label, milliseconds["help"], milliseconds["nothing"], "ms", Goal(3.5))
    label = "python -c 'import click' ÷ python -c pass"
    yield ratio(NAME, label, milliseconds["click"], milliseconds["nothing"], "ms")


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, process_group=0)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

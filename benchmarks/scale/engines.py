"""The ways to work that are compared: processes of this machine, or a Dask cluster that is started for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SECONDS_TO_START = 60
_SECONDS_TO_END = 30


@dataclass(frozen=True, slots=True)
class Engine:
    """What says to `execution` where the work runs, and the processes that do it beside the one that is called."""

    overrides: tuple[str, ...]
    processes: tuple[int, ...] = ()


@contextmanager
def started(name: str, workers: int, folder: Path) -> Iterator[Engine]:
    """An engine while it is open: `dask` is a scheduler and so many workers of one thread, on this machine."""
    if name == "local":
        yield Engine((f"execution.workers={workers}",))
        return
    place = folder / "scheduler.json"
    where = ("--scheduler-file", str(place), "--no-dashboard", "--host", "127.0.0.1")
    with ExitStack() as stack:
        scheduler = stack.enter_context(_process("scheduler", *where, "--port", "0"))
        address = _address(place)
        many = ("--nworkers", str(workers), "--nthreads", "1", "--local-directory", str(folder / "dask"))
        worker = stack.enter_context(_process("worker", *where, *many))
        yield Engine(("execution.engine=dask", f"execution.scheduler={address}"), (scheduler, worker))


@contextmanager
def _process(*arguments: str) -> Iterator[int]:
    command: Sequence[str] = (sys.executable, "-m", "dask", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(place: Path) -> str:
    """What the scheduler has written down once it listens. Raises `TimeoutError`."""
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until:
        if place.exists() and (content := place.read_text("utf-8")).endswith("}"):
            return str(json.loads(content)["address"])
        time.sleep(0.1)
    raise TimeoutError("the scheduler of Dask did not start")

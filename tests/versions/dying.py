"""A program that keeps the tests' data set again and again, each time in a process that is killed on the way.

Its arguments are a project, in which a version is kept so that every package is imported once, and `root=step` pairs, a
step being one of `STEPS` or a number of seconds: each is a process forked from here. Prints the signal that ended it, 0
for none.
"""

from __future__ import annotations

import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dvc.repo.add

from candle_ml import versions
from candle_ml.config import load_config
from candle_ml.versions import copies, project, tables

dataset = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["dataset"]

STEPS: dict[str, tuple[Any, str, int]] = {
    "the first file": (tables, "write_candles", 1),
    "the last file": (tables, "write_samples", 1),
    "the manifest": (project, "write_contents", -1),
    "the folder's name": (os, "rename", 1),
    "DVC": (project.Versions, "add", 1),
    "the cache, an object begun": (fcntl, "ioctl", 1),
    "the cache, first object": (os, "replace", 1),
    "the cache, fifth object": (os, "replace", 5),
    "the pointer": (dvc.repo.add, "_add", -1),
    "the remote": (copies.Copies, "transfer", 2),
    "the remote, an object begun": (fcntl, "ioctl", 9),
    "the remote, third object": (os, "replace", 10),
    "the remote, last object": (os, "replace", 15),
    "the end": (project.Versions, "complete", -1),
}
"""What is called when the process dies: the how manyth call is not made; -1: the first returns, and nothing after."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(called: Callable[..., Any], number: int) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            die()
        result = called(*args, **kwargs)
        if number < 0:
            die()
        return result

    return call


def keep(root: Path) -> None:
    versions.snapshot(load_config(root / "config" / "pipeline.yaml"), dataset())


def doomed(root: Path, step: str) -> None:
    """Keep the data set in a project, and die on the way."""
    if step in STEPS:
        owner, name, number = STEPS[step]
        setattr(owner, name, deadly(getattr(owner, name), number))
    else:
        threading.Thread(target=lambda: (time.sleep(float(step)), die()), daemon=True).start()
    keep(root)


def forked(root: Path, step: str) -> int:
    process = os.fork()
    if process == 0:
        doomed(root, step)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
    for argument in sys.argv[2:]:
        place, _, when = argument.partition("=")
        print(forked(Path(place), when), flush=True)

"""A program that runs `candle-ml` commands in processes forked from itself, and kills them on the way if told to.

It imports every package once, so that a delay counts the work alone. Each line of its input is an `Order` as JSON, each
line of its output an `Ending`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import mlflow
import sklearn.ensemble
import skops.io
import sqlalchemy
import talib
from looking import look

import candle_ml.cli.runs
import candle_ml.cli.train
import candle_ml.state
from candle_ml.cli import main

IMPORTED = (mlflow, skops.io, sklearn.ensemble, sqlalchemy, talib, candle_ml.cli.runs, candle_ml.state)


@dataclass(frozen=True)
class Order:
    """A command in a project, and when it dies.

    As `step` begins or, with `done`, when it has ended; after `delay` seconds; or once the file `there`, whose name may
    be a pattern, has grown.
    """

    root: str
    arguments: list[str]
    step: str | None = None
    done: bool = False
    delay: float | None = None
    there: str | None = None


@dataclass(frozen=True)
class Ending:
    """How a process ended: by a signal or with an exit code; what it printed, and how many seconds it took."""

    signal: int
    code: int
    printed: str
    seconds: float


def deadly(order: Order) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        if what == order.step and done == (total if order.done else 0):
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def obey(order: Order) -> None:
    """Run the command as the process that this is; without one, look."""
    os.chdir(order.root)
    if not order.arguments:
        look(Path(order.root))
        sys.exit()

    @contextmanager
    def progress() -> Iterator[Callable[[str, int, int], None]]:
        yield deadly(order)

    candle_ml.cli.train.progress = progress
    main(order.arguments, prog_name="candle-ml")


def executed(order: Order) -> Ending:
    printed = Path(order.root).with_name("printed.txt")
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        forked(order, printed)
    if order.delay is not None or order.there is not None:
        wait(order)
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    seconds = time.monotonic() - began
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    return Ending(os.WTERMSIG(status), code, printed.read_text("utf-8", "replace"), seconds)


def wait(order: Order) -> None:
    """Return when it is time to die."""
    time.sleep(order.delay or 0)
    while order.there is not None and not has_grown(Path(order.there)):
        time.sleep(0.001)


def has_grown(path: Path) -> bool:
    """Whether something is in a file, or in one that is named by a pattern."""
    return any(found.stat().st_size for found in path.parent.glob(path.name))


def forked(order: Order, printed: Path) -> None:
    """What a forked process does: it never comes back."""
    code = 1
    with printed.open("wb", buffering=0) as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            obey(order)
        except SystemExit as exit:
            code = int(exit.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        ending = executed(Order(**json.loads(line)))
        print(json.dumps(asdict(ending)), flush=True)

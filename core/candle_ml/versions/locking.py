"""One candle-ml at a time keeps or restores the data versions of a project."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from candle_ml.errors import DataError
from candle_ml.unwritable import unwritable

Result = TypeVar("Result")

_PATIENCE_SECONDS = 120.0


@contextmanager
def exclusive(root: Path, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock on the versions of a project; a process that dies lets go of it.

    Raises `DataError` where another one still holds it after `patience` seconds, or where it is no file to be written.
    """
    from dvc.lock import make_lock

    path = root / ".candle-ml" / "versions.lock"
    lock = make_lock(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        patiently(lock.lock, path, patience)
    except OSError as error:
        raise DataError(unwritable(path, error)) from error
    try:
        yield
    finally:
        lock.unlock()


def patiently(action: Callable[[], Result], held: Path, patience: float = _PATIENCE_SECONDS) -> Result:
    """Do what needs a lock of DVC's kind, again and again while another process holds it."""
    from dvc.lock import LockError

    deadline = time.monotonic() + patience
    while True:
        try:
            return action()
        except LockError as error:
            if time.monotonic() > deadline:
                expected = "wait until it has ended, then try again"
                raise DataError.at(str(held), "held by another candle-ml or dvc process", expected) from error

"""One process at a time, by a lock file that holds nothing: SQLite's lock works alike on every system."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from candle_ml.errors import RegistryError
from candle_ml.unwritable import unwritable

_PROBLEMS = {
    "SQLITE_BUSY": ("held by another candle-ml", "wait until that has ended"),
    "SQLITE_NOTADB": ("is damaged", "remove it: it holds nothing"),
    "SQLITE_FULL": ("cannot be written: the disk is full", "free some space"),
}


@contextmanager
def held(path: Path, patience: float) -> Iterator[None]:
    """Hold a lock file, which is made where there is none; a process that dies lets go of it.

    Raises `RegistryError` where another one has not let go after `patience` seconds, or the file cannot be locked.
    """
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of a file that it may not write SQLite holds no lock, and does not say so.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    with closing(connection):
        with _told(path):
            connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RegistryError(unwritable(path, error)) from error
    except sqlite3.Error as error:
        found, expected = _PROBLEMS.get(error.sqlite_errorname, (str(error), "check the disk"))
        raise RegistryError.at(str(path), found, expected) from error

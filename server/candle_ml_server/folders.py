"""Private folders of fetched models: locked while their process lives, so that what a killed one left is known."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "candle-ml-model-"
_LOCK = "lock"
_held: dict[Path, int] = {}


def make_folder() -> Path:
    """A new private folder; those of processes that have been killed are removed first."""
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fresh = folder / f"{_LOCK}.new"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # It gets its name when it is locked: a folder with a free lock is one whose process has died.
    fresh.rename(folder / _LOCK)
    _held[folder] = lock
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder that this process has made, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder in _held:
        os.close(_held.pop(folder))


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)

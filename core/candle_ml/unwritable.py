"""What a disk says that does not take a file, in words, and what would do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from candle_ml.errors import Problem

_OWN = "let this user write the file and its folder"
_KNOWN = {
    errno.EROFS: ("its file system is read-only", "make that writable"),
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EACCES: ("this user may not write there", _OWN),
    errno.EPERM: ("this user may not write there", _OWN),
}


def unwritable(path: Path, error: OSError) -> Problem:
    """The problem of a file or folder that cannot be made or written."""
    found, expected = _KNOWN.get(error.errno or 0, (error.strerror or str(error), "a place that this user can write"))
    return Problem(str(path), f"cannot be written: {found}", expected)


@contextmanager
def named(folder: Path) -> Iterator[None]:
    """Let what the system raises name the folder that is written where it names no file: a full disk does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(folder)
        raise

"""What would take too much memory: where it is kept, and arrays as parts of files without names."""

from __future__ import annotations

import mmap
import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from candle_ml.unwritable import named

PARTITIONS = Path(".candle-ml") / "partitions"
"""The folder, within that of the project, of everything that is kept as files."""
MEGABYTE = 1_000_000

Number = TypeVar("Number", bound=np.generic)

_SMALLEST_FILE = 64_000_000


def mark_used(path: Path) -> None:
    """Let a partition that is there count as used now, also where the file system does not note who reads."""
    with suppress(FileNotFoundError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def unused_partitions(root: Path, since: timedelta) -> dict[Path, int]:
    """The partitions of a project that nothing has used for so long, with their bytes."""
    before = time.time() - since.total_seconds()
    found = {path: path.stat() for path in (root / PARTITIONS).glob("*/*.parquet")}
    return {path: status.st_size for path, status in sorted(found.items()) if status.st_atime < before}


def remove_unused(root: Path, since: timedelta) -> dict[Path, int]:
    """Remove the partitions that nothing has used for so long; one that is needed again is made again.

    A training marks all of its partitions when it begins, and each whenever it reads it.
    """
    removed = unused_partitions(root, since)
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


class Overflow:
    """Keeps arrays: the first `limit` bytes as they are, all others in files within a folder.

    Of a file the system reads a page when it is asked for, and takes it away where it needs room. The files have no
    name: they go with the process, however it ends.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._left = limit
        self._file: _File | None = None
        self._written = 0

    def keep(self, array: NDArray[Number]) -> NDArray[Number]:
        """The same values, in one dimension; those in a file cannot be written to.

        Raises `OSError` that names the folder where it cannot be written.
        """
        self._left -= array.nbytes
        if self._left >= 0 or not array.nbytes:
            return array
        with named(self._folder):
            if self._file is None or self._file.left < array.nbytes:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = _File(self._folder, max(array.nbytes, self._written, _SMALLEST_FILE))
            self._written += array.nbytes
            return self._file.add(array)


class _File:
    """A file of one size, mapped at once: many small ones would each keep a file open."""

    def __init__(self, folder: Path, size: int) -> None:
        self._stream = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - it stays open as long as this is held
        self._stream.truncate(size)
        self._mapped = mmap.mmap(self._stream.fileno(), size, access=mmap.ACCESS_READ)
        self._used = 0
        self.left = size

    def add(self, array: NDArray[Any]) -> NDArray[Any]:
        """Written, not assigned: a full disk is an error then, and not the end of the process."""
        begin = self._used
        self._stream.seek(begin)
        content = np.ascontiguousarray(array).data.cast("B")
        while content:
            content = content[self._stream.write(content) :]
        self._used += array.nbytes
        self.left -= array.nbytes
        return np.frombuffer(self._mapped, array.dtype, len(array), begin)

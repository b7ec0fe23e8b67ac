"""Arrays of a bundle's `.npz` files, unpacked only as far as their sizes have been proven."""

from __future__ import annotations

import math
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from candle_ml.errors import BundleError, DataError

DAMAGE = (
    *(KeyError, ValueError, TypeError, IndexError, OverflowError, OSError, EOFError, RuntimeError, MemoryError),
    *(BadZipFile, zlib.error, DataError),
)
"""What reading a damaged or hostile file raises."""

_SUFFIX = ".npy"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: Path, largest: int) -> dict[str, NDArray[Any]]:
    """Every array by its name; numbers and truth values only.

    Raises `BundleError` where they are more than `largest` bytes in all, one of `DAMAGE` for any other file.
    """
    with ZipFile(path) as archive:
        members = archive.infolist()
        check_unpacked(path.name, sum(member.file_size for member in members), largest)
        if any(member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for member in members):
            raise ValueError("an unknown compression")
        return {member.filename.removesuffix(_SUFFIX): _array(archive.read(member)) for member in members}


def check_unpacked(where: str, size: int, largest: int) -> None:
    """Raise `BundleError` for arrays of more than `largest` bytes in all."""
    if size > largest:
        raise BundleError.at(where, f"{size} bytes unpacked", f"at most {largest}")


def _array(content: bytes) -> NDArray[Any]:
    stream = BytesIO(content)
    shape, by_columns, kind = _HEADERS[np.lib.format.read_magic(stream)](stream)
    values = memoryview(content)[stream.tell() :]
    if kind.kind not in "biuf" or math.prod(shape) * kind.itemsize != len(values):
        raise ValueError("an array that is not as large as it says, or not of numbers")
    return np.frombuffer(values, kind).reshape(shape, order="F" if by_columns else "C")

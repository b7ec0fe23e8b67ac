"""A reader of UBJSON, as far as XGBoost's models use it; XGBoost's own is only given what this one has read.

Source: the UBJSON specification, draft 12, and the forms that XGBoost's `UBJWriter` writes. Each value has one form
here: sizes are always counted, in 8 bytes, so that none can lead beyond the end.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml.errors import BundleError

_INTEGERS = {b"i": Struct(">b"), b"U": Struct(">B"), b"I": Struct(">h"), b"l": Struct(">i"), b"L": Struct(">q")}
_OF_ONE_TYPE = {b"U": ("u1", 1), b"l": (">i4", 4), b"L": (">i8", 8), b"d": (">f4", 4)}
_SIZE = Struct(">cq")
_DEEPEST = 8
_MOST_VALUES = 1 << 23


def read_ubjson(where: str, content: bytes) -> Any:
    """Objects as `dict`, arrays of one type as big-endian NumPy views of `content`, other arrays as `list`.

    Raises `BundleError` at the first byte that XGBoost would not have written: of an unknown type, of a size beyond the
    end, of a key that an object has already, nested too deep, or after the end.
    """
    reader = _Reader(content)
    try:
        value = reader.value(0)
        if reader.at != len(content):
            raise ValueError(f"{len(content) - reader.at} bytes after the end")
    except ValueError as error:
        found = f"{error} at byte {reader.at}"
        raise BundleError.at(where, found, "a model written by candle-ml") from error
    return value


class _Reader:
    """Raises `ValueError` with `at` at what cannot be read."""

    def __init__(self, content: bytes) -> None:
        self.at = 0
        self._content = content
        self._values = 0

    def value(self, depth: int) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise ValueError("more values, or deeper ones, than a model has")
        marker = self._bytes(1)
        if marker == b"[":
            return self._array(depth)
        if marker == b"{":
            return self._object(depth)
        if marker == b"S":
            return self._text()
        if marker in _INTEGERS:
            kind = _INTEGERS[marker]
            return kind.unpack(self._bytes(kind.size))[0]
        raise ValueError(f"a value of type {marker!r}")

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not self._follows(b"}"):
            key = self._text()
            if key in members:
                raise ValueError(f"the key {key!r} twice")
            members[key] = self.value(depth + 1)
        return members

    def _array(self, depth: int) -> list[Any] | NDArray[Any]:
        marker = self._bytes(1) if self._follows(b"$") else None
        if not self._follows(b"#"):
            raise ValueError("an array without a size")
        count = self._size()
        if marker is None:
            return [self.value(depth + 1) for _ in range(count)]
        if marker not in _OF_ONE_TYPE:
            raise ValueError(f"an array of type {marker!r}")
        kind, size = _OF_ONE_TYPE[marker]
        return np.frombuffer(self._bytes(count * size), kind)

    def _text(self) -> str:
        return str(self._bytes(self._size()), "ascii", "strict")

    def _size(self) -> int:
        marker, size = _SIZE.unpack(self._bytes(_SIZE.size))
        if marker != b"L" or size < 0:
            raise ValueError(f"a size of {size} and type {marker!r}")
        return int(size)

    def _bytes(self, count: int) -> bytes:
        content = self._content[self.at : self.at + count]
        if len(content) < count:
            raise ValueError(f"{count} bytes, of which {len(content)} are there,")
        self.at += count
        return content

    def _follows(self, marker: bytes) -> bool:
        follows = self._content.startswith(marker, self.at)
        self.at += follows
        return follows

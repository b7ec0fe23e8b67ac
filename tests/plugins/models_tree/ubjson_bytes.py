"""Writes documents in the form that XGBoost writes its models in."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

MARKERS = {"uint8": b"U", "int32": b"l", "int64": b"L", "float32": b"d"}


def size(count: int) -> bytes:
    """A size or an 8-byte integer."""
    return b"L" + struct.pack(">q", count)


def text(value: str) -> bytes:
    """A key, or what follows the marker of a string."""
    return size(len(value)) + value.encode()


def ubjson_of(value: Any) -> bytes:
    """UBJSON of objects, lists, arrays, strings and integers."""
    if isinstance(value, dict):
        return b"{" + b"".join(text(key) + ubjson_of(item) for key, item in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#" + size(len(value)) + b"".join(map(ubjson_of, value))
    if isinstance(value, np.ndarray):
        kind = value.dtype.newbyteorder("=").name
        return b"[$" + MARKERS[kind] + b"#" + size(len(value)) + value.astype(value.dtype.newbyteorder(">")).tobytes()
    return b"S" + text(value) if isinstance(value, str) else size(value)

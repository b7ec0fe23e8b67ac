"""Text as it is read, and as messages show it."""

from __future__ import annotations

from candle_ml.errors import DataError

_BOMS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def decode(where: str, data: bytes) -> str:
    """UTF-8 text, with or without a byte-order mark. Raises `DataError` for anything else."""
    if data.startswith(_BOMS_OF_UTF16):
        raise DataError.at(where, "UTF-16 text", "UTF-8 text")
    if b"\0" in data:
        raise DataError.at(where, "binary data", "UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError.at(f"{where}: row {line}", f"byte 0x{data[error.start]:02x}", "UTF-8 text") from error


def shown(value: object) -> str:
    """A value as messages show it: in quotes where it is text, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}..."

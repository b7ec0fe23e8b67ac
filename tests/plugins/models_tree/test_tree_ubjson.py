"""UBJSON of another form than XGBoost writes is refused at the first byte that is strange."""

from __future__ import annotations

import numpy as np
import pytest

from candle_ml.errors import BundleError
from candle_ml_models_tree.ubjson import read_ubjson

from .ubjson_bytes import size, text, ubjson_of

DOCUMENT = {"learner": {"attributes": {}, "values": np.array([0.5, 2.0], ">f4")}, "version": [3, 2, 0]}
CONTENT = ubjson_of(DOCUMENT)


def test_a_document_is_read():
    """Objects, arrays of one type, other arrays, text and integers of every width come back."""
    found = read_ubjson("m", CONTENT)
    assert found["learner"]["attributes"] == {}
    assert found["learner"]["values"].tolist() == [0.5, 2.0]
    assert found["version"] == [3, 2, 0]
    widths = b"i\xff" + b"U\xff" + b"I\xff\xfe" + b"l\x00\x01\x00\x00" + size(-1) + b"S" + text("x")
    assert read_ubjson("m", b"[#" + size(6) + widths) == [-1, 255, -2, 65536, -1, "x"]


def changed(old, new):
    """The document with some bytes exchanged where they first stand."""
    assert old in CONTENT
    return CONTENT.replace(old, new, 1)


FILES = {
    "nothing": (b"", "1 bytes, of which 0 are there, at byte 0"),
    "no size": (b"[]", "an array without a size at byte 1"),
    "JSON": (b'{"learner":{}}', "a size of 7810756272850301474 and type b'\"' at byte 10"),
    "half of a size": (CONTENT[:5], "9 bytes, of which 4 are there, at byte 1"),
    "half of a key": (CONTENT[:16], "7 bytes, of which 6 are there, at byte 10"),
    "half of an array": (changed(size(2), size(3))[:75], "12 bytes, of which 8 are there, at byte 67"),
    "more": (CONTENT + b"}", f"1 bytes after the end at byte {len(CONTENT)}"),
    "a size beyond the end": (changed(size(7), size(999)), "999 bytes, of which 121 are there, at byte 10"),
    "an array beyond all memory": (
        changed(size(2), size(1 << 62)),
        "18446744073709551616 bytes, of which 64 are there, at byte 67",
    ),
    "a negative size": (changed(size(7), size(-7)), "a size of -7 and type b'L' at byte 10"),
    "a size of another type": (changed(b"L", b"l"), "a size of 7 and type b'l' at byte 10"),
    "a key twice": (changed(text("version"), text("learner")), "the key 'learner' twice at byte 92"),
    "a value of another type": (changed(b"{}", b"Z"), "a value of type b'Z' at byte 38"),
    "an array of another type": (changed(b"[$d", b"[$D"), "an array of type b'D' at byte 67"),
    "an array of nothing": (changed(b"[$d", b"[$Z"), "an array of type b'Z' at byte 67"),
    "text beyond ASCII": (
        changed(b"learner", b"learn\xff\xff"),
        "'ascii' codec can't decode byte 0xff in position 5: ordinal not in range(128) at byte 17",
    ),
    "nested": ((b"[#" + size(1)) * 100_000, "more values, or deeper ones, than a model has at byte 99"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_another_form_is_refused(content, message):
    """Each is refused with what was found and where, without more than its own bytes of memory."""
    with pytest.raises(BundleError) as error:
        read_ubjson("m", content)
    assert str(error.value) == f"m: {message}; a model written by candle-ml"

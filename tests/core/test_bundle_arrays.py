"""Arrays of a bundle: nothing is unpacked that is larger than it may be, or than it says."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from candle_ml.bundle_arrays import DAMAGE, read_arrays
from candle_ml.errors import BundleError
from candle_ml.inference import OutOfFold
from candle_ml.inference.receipt import Golden

LIMIT = 1 << 20


def npy(shape: object, kind: str = "<f8", content: bytes = b"") -> bytes:
    """An array file that says what its content need not hold."""
    stream = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + content


def write(path: Path, content: bytes, compression: int = ZIP_DEFLATED) -> None:
    with ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", content)


def test_arrays_come_back(tmp_path: Path) -> None:
    """Numbers and truth values of every shape and order, compressed or not."""
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True]), "c": np.asfortranarray(np.ones((2, 3), "f4"))}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **arrays)
        found = read_arrays(tmp_path / "x.npz", LIMIT)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


DAMAGED = {
    "more than it holds": npy((1 << 40,)),
    "less than it holds": npy((0,), content=bytes(8)),
    "a size beyond all integers": npy((1 << 40, 1 << 40)),
    "objects": npy((1,), "|O", bytes(8)),
    "text": npy((1,), "<U2", bytes(8)),
    "no array": b"text",
    "a deep header": b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"-" * 8999 + b"1",
    "an unknown version": b"\x93NUMPY\x09\x00" + bytes(100),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_an_array_that_is_not_what_it_says_is_refused(tmp_path: Path, content: bytes) -> None:
    """Its header is compared with its bytes before any memory is asked for."""
    write(tmp_path / "x.npz", content)
    with pytest.raises(DAMAGE):
        read_arrays(tmp_path / "x.npz", LIMIT)


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    """Only what NumPy writes is unpacked."""
    write(tmp_path / "x.npz", npy((1,), content=bytes(8)), ZIP_BZIP2)
    with pytest.raises(ValueError, match="an unknown compression"):
        read_arrays(tmp_path / "x.npz", LIMIT)


def bomb(path: Path, size: int) -> None:
    """A small file whose one array of zeros unpacks to `size` bytes."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        member.write(header := npy((size // 8,)))
        for start in range(len(header), size, 1 << 20):
            member.write(bytes(min(1 << 20, size - start)))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    """A bomb of either file is refused by the size that its directory tells."""
    for kind, name, limit in ((Golden, "golden.npz", 64 << 20), (OutOfFold, "out_of_fold.npz", 256 << 20)):
        bomb(tmp_path / name, limit + 8)
        assert (tmp_path / name).stat().st_size < limit // 500
        with pytest.raises(BundleError) as caught:
            kind.load(tmp_path / name)
        assert str(caught.value) == f"{name}: {limit + 8} bytes unpacked; at most {limit}"


def test_a_directory_that_lies_unpacks_no_more_than_it_says(tmp_path: Path) -> None:
    """Of a member that says 8 bytes no more are read, whatever it would unpack to."""
    bomb(tmp_path / "x.npz", 4 << 20)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace((4 << 20).to_bytes(4, "little"), (8).to_bytes(4, "little")))
    with pytest.raises(DAMAGE):
        read_arrays(tmp_path / "x.npz", LIMIT)

"""Candles beyond a limit are kept in files that have no name, and are the same."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.typing import NDArray

from candle_ml.overflow import Overflow


def file_of(array: NDArray[Any]) -> mmap.mmap | None:
    """What an array is a part of, where that is a file."""
    content = array.base.obj if isinstance(array.base, memoryview) else array.base
    return content if isinstance(content, mmap.mmap) else None


def test_arrays_beyond_the_limit_are_kept_in_files(tmp_path: Path) -> None:
    """The first bytes stay as they are; every array after them has its values, its type and a file behind it."""
    overflow = Overflow(tmp_path / "kept", 100)
    arrays = [np.arange(10, dtype=np.int64), np.arange(7) / 3, np.arange(5, dtype=np.int64), np.empty(0)]
    kept = [overflow.keep(array) for array in arrays]
    assert kept[0] is arrays[0]
    for before, after in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    assert all(file_of(array) and not array.flags.writeable for array in kept[1:3])
    assert list((tmp_path / "kept").iterdir()) == []


def test_arrays_stay_when_further_files_are_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is full is followed by a larger one, and what stands in it is still read."""
    monkeypatch.setattr("candle_ml.overflow._SMALLEST_FILE", 1000)
    overflow = Overflow(tmp_path, 0)
    arrays = [np.full(100, number, dtype=np.float64) for number in range(50)]
    kept = [overflow.keep(array) for array in arrays]
    del overflow
    for before, after in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(before, after)
    assert len({id(file_of(array)) for array in kept}) == 7


def test_another_process_gets_the_values(tmp_path: Path) -> None:
    """What is sent to a worker is the content, not a place in a file of this process."""
    overflow = Overflow(tmp_path, 0)
    arrays = [np.arange(4.0), np.arange(5.0)]
    sent = Parallel(n_jobs=2)(delayed(np.array)(overflow.keep(array)) for array in arrays)
    for before, after in zip(arrays, sent, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error of the system names the place."""
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OSError, match="file") as caught:
        Overflow(tmp_path / "file", 0).keep(np.arange(4.0))
    assert caught.value.filename == str(tmp_path / "file")

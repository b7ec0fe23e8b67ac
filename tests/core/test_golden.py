"""Golden rows come back from their file as they were, and nothing else is taken for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_ml.errors import BundleError
from candle_ml.inference.receipt import Golden, GoldenSlice
from candle_ml.testing import example_series


@pytest.fixture
def golden() -> Golden:
    """Two slices, one of them without volume."""
    features, windows = np.ones((16, 3), dtype=np.float32), np.zeros((40, 2), dtype=np.float32)
    made = [GoldenSlice(candles, features, windows, np.full((40, 2), 0.5)) for candles in example_series(50)[:2]]
    return Golden(tuple(made))


def test_golden_rows_come_back(golden: Golden, tmp_path: Path) -> None:
    """Every array of every slice is equal, and volume is None where it was."""
    golden.save(tmp_path / "golden.npz")
    for before, after in zip(golden.slices, Golden.load(tmp_path / "golden.npz").slices, strict=True):
        assert after.candles.key == before.candles.key
        for name in ("features", "windows", "probabilities"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
        for name in ("time", "open", "high", "low", "close", "volume"):
            column = getattr(before.candles, name)
            if column is None:
                assert getattr(after.candles, name) is None
            else:
                np.testing.assert_array_equal(getattr(after.candles, name), column)


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "text", "a changed byte in an array", "missing", "another array file"]
)
def test_a_damaged_file_is_no_golden_rows(golden: Golden, tmp_path: Path, damage: str) -> None:
    """Whatever has become of the file, it is refused as a bundle's error."""
    path = tmp_path / "golden.npz"
    golden.save(path)
    content = path.read_bytes()
    middle = content.index(golden.slices[0].candles.open.tobytes()[:8])
    damaged = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "text": b"PK, but no archive",
        "a changed byte in an array": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }
    if damage in damaged:
        path.write_bytes(damaged[damage])
    elif damage == "missing":
        path.unlink()
    else:
        np.savez(path, allow_pickle=False, other=np.ones(3))
    with pytest.raises(BundleError) as caught:
        Golden.load(path)
    assert str(caught.value) == "golden.npz: not golden rows; a bundle written by candle-ml"


def test_no_damage_escapes(golden: Golden, tmp_path: Path) -> None:
    """In 2,000 files with some bits changed or the end cut off, the rows come back or the file is refused."""
    path = tmp_path / "golden.npz"
    Golden(tuple(GoldenSlice(part.candles[:2], *[np.ones((1, 1))] * 3) for part in golden.slices)).save(path)
    content, refused = path.read_bytes(), 0
    for seed in range(2000):
        random = np.random.default_rng(seed)
        changed = bytearray(content)
        for place in random.integers(0, len(content), random.integers(1, 4)):
            changed[place] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(changed[: int(random.integers(1, len(content)))] if seed % 5 == 0 else changed)
        try:
            assert len(Golden.load(path).slices) == 2
        except BundleError:
            refused += 1
    assert refused > 1000


def cut(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda arrays: arrays.update({name: arrays[name][:-1]})


ARRAYS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no closes": lambda arrays: arrays.update({"0.close": arrays["0.close"][:0]}),
    "a close less": cut("0.close"),
    "a time less": cut("0.time"),
    "a close that is none": lambda arrays: arrays.update({"0.close": arrays["0.close"] * np.nan}),
    "times backwards": lambda arrays: arrays.update({"0.time": arrays["0.time"][::-1]}),
    "closes of another type": lambda arrays: arrays.update({"0.close": arrays["0.close"].astype(np.float32)}),
    "a table of closes": lambda arrays: arrays.update({"0.close": arrays["0.close"].reshape(-1, 2)}),
    "another timeframe": lambda arrays: arrays.update(keys=np.frombuffer(b'[["A","x"],["B","1d"]]', np.uint8)),
    "nine slices": lambda arrays: arrays.update(keys=np.frombuffer(b'[%s["A","1d"]]' % (b'["A","1d"],' * 8), np.uint8)),
    "deep keys": lambda arrays: arrays.update(keys=np.frombuffer(b"[" * 100_000, np.uint8)),
}


@pytest.mark.parametrize("change", ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_are_no_candles_are_refused(
    golden: Golden, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    """Columns that indicators could not take never reach them."""
    path = tmp_path / "golden.npz"
    golden.save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(BundleError) as caught:
        Golden.load(path)
    assert str(caught.value) == "golden.npz: not golden rows; a bundle written by candle-ml"

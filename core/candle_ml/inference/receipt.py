"""Golden rows and the receipt: proof at load that a bundle still computes what it computed at training."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml.bundle import Versions
from candle_ml.bundle_arrays import DAMAGE, read_arrays
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import BundleError
from candle_ml.features import window_features
from candle_ml.inference.predictor import Predictor
from candle_ml.plugins.source_code import COMPUTING_PACKAGES
from candle_ml.scores import Samples

GOLDEN_ROWS = 16
MOST_SLICES = 8
_LARGEST_FILE = 64 << 20
LARGEST_ULP = 4
LARGEST_DIFFERENCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class GoldenSlice:
    """Candles, and what the windows that end in its last rows must give.

    `features` is the `float32` feature matrix of those last rows, `windows` the window features of the candidates that
    end there, `probabilities` (`float64`) the model's own probabilities for them.
    """

    candles: Candles
    features: NDArray[np.float32]
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Golden:
    """A few slices of the training candles with the values computed at training."""

    slices: tuple[GoldenSlice, ...]

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for number, part in enumerate(self.slices):
            for name in ("features", "windows", "probabilities"):
                arrays[f"{number}.{name}"] = getattr(part, name)
            for name in ("time", "open", "high", "low", "close", "volume"):
                if (column := getattr(part.candles, name)) is not None:
                    arrays[f"{number}.{name}"] = column
        keys = json.dumps([[part.candles.key.pair, part.candles.key.timeframe] for part in self.slices])
        np.savez(path, allow_pickle=False, keys=np.frombuffer(keys.encode(), dtype=np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> Golden:
        """Read what `save` wrote. Raises `BundleError` for anything else."""
        try:
            arrays = read_arrays(path, _LARGEST_FILE)
            keys = _keys(arrays)
            return cls(tuple(_read_slice(arrays, number, SeriesKey(*key)) for number, key in enumerate(keys)))
        except DAMAGE as error:
            raise BundleError.at(path.name, "not golden rows", "a bundle written by candle-ml") from error


def _keys(arrays: Mapping[str, NDArray[Any]]) -> list[tuple[str, str]]:
    keys: list[tuple[str, str]] = json.loads(arrays["keys"].tobytes())
    if len(keys) > MOST_SLICES:
        raise ValueError("too many slices")
    return keys


def _read_slice(arrays: Mapping[str, NDArray[Any]], number: int, key: SeriesKey) -> GoldenSlice:
    names = ("time", "open", "high", "low", "close", "volume")
    columns = [arrays[f"{number}.{name}"] for name in names if name != "volume" or f"{number}.volume" in arrays]
    _check_candles(columns)
    return GoldenSlice(
        Candles(key, *columns), *(arrays[f"{number}.{name}"] for name in ("features", "windows", "probabilities"))
    )


def _check_candles(columns: list[NDArray[Any]]) -> None:
    """Raises `ValueError` for columns that indicators could not take."""
    time, *values = columns
    if any(column.shape != (len(time),) for column in columns) or (np.diff(time) <= 0).any():
        raise ValueError("columns of different lengths, or times out of order")
    if time.dtype != np.int64 or any(column.dtype != np.float64 for column in values):
        raise ValueError("columns of another type")
    if not all(np.isfinite(column).all() for column in values):
        raise ValueError("values that are not finite")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a replay has shown.

    `mode` is `exact` (same versions: every bit equal) or `equal` (other versions, named in `differing`: features within
    4 units in the last place, probabilities within 1e-6).
    """

    mode: str
    rows: int
    largest_ulp: int
    largest_difference: float
    differing: tuple[str, ...] = ()


def make_golden(predictor: Predictor, ends: Sequence[tuple[Candles, int]]) -> Golden:
    """Golden slices that end at the given candle index of each series, with just enough candles before them."""
    history = _history(predictor)
    slices = []
    for candles, end in ends:
        part = candles[max(0, end + 1 - history) : end + 1]
        slices.append(GoldenSlice(part, *_compute(predictor, part)))
    return Golden(tuple(slices))


def replay(predictor: Predictor, golden: Golden, made_with: Versions) -> Receipt:
    """Compute the golden rows again. Raises `BundleError` that says which slice differs and by how much."""
    receipt = compare(predictor, golden, made_with)
    _judge(receipt)
    return receipt


def compare(predictor: Predictor, golden: Golden, made_with: Versions) -> Receipt:
    """How far what a predictor computes is from golden rows. Raises `BundleError` where the shapes differ."""
    differing = differences(made_with, current_versions(tuple(made_with.packages)))
    ulp, difference, rows = 0, 0.0, 0
    for number, part in enumerate(golden.slices):
        where = f"golden slice {number + 1} ({part.candles.key})"
        if len(part.candles) > _history(predictor):
            raise BundleError.at(where, f"{len(part.candles)} candles", f"at most {_history(predictor)}")
        features, windows, probabilities = _compute(predictor, part.candles)
        ulp = max(ulp, _ulp(where, part.features, features), _ulp(where, part.windows, windows))
        difference = max(difference, _difference(where, part.probabilities, probabilities))
        rows += len(probabilities)
    return Receipt("equal" if differing else "exact", rows, ulp, difference, differing)


def current_versions(packages: Sequence[str] = ()) -> Versions:
    """Versions of Python and of the packages that compute something here; `cpu` names the vector instructions."""
    found = {}
    for name in dict.fromkeys((*COMPUTING_PACKAGES, *packages)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    found["cpu"] = " ".join((platform.machine(), *simd.get("found", ())))
    return Versions(python=platform.python_version(), packages=found)


def differences(made_with: Versions, here: Versions) -> tuple[str, ...]:
    """What differs between two sets of versions, as `name: made with x, here y`."""
    ours, theirs = {"Python": here.python, **here.packages}, {"Python": made_with.python, **made_with.packages}
    return tuple(
        f"{name}: made with {theirs.get(name, 'none')}, here {ours.get(name, 'none')}"
        for name in theirs
        if theirs.get(name) != ours.get(name)
    )


def _history(predictor: Predictor) -> int:
    """Candles that a slice needs, and no more."""
    return predictor.recipe.plan.lookback + predictor.recipe.encoder.longest_window - 1 + GOLDEN_ROWS


def _compute(
    predictor: Predictor, candles: Candles
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    samples, raw = predictor.scan(candles)
    rows = samples.last >= len(candles) - GOLDEN_ROWS
    kept: Samples = samples.take(rows)
    features = predictor.recipe.features(candles).matrix[-GOLDEN_ROWS:]
    return features, window_features(predictor.recipe.plan, candles, kept.first, kept.last), raw[rows]


def _ulp(where: str, expected: NDArray[np.float32], found: NDArray[np.float32]) -> int:
    """Largest distance in units in the last place; NaN equals NaN only."""
    if expected.shape != found.shape or not np.array_equal(np.isnan(expected), np.isnan(found)):
        raise BundleError.at(where, f"features of shape {found.shape}", f"the {expected.shape} of training")
    known = ~np.isnan(expected)
    if not known.any():
        return 0
    distance = np.abs(_ordered(expected[known]) - _ordered(found[known]))
    return int(distance.max())


def _ordered(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Integers in the order of the floats, neighbours one apart, both zeros 0."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _difference(where: str, expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    if expected.shape != found.shape:
        raise BundleError.at(where, f"probabilities of shape {found.shape}", f"the {expected.shape} of training")
    return float(np.abs(expected - found).max(initial=0.0))


def _judge(receipt: Receipt) -> None:
    allowed_ulp = 0 if receipt.mode == "exact" else LARGEST_ULP
    allowed_difference = 0.0 if receipt.mode == "exact" else LARGEST_DIFFERENCE
    found = f"features differ by {receipt.largest_ulp} ulp, probabilities by {receipt.largest_difference:.3g}"
    expected = f"at most {allowed_ulp} ulp and {allowed_difference:g}"
    if receipt.differing:
        expected += f" ({'; '.join(receipt.differing)})"
    # NaN probabilities compare False with everything, so the test is for what is allowed.
    if not (receipt.largest_ulp <= allowed_ulp and receipt.largest_difference <= allowed_difference):
        raise BundleError.at("golden rows", found, expected)

"""Features: one plan over the configured extractors, and the checked matrices that they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.components import CandleFeatures, FeatureExtractor, WindowFeatures
from candle_ml.errors import DataError, PluginError, Problem
from candle_ml.plugins import called

Extractor = TypeVar("Extractor", CandleFeatures, WindowFeatures)

TOLERANCE = 1e-9
"""Largest difference of two values that count as one, in standard deviations of their column."""
_LARGEST_STEP = 1e-3
_ANY_CANDLES = "the contract is features of any number of candles"


class RawColumns:
    """The candle columns themselves: the features where no extractor is configured."""

    scope: Literal["candle"] = "candle"
    lookback = 0

    def __init__(self, volume: bool) -> None:
        self.needs_volume = volume
        self.columns: tuple[str, ...] = ("open", "high", "low", "close") + (("volume",) if volume else ())

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 4)` or, with volume, `(n, 5)`."""
        return np.stack([getattr(candles, name) for name in self.columns], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Named(Generic[Extractor]):
    """An extractor and the name that errors call it by."""

    name: str
    extractor: Extractor


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The extractors in their configured order and what is known of their features before any candle is read.

    `lookback` is the longest of all, in candles; `needs_volume` names the extractors that need volume.
    """

    candle_extractors: tuple[Named[CandleFeatures], ...]
    window_extractors: tuple[Named[WindowFeatures], ...]
    candle_columns: tuple[str, ...]
    window_columns: tuple[str, ...]
    lookback: int
    needs_volume: tuple[str, ...]


def plan(
    extractors: Sequence[FeatureExtractor], names: Sequence[str] | None = None, raw_volume: bool = False
) -> FeaturePlan:
    """The plan of these extractors; of none at all: the raw candle columns, with volume where `raw_volume`.

    `names` are what errors call the extractors (default: their class names). Raises `PluginError` where an extractor
    declares itself wrongly, and where two features have one name.
    """
    if not extractors:
        extractors, names = (RawColumns(volume=raw_volume),), ("raw candle columns",)
    names = names or [type(extractor).__name__ for extractor in extractors]
    _check_declared(extractors, names)
    _check_names(extractors, names)
    named = tuple(zip(names, extractors, strict=True))
    candle = tuple(Named(name, one) for name, one in named if one.scope == "candle")
    window = tuple(Named(name, one) for name, one in named if one.scope == "window")
    return FeaturePlan(
        candle_extractors=candle,
        window_extractors=window,
        candle_columns=tuple(column for one in candle for column in one.extractor.columns),
        window_columns=tuple(column for one in window for column in one.extractor.columns),
        lookback=max(one.lookback for one in extractors),
        needs_volume=tuple(name for name, one in named if one.needs_volume),
    )


def candle_features(plan: FeaturePlan, candles: Candles) -> NDArray[np.float32]:
    """The candle features, C-contiguous `(n_candles, n_candle_columns)`; NaN in each extractor's first rows only.

    Raises `DataError` where volume is needed and missing, `PluginError` where an extractor breaks its contract.
    """
    _require_volume(plan, candles)
    matrix = np.empty((len(candles), len(plan.candle_columns)), dtype=np.float32)
    column = 0
    for named in plan.candle_extractors:
        block = _candle_block(named, candles)
        matrix[:, column : column + block.shape[1]] = block
        matrix[: named.extractor.lookback, column : column + block.shape[1]] = np.nan
        column += block.shape[1]
    return matrix


def window_features(
    plan: FeaturePlan, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The features of windows `[first, last]`, C-contiguous `(n_windows, n_window_columns)`.

    NaN exactly where `first` is less than an extractor's lookback. Raises as `candle_features` does.
    """
    _require_volume(plan, candles)
    matrix = np.empty((len(first), len(plan.window_columns)), dtype=np.float32)
    column = 0
    for named in plan.window_extractors:
        block = _window_block(named, candles, first, last)
        matrix[:, column : column + block.shape[1]] = block
        matrix[first < named.extractor.lookback, column : column + block.shape[1]] = np.nan
        column += block.shape[1]
    return matrix


def agreeing(
    found: NDArray[np.float32], expected: NDArray[np.float32], scale: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where two matrices `(n, k)` hold the same: equal, both missing, or within 1e-9 of the column's deviation.

    One step of `float32` is let pass beside it, which is how sums in another order come to differ, unless it is more
    than a thousandth of `scale`, the columns' deviations: a step that matters in its column can carry what it tells.
    """
    step = np.spacing(np.abs(expected)).astype(np.float64)
    allowed = TOLERANCE * scale + np.where(step <= _LARGEST_STEP * scale, step, 0.0)
    with np.errstate(invalid="ignore"):
        near = np.abs(found.astype(np.float64) - expected) <= allowed
    return np.asarray(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))


def wrongly_declared(extractor: object) -> list[tuple[str, str]]:
    """What an extractor says of itself that the core cannot use: what was found, and what the contract is."""
    scope, lookback, needs_volume, columns = (
        getattr(extractor, name, None) for name in ("scope", "lookback", "needs_volume", "columns")
    )
    wrong = []
    if scope not in ("candle", "window"):
        wrong.append((f"scope is {scope!r}", "the contract is 'candle' or 'window'"))
    if type(lookback) is not int or lookback < 0:
        wrong.append((f"lookback is {lookback!r}", "the contract is an int, 0 or more"))
    if type(needs_volume) is not bool:
        wrong.append((f"needs_volume is {needs_volume!r}", "the contract is a bool"))
    if not _are_names(columns):
        wrong.append((f"columns is {columns!r}", "the contract is a tuple of different names, one line each"))
    return wrong


def _are_names(columns: object) -> bool:
    if not isinstance(columns, tuple) or not columns:
        return False
    named = all(isinstance(name, str) and name.strip() == name != "" and name.isprintable() for name in columns)
    return named and len(set(columns)) == len(columns)


def _check_declared(extractors: Sequence[object], names: Sequence[str]) -> None:
    problems = [
        Problem(name, found, expected)
        for name, extractor in zip(names, extractors, strict=True)
        for found, expected in wrongly_declared(extractor)
    ]
    if problems:
        raise PluginError(*problems)


def _check_names(extractors: Sequence[FeatureExtractor], names: Sequence[str]) -> None:
    owner: dict[str, str] = {}
    for name, extractor in zip(names, extractors, strict=True):
        for column in extractor.columns:
            if column in owner:
                found = f"comes from {owner[column]} and from {name}"
                raise PluginError.at(f"feature {column}", found, "configure one of them")
            owner[column] = name


def _require_volume(plan: FeaturePlan, candles: Candles) -> None:
    if plan.needs_volume and candles.volume is None:
        who = ", ".join(plan.needs_volume)
        raise DataError.at(str(candles.key), "no volume", f"add the column or leave out what needs it: {who}")


def _candle_block(named: Named[CandleFeatures], candles: Candles) -> NDArray[np.float32]:
    with called(named.name, _ANY_CANDLES):
        block = named.extractor.extract(candles)
    _check_form(named.name, block, (len(candles), len(named.extractor.columns)))
    lookback = named.extractor.lookback
    _check_finite(named.name, named.extractor.columns, block[lookback:], np.arange(lookback, len(candles)))
    return block


def _window_block(
    named: Named[WindowFeatures], candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float32]:
    with called(named.name, _ANY_CANDLES):
        block = named.extractor.extract(candles, first, last)
    _check_form(named.name, block, (len(first), len(named.extractor.columns)))
    warm = first >= named.extractor.lookback
    _check_finite(named.name, named.extractor.columns, block if warm.all() else block[warm], last[warm])
    return block


def _check_form(name: str, block: NDArray[np.float32], shape: tuple[int, int]) -> None:
    if not isinstance(block, np.ndarray):
        raise PluginError.at(name, f"gave a {type(block).__name__}", "the contract is a float32 array")
    if block.dtype != np.float32:
        raise PluginError.at(name, f"gave {block.dtype} features", "the contract is float32")
    if block.shape != shape:
        raise PluginError.at(name, f"gave features of shape {block.shape}", f"the contract is {shape}")


def _check_finite(name: str, columns: tuple[str, ...], rows: NDArray[np.float32], candle: NDArray[np.int64]) -> None:
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        found = f"{rows[row, column]} at candle {candle[row]}"
        raise PluginError.at(f"{name}: feature {columns[column]}", found, "every value after the lookback is finite")

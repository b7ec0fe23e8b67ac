"""What the core relies on in a feature extractor, of candles or of windows.

A value is looked at as that of a window `[first, last]`; of a candle feature, both are the candle itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.components import Component, FeatureExtractor, Options
from candle_ml.features import wrongly_declared
from candle_ml.testing.examples import example_series
from candle_ml.testing.promises import Promise, require, require_close, require_same

_WINDOW_LENGTHS = (24, 7, 60)
_PLACES = 12


class Subject:
    """An extractor and what it gives for the example series."""

    def __init__(self, component: Component, options: Options) -> None:
        self._component = component
        self._options = options

    def build(self) -> FeatureExtractor:
        """A fresh extractor."""
        built: FeatureExtractor = self._component.build(self._options)
        return built

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """One extractor for several checks."""
        return self.build()

    @cached_property
    def series(self) -> tuple[Candles, ...]:
        """The example series that have what the extractor needs."""
        every = example_series(self.extractor.lookback + 240)
        return tuple(candles for candles in every if candles.volume is not None or not self.extractor.needs_volume)

    @cached_property
    def full(self) -> tuple[NDArray[np.float32], ...]:
        """The values of the windows of each example series."""
        return tuple(values(self.extractor, candles, *self.windows(candles)) for candles in self.series)

    def windows(self, candles: Candles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last candle of a window that ends at each candle, in changing lengths."""
        last = np.arange(len(candles), dtype=np.int64)
        if self.extractor.scope == "candle":
            return last, last
        first = last + 1 - np.array(_WINDOW_LENGTHS)[last % len(_WINDOW_LENGTHS)]
        return first[first >= 0], last[first >= 0]


def values(
    extractor: FeatureExtractor, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The features of windows `(n_windows, n_columns)`, whatever the scope, from a read-only copy of the candles."""
    alone = candles.detached()
    return extractor.extract(alone, first, last) if extractor.scope == "window" else extractor.extract(alone)[last]


def check_declares_itself(subject: Subject) -> None:
    """`scope`, `lookback`, `needs_volume` and unique, non-empty `columns` are known before any candle is read."""
    wrong = wrongly_declared(subject.extractor)
    require(not wrong, "; ".join(found for found, _ in wrong))


def check_gives_one_float32_row_each(subject: Subject) -> None:
    """The result is `float32` with one row for each candle, or window, and one column for each name."""
    for candles, full in zip(subject.series, subject.full, strict=True):
        expected = (len(subject.windows(candles)[0]), len(subject.extractor.columns))
        require(full.dtype == np.float32, f"{candles.key}: {full.dtype}")
        require(full.shape == expected, f"{candles.key}: shape {full.shape} instead of {expected}")


def check_warms_up_with_nan_then_is_finite(subject: Subject) -> None:
    """Values are finite from `lookback` on; of a candle extractor exactly the rows before are NaN, never 0."""
    lookback = subject.extractor.lookback
    for candles, full in zip(subject.series, subject.full, strict=True):
        warm = subject.windows(candles)[0] >= lookback
        bad = [subject.extractor.columns[column] for column in np.flatnonzero(~np.isfinite(full[warm]).all(axis=0))]
        require(not bad, f"{candles.key}: not finite after the lookback: {', '.join(bad)}")
        if subject.extractor.scope == "candle":
            early = [subject.extractor.columns[column] for column in np.flatnonzero(~np.isnan(full[~warm]).all(axis=0))]
            require(not early, f"{candles.key}: not NaN within the lookback: {', '.join(early)}")


def check_takes_short_series(subject: Subject) -> None:
    """No candle, one candle, or as many as the lookback give rows of NaN; no window gives no row."""
    for length in {0, 1, subject.extractor.lookback}:
        candles = subject.series[0][:length].detached()
        if subject.extractor.scope == "candle":
            result = subject.extractor.extract(candles)
            known = length - min(length, subject.extractor.lookback)
            require(int(np.isfinite(result).all(axis=1).sum()) == known, f"values for {length} candles")
        else:
            result = subject.extractor.extract(candles, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        rows = length if subject.extractor.scope == "candle" else 0
        expected = (rows, len(subject.extractor.columns))
        require(result.shape == expected, f"shape {result.shape} instead of {expected} for {length} candles")


def check_is_deterministic(subject: Subject) -> None:
    """The same candles give the same bits, from the same extractor and from one built anew."""
    for candles, full in zip(subject.series, subject.full, strict=True):
        for extractor in (subject.extractor, subject.build()):
            require_same(values(extractor, candles, *subject.windows(candles)), full, str(candles.key))


def check_leaves_its_input_alone(subject: Subject) -> None:
    """Candles are read, never written: writing into them raises."""
    for candles in subject.series:
        values(subject.extractor, candles, *subject.windows(candles))


def check_is_causal(subject: Subject) -> None:
    """Nothing after a candle, or after the last of a window, changes its value."""
    for candles, full in zip(subject.series, subject.full, strict=True):
        first, last = subject.windows(candles)
        for end in np.linspace(subject.extractor.lookback + 1, len(candles) - 1, _PLACES).astype(int).tolist():
            known = last < end
            part = values(subject.extractor, candles[:end], first[known], last[known])
            require_close(part, full[known], _scale(full), f"{candles.key} cut after {end} candles")


def check_lookback_is_enough(subject: Subject) -> None:
    """`lookback` candles before the first give the value of the full series within 1e-9 of the column's deviation."""
    lookback = subject.extractor.lookback
    for candles, full in zip(subject.series, subject.full, strict=True):
        first, last = subject.windows(candles)
        warm = np.flatnonzero(first >= lookback)
        for row in warm[np.linspace(0, len(warm) - 1, _PLACES).astype(int)].tolist():
            start = int(first[row]) - lookback
            window = np.array([lookback]), np.array([int(last[row]) - start])
            part = values(subject.extractor, candles[start : int(last[row]) + 1], *window)
            require_close(part, full[[row]], _scale(full), f"{candles.key} candle {last[row]}")


def check_says_whether_it_needs_volume(subject: Subject) -> None:
    """`needs_volume` is true where volume changes a value, and false where series without volume do as well."""
    candles = next(each for each in subject.series if each.volume is not None)
    windows = subject.windows(candles)
    known = values(subject.extractor, candles, *windows)
    if subject.extractor.needs_volume and candles.volume is not None:
        other = replace(candles, volume=candles.volume[::-1].copy())
        changed = values(subject.extractor, other, *windows)
        require(not np.array_equal(changed, known, equal_nan=True), "needs_volume is true, yet volume changes nothing")
    else:
        without = values(subject.extractor, replace(candles, volume=None), *windows)
        require_same(without, known, "needs_volume is false; without volume")


def _scale(full: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.nanstd(full.astype(np.float64), axis=0))


CHECKS: tuple[Promise, ...] = (
    check_declares_itself,
    check_gives_one_float32_row_each,
    check_warms_up_with_nan_then_is_finite,
    check_takes_short_series,
    check_is_deterministic,
    check_leaves_its_input_alone,
    check_is_causal,
    check_lookback_is_enough,
    check_says_whether_it_needs_volume,
)

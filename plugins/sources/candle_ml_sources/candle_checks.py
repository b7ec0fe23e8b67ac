"""Checked candles from the columns of one file or answer, with a reason for every row that is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import RejectedRow
from candle_ml.candles import Candles, SeriesKey, bad_rows
from candle_ml.errors import DataError, Problem
from candle_ml.sources import refuse

_CLOSEST = 0.5  # of the timeframe: sessions and daylight saving shorten a candle, but not by more
_USUAL = 0.9  # of the timeframe: February has 28 of 31 days
_SPARSE = 1.5  # of the timeframe

Reasons = dict[int, tuple[str, str]]
"""By row index, what was found and what would do."""
Rejecting = Callable[[Mapping[int, tuple[str, str]]], tuple[RejectedRow, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CandleRows:
    """What one file holds: candles, the number of each one's row (`int64`), rows set aside and notes."""

    where: str
    candles: Candles
    rows: NDArray[np.int64]
    rejected: tuple[RejectedRow, ...]
    notes: tuple[str, ...]

    def place(self, time: int) -> str | None:
        """How messages name the row of a time; None where the file has no candle then."""
        first, last = self.candles.index_range(time, time)
        return f"{self.where}: row {self.rows[first]}" if first == last else None


@dataclass(frozen=True, slots=True, eq=False)
class CandleColumns:
    """Columns of rows in any order; what stands in a row that cannot be used has no meaning."""

    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64] | None

    def candles(self, series: SeriesKey, rows: NDArray[np.int64]) -> Candles:
        """The candles of these rows."""
        volume = None if self.volume is None else self.volume[rows]
        return Candles(
            series, self.time[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows], volume
        )


def checked_candles(
    where: str,
    series: SeriesKey,
    columns: CandleColumns,
    reasons: Reasons,
    numbers: NDArray[np.int64],
    rejecting: Rejecting,
    notes: Sequence[str] = (),
) -> CandleRows:
    """Sort and check rows; `reasons` names those known to be bad, `numbers` how messages number each row.

    Raises `DataError` where no row is left, or candles stand too close for the timeframe.
    """
    reasons = dict(reasons)
    good = _others(len(columns.time), reasons)
    candles = columns.candles(series, good)
    for item in bad_rows(candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume):
        reasons[int(good[item.row])] = (item.found, item.expected)
    good = _others(len(columns.time), reasons)
    good = good[np.argsort(columns.time[good], kind="stable")]
    crowded = _crowded(where, series, columns.time[good])
    reasons.update({int(good[row]): reason for row, reason in crowded.items()})
    good = np.delete(good, list(crowded))
    rejected = rejecting(reasons)
    if not len(good):
        total = f"none of {len(rejected)} rows can be used"
        raise DataError(Problem(where, total, "rows of candles"), *refuse(where, rejected).problems)
    all_notes = (*notes, *_spacing_notes(where, series, columns.time[good]))
    return CandleRows(where, columns.candles(series, good), numbers[good], rejected, all_notes)


def _others(count: int, reasons: Reasons) -> NDArray[np.int64]:
    """Indices of the rows without a reason to set them aside."""
    good = np.ones(count, dtype=bool)
    good[list(reasons)] = False
    return np.flatnonzero(good)


def _crowded(where: str, series: SeriesKey, time: NDArray[np.int64]) -> Reasons:
    """Rows (of increasing times) that open too soon after the one before.

    Raises `DataError` where so many do that the timeframe must be wrong.
    """
    steps = np.diff(time)
    if len(steps) and np.median(steps) < _USUAL * series.seconds:
        found = f"candles open {np.median(steps):g} s apart (median), though the timeframe is {series.timeframe}"
        raise DataError.at(where, found, "the timeframe of the candles")
    closest = _CLOSEST * series.seconds
    if not (steps < closest).any():
        return {}
    reasons: Reasons = {}
    last = int(time[0])
    for row, opened in enumerate(time[1:].tolist(), start=1):
        if opened - last < closest:
            reasons[row] = (f"opens {opened - last} s after the candle before it", f"steps of {series.timeframe}")
        else:
            last = opened
    return reasons


def _spacing_notes(where: str, series: SeriesKey, time: NDArray[np.int64]) -> Sequence[str]:
    steps = np.diff(time)
    if not len(steps):
        return []
    notes = []
    short = steps[steps < _USUAL * series.seconds]
    if len(short):
        notes.append(f"{where}: {len(short)} candles last less than {series.timeframe}, the shortest {short.min()} s")
    if np.median(steps) > _SPARSE * series.seconds:
        apart = f"candles open {np.median(steps):g} s apart (median)"
        notes.append(f"{where}: {apart}, though the timeframe is {series.timeframe}")
    return notes

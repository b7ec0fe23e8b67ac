"""Measures of a window's shape that depend neither on its length nor on its price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml_features_talib.arrays import divisor, true_range, windowed_mean
from candle_ml_features_talib.window_paths import Windows

MEASURES = (
    "shape_slope",
    "shape_curvature",
    "shape_roughness",
    "shape_high_position",
    "shape_low_position",
    "shape_turning_points",
    "shape_rise",
    "shape_fall",
    "shape_retracement",
    "shape_efficiency",
    "shape_body_share",
    "shape_up_share",
    "shape_volatility_halves",
    "shape_volatility_before",
    "shape_trend_before",
    "shape_end_before",
)


@dataclass(frozen=True, slots=True)
class Before:
    """What stood before each candle of a series: `(n,)` each, NaN where fewer than `context` + 1 candles do.

    `true_range` is each candle's own; `mean_true_range`, `top`, `bottom`, `open` and `close` are of the `context`
    candles before it: their mean true range, highest high, lowest low, first open and last close.
    """

    true_range: NDArray[np.float64]
    mean_true_range: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    open: NDArray[np.float64]
    close: NDArray[np.float64]


def before(candles: Candles, context: int) -> Before:
    """What stood before each candle. `candles` has more than `context`."""
    count = len(candles)
    ranges = true_range(candles)
    return Before(
        true_range=ranges,
        mean_true_range=_later(windowed_mean(ranges, context), 1, count),
        top=_later(sliding_window_view(candles.high, context).max(axis=1), context, count),
        bottom=_later(sliding_window_view(candles.low, context).min(axis=1), context, count),
        open=_later(candles.open, context, count),
        close=_later(candles.close, 1, count),
    )


def measures(windows: Windows, before: Before, path: NDArray[np.float64], swing: float) -> NDArray[np.float64]:
    """The columns of `MEASURES`, `(m, 16)`; `path` holds the resampled closes."""
    columns = [*_trend(windows), *_extremes(windows), _turns(path, swing), *_moves(windows, path), *_bodies(windows)]
    return np.column_stack([*columns, *_volatility(windows, before), *_context(windows, before)])


def _later(values: NDArray[np.float64], candles: int, count: int) -> NDArray[np.float64]:
    """The values that many candles later, `(count,)`; NaN before the first."""
    return np.concatenate((np.full(candles, np.nan), values))[:count]


def _trend(windows: Windows) -> list[NDArray[np.float64]]:
    """Slope and curvature of the closes over the window (least squares, time from -1/2 to 1/2), and what they leave.

    The parabola is taken orthogonal to the line, so that the two are fitted one after the other.
    """
    time = (np.arange(windows.length) - (windows.length - 1) / 2) / max(windows.length - 1, 1)
    bend = time * time - np.mean(time * time)
    centred = windows.close - windows.close.mean(axis=1)[:, None]
    slope = (centred * _weights(time)).sum(axis=1)
    curvature = (centred * _weights(bend)).sum(axis=1)
    centred -= slope[:, None] * time
    centred -= curvature[:, None] * bend
    return [slope, curvature, np.sqrt((centred * centred).mean(axis=1))]


def _weights(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each close counts for in the least-squares coefficient along `direction`; 0 where that is all zero."""
    weights: NDArray[np.float64] = direction / (float((direction * direction).sum()) or 1.0)
    return weights


def _extremes(windows: Windows) -> list[NDArray[np.float64]]:
    """Where the highest high and the lowest low stand, from 0 to 1."""
    places = (windows.high.argmax(axis=1), windows.low.argmin(axis=1))
    return [(place + 0.5) / windows.length for place in places]


def _turns(path: NDArray[np.float64], swing: float) -> NDArray[np.float64]:
    """How often the path turns, counting a turn once it has undone `swing` of the window's range."""
    top, bottom = path[:, 0].copy(), path[:, 0].copy()
    heading = np.zeros(len(path), dtype=np.int8)
    turns = np.zeros(len(path))
    for price in path.T[1:]:
        np.maximum(top, price, out=top)
        np.minimum(bottom, price, out=bottom)
        falls = (heading != -1) & (top - price >= swing)
        rises = (heading != 1) & (price - bottom >= swing) & ~falls
        turns += (falls | rises) & (heading != 0)
        heading[falls], heading[rises] = -1, 1
        bottom[falls], top[rises] = price[falls], price[rises]
    return turns


def _moves(windows: Windows, path: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Largest rise and fall, how much of the last great move is undone at the end, net change over the path's way."""
    rise = windows.high[:, 1:] - np.minimum.accumulate(windows.low, axis=1)[:, :-1]
    fall = np.maximum.accumulate(windows.high, axis=1)[:, :-1] - windows.low[:, 1:]
    end = windows.close[:, -1]
    rose_last = windows.high.argmax(axis=1) >= windows.low.argmin(axis=1)
    way = np.abs(np.diff(path, axis=1)).sum(axis=1)
    return [
        rise.max(axis=1, initial=0.0),
        fall.max(axis=1, initial=0.0),
        np.where(rose_last, 1.0 - end, end),
        np.abs(end - windows.close[:, 0]) / divisor(way),
    ]


def _bodies(windows: Windows) -> list[NDArray[np.float64]]:
    """Bodies' share of the candles' ranges, and the share of candles that close above their open."""
    bodies = np.abs(windows.close - windows.open).sum(axis=1)
    ranges = (windows.high - windows.low).sum(axis=1)
    return [bodies / divisor(ranges), (windows.close > windows.open).mean(axis=1)]


def _volatility(windows: Windows, before: Before) -> list[NDArray[np.float64]]:
    """True range of the second half against the first, and of the window against the candles before it.

    A ratio a : b is given as a / (a + b), so 0.5 is "no change".
    """
    ranges = sliding_window_view(before.true_range, windows.length)[windows.first]
    half = windows.length // 2
    halves = _share(ranges[:, windows.length - half :].sum(axis=1), ranges[:, :half].sum(axis=1))
    return [halves, _share(ranges.mean(axis=1), before.mean_true_range[windows.first])]


def _context(windows: Windows, before: Before) -> list[NDArray[np.float64]]:
    """How far the candles before had moved within their range, and where the window ends relative to that range."""
    bottom = before.bottom[windows.first]
    size = divisor(before.top[windows.first] - bottom)
    moved = before.close[windows.first] - before.open[windows.first]
    end = windows.bottom + windows.close[:, -1] * windows.size
    return [moved / size, (end - bottom) / size]


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(part + rest == 0.0, 0.5, part / divisor(part + rest))

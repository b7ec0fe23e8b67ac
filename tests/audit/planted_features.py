"""Extractors that look ahead, each in one well-known way, and twins of some that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import find_peaks

from candle_ml.candles import Candles, SeriesKey

HOUR = 3600
Compute = Callable[[Candles], NDArray[np.float64]]


class Planted:
    """An extractor of one column."""

    scope: Literal["candle"] = "candle"
    needs_volume = False

    def __init__(self, column: str, lookback: int, compute: Compute) -> None:
        self.columns = (column,)
        self.lookback = lookback
        self._compute = compute

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`, NaN in the first `lookback` rows."""
        values = np.asarray(self._compute(candles), dtype=np.float32).reshape(-1, 1).copy()
        values[: self.lookback] = np.nan
        return values


def centred_rolling(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return np.asarray((close / close.rolling(5, center=True, min_periods=1).mean()).to_numpy())


def past_rolling(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return np.asarray((close / close.rolling(5).mean()).to_numpy())


def shifted_back(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return (close.shift(-1) / close - 1).fillna(0.0).to_numpy()


def filled_backwards(candles: Candles) -> NDArray[np.float64]:
    """The body's share of the range, undefined where a candle has no range."""
    share = pd.Series(candles.close - candles.open) / pd.Series(candles.high - candles.low).replace(0.0, np.nan)
    return np.asarray(share.bfill().fillna(0.0).to_numpy())


def scaled_by_the_series(candles: Candles) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = (candles.close - candles.close.mean()) / (candles.close.std() or 1.0)
    return scaled


def gradient(candles: Candles) -> NDArray[np.float64]:
    if len(candles) < 2:
        return np.zeros(len(candles))
    return np.asarray(np.gradient(np.log(candles.close)))


def _four_hours(candles: Candles) -> pd.DataFrame:
    """Each candle's bucket of four hours, and the last close in it."""
    frame = pd.DataFrame({"close": candles.close, "bucket": candles.time // (4 * HOUR)})
    return frame.assign(merged=frame.groupby("bucket")["close"].transform("last"))


def merged_while_open(candles: Candles) -> NDArray[np.float64]:
    frame = _four_hours(candles)
    return (frame["close"] / frame["merged"]).to_numpy()


def merged_when_closed(candles: Candles) -> NDArray[np.float64]:
    frame = _four_hours(candles)
    last = frame.groupby("bucket")["close"].last()
    before = frame["bucket"].map(dict(zip(last.index[1:], last.to_numpy()[:-1], strict=True)))
    return (frame["close"] / before).fillna(1.0).to_numpy()


def next_breaks_out(candles: Candles) -> NDArray[np.float64]:
    breaks = np.zeros(len(candles))
    breaks[:-1] = candles.high[1:] > candles.high[:-1]
    return breaks


def candles_from_the_top(candles: Candles) -> NDArray[np.float64]:
    return np.asarray(np.arange(len(candles)) - int(np.argmax(candles.close)), dtype=np.float64)


def slow_average(candles: Candles) -> NDArray[np.float64]:
    close = pd.Series(candles.close)
    return (close / close.ewm(span=200, adjust=False).mean()).to_numpy()


def far_away(candles: Candles) -> NDArray[np.float64]:
    """The return of the next 40 candles, where there are so many."""
    coming = np.zeros(len(candles))
    if len(candles) > 40:
        coming[:-40] = np.log(candles.close[40:] / candles.close[:-40])
    return coming


def centred_wide(candles: Candles) -> NDArray[np.float64]:
    """How far the close is above its centred mean of 101, where there is one."""
    close = pd.Series(np.log(candles.close))
    return np.asarray((close - close.rolling(101, center=True).mean()).fillna(0.0).to_numpy())


def peaks(candles: Candles) -> NDArray[np.float64]:
    """1 at tops and -1 at bottoms that stand out by 15 %."""
    turns = np.zeros(len(candles))
    close = np.log(candles.close)
    for side in (1, -1):
        turns[find_peaks(side * close, prominence=0.15)[0]] = side
    return turns


def years_away(candles: Candles) -> NDArray[np.float64]:
    """The return of the next 700 candles, where there are so many."""
    coming = np.zeros(len(candles))
    if len(candles) > 700:
        coming[:-700] = np.log(candles.close[700:] / candles.close[:-700])
    return coming


def open_week(candles: Candles) -> NDArray[np.float64]:
    """The close of the week over that of the day, of daily candles alone."""
    if candles.key.timeframe != "1d":
        return np.zeros(len(candles))
    frame = pd.DataFrame({"close": candles.close, "week": (candles.time // 86400 + 3) // 7})
    return (frame.groupby("week")["close"].transform("last") / frame["close"]).to_numpy()


def before_holidays(candles: Candles) -> NDArray[np.float64]:
    """Whether the next candle is more than three days away."""
    return np.append(np.diff(candles.time) > 3 * 86400, False)[: len(candles)].astype(np.float64)


def smoothed_when_long(candles: Candles) -> NDArray[np.float64]:
    """The close over its centred mean of five, in series of more than a thousand candles."""
    return centred_rolling(candles) if len(candles) > 1000 else np.ones(len(candles))


def at_last_month(candles: Candles) -> NDArray[np.float64]:
    """The last close of the month before, which has closed."""
    month = pd.Series(candles.time).floordiv(30 * 86400)
    closes = pd.Series(candles.close).groupby(month).last().shift(1)
    return (candles.close / month.map(closes).fillna(1.0)).to_numpy()


def shifted_in_place(candles: Candles) -> NDArray[np.float64]:
    """The next close, written over the close of the candles themselves."""
    candles.close[:-1] = candles.close[1:]
    return candles.close


def last_bit(candles: Candles) -> NDArray[np.float64]:
    """Whether the next five candles rise, told in the last bit of a `float32`."""
    rises = np.zeros(len(candles), dtype=bool)
    rises[:-5] = candles.close[5:] > candles.close[:-5]
    return np.where(rises, np.nextafter(np.float32(1), np.float32(2)), np.float32(1)).astype(np.float64)


def through_the_base(candles: Candles) -> NDArray[np.float64]:
    """The return of the next five candles, read from the array that the close is a part of."""
    whole = candles.close if candles.close.base is None else np.asarray(candles.close.base)
    place = candles.close.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    coming = np.zeros(len(whole))
    coming[:-5] = np.log(whole[5:] / whole[:-5])
    return coming[place // 8 : place // 8 + len(candles)]


def summed_cumulatively(candles: Candles) -> NDArray[np.float64]:
    """The close over its mean of 20, whose last bits hang on how far the sums have come."""
    sums = np.concatenate(([0.0], np.cumsum(candles.close)))
    share = np.ones(len(candles))
    share[19:] = candles.close[19:] / ((sums[20:] - sums[:-20]) / 20)
    return share


class AfterTheWindow:
    """A window extractor that looks at one candle after the window."""

    scope: Literal["window"] = "window"
    columns = ("next_move",)
    lookback = 0
    needs_volume = False

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """`(n_windows, 1)`."""
        after = np.minimum(last + 1, len(candles) - 1)
        return (candles.close[after] / candles.close[last]).astype(np.float32).reshape(-1, 1)


class OtherSeries:
    """Looks up the longer candles of the same market among the series that it has seen.

    With `closed` it takes the last one that has closed, else the one that is open.
    """

    scope: Literal["candle"] = "candle"
    columns = ("longer_close",)
    lookback = 8
    needs_volume = False

    def __init__(self, closed: bool) -> None:
        self._closed = closed
        self._seen: dict[SeriesKey, Candles] = {}

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n, 1)`."""
        self._seen[candles.key] = candles
        ends = candles.time + candles.key.seconds
        longer = self._seen.get(SeriesKey(candles.key.pair, "4h"))
        values = np.ones(len(candles))
        if longer is not None and candles.key != longer.key:
            known = longer.time + longer.key.seconds if self._closed else longer.time
            place = np.searchsorted(known, ends if self._closed else candles.time, side="right") - 1
            values = np.where(place >= 0, candles.close / longer.close[np.maximum(place, 0)], 1.0)
        result = values.astype(np.float32).reshape(-1, 1)
        result[: self.lookback] = np.nan
        return result

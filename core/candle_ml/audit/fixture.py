"""What is audited: made candles of several series and two timeframes, annotated, the same every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.dataset import Dataset, SeriesData, content_hash

VERSION = 2
"""Changes with every change of the fixture, so that no earlier audit stands for a new one."""

LABELS = ("audit_flag", "audit_top", "audit_wedge")
_START = 1_577_836_800  # 2020-01-01T00:00:00Z
_DAY = 86_400
_HOURS_MERGED = 4


def fixture_candles(count: int) -> tuple[Candles, ...]:
    """Three series of `count` candles: one market by the hour and by four hours, and another by 15 minutes.

    The first market has volume, and its hours are the last ones of the longer candles. The other has neither volume nor
    weekends, and prices far below 1. All have trends, gaps, candles without range, repeated closes and no trades, and
    none can be written into.
    """
    hours = _walk(SeriesKey("AUDIT", "1h"), count * _HOURS_MERGED, 1, 100.0, 0.01)
    quarters = _walk(SeriesKey("TINY", "15m"), count, 2, 0.0004, 1e-8)
    time = _without_weekends(count, 900)
    other = Candles(quarters.key, time, quarters.open, quarters.high, quarters.low, quarters.close)
    return hours[len(hours) - count :].detached(), _merged(hours).detached(), other.detached()


def fixture_dataset(count: int, longest: int) -> Dataset:
    """The candles of two series of `count`, with spans of up to `longest` candles, in three labels and `O`.

    Spans keep apart from each other; reviewed ranges leave the start, a stretch in the middle and the end unseen.
    """
    series = {}
    for number, candles in enumerate(fixture_candles(count)[:2]):
        ranges = [(count // 50, count * 2 // 5), (count // 2, count * 49 // 50)]
        annotations = _annotations(candles, ranges, longest, number)
        reviewed = tuple(
            ReviewedRange(candles.key, int(candles.time[first]), int(candles.time[last])) for first, last in ranges
        )
        series[candles.key] = SeriesData(candles, annotations, reviewed)
    return Dataset(series, {}, (), (), content_hash(series))


def _annotations(candles: Candles, ranges: list[tuple[int, int]], longest: int, seed: int) -> tuple[Annotation, ...]:
    random = np.random.default_rng(seed)
    found: list[Annotation] = []
    for start, end in ranges:
        first = start + 2
        while True:
            last = first + int(random.integers(max(1, longest // 3), longest + 1)) - 1
            if last > end:
                break
            label = (*LABELS, NO_PATTERN)[len(found) % 4]
            times = int(candles.time[first]), int(candles.time[last])
            found.append(Annotation(f"span:{len(found)}", candles.key, *times, label))
            first = last + 2 + int(random.integers(longest // 2, 2 * longest + 1))
    return tuple(found)


def _walk(key: SeriesKey, count: int, seed: int, price: float, tick: float) -> Candles:
    """A random walk in whole ticks whose volatility and trend change."""
    random = np.random.default_rng(seed)
    position = np.arange(count)
    volatility = 0.008 * np.exp(0.6 * np.sin(position / 37) + 0.3 * random.standard_normal(count))
    step = volatility * random.standard_normal(count) + 0.002 * np.sin(position / 23)
    gap = np.where(random.random(count) < 0.1, 0.5 * volatility * random.standard_normal(count), 0.0)
    still = random.random(count) < 0.04
    step[still], gap[still] = 0.0, 0.0
    wicks = volatility * np.abs(random.standard_normal((2, count))) * ~still
    # Pulled back to the start, so that prices stay in the range of their ticks however long the series is.
    level = _pulled_back(step + gap, 0.01)
    close, open_ = (np.round(price * np.exp(each) / tick) * tick for each in (level, level - step))
    high = np.round(np.maximum(open_, close) * np.exp(wicks[0]) / tick) * tick
    low = np.round(np.minimum(open_, close) * np.exp(-wicks[1]) / tick) * tick
    volume = np.round(1000 * np.exp(random.standard_normal(count)) * ~still)
    time = _START + key.seconds * np.arange(count, dtype=np.int64)
    return Candles(key, time, open_, np.maximum(high, close), np.minimum(low, close), close, volume)


def _pulled_back(steps: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    level = np.empty(len(steps))
    now = 0.0
    for number, step in enumerate(steps.tolist()):
        now += step - share * now
        level[number] = now
    return level


def _merged(hours: Candles) -> Candles:
    """The same market in longer candles."""

    def grouped(values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        return np.asarray(values).reshape(-1, _HOURS_MERGED)

    key = SeriesKey(hours.key.pair, f"{_HOURS_MERGED}h")
    return Candles(
        key,
        hours.time[::_HOURS_MERGED],
        grouped(hours.open)[:, 0].copy(),
        grouped(hours.high).max(axis=1),
        grouped(hours.low).min(axis=1),
        grouped(hours.close)[:, -1].copy(),
        grouped(hours.volume).sum(axis=1),
    )


def _without_weekends(count: int, seconds: int) -> NDArray[np.int64]:
    """Opens at every step of a working day; 1970-01-01 was a Thursday."""
    every = _START + seconds * np.arange(count * 7 // 5 + 2 * _DAY // seconds, dtype=np.int64)
    return every[(every // _DAY + 3) % 7 < 5][:count]

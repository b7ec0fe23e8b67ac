"""Real daily candles, and made ones that look like other markets."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import bokeh_sampledata
import numpy as np
import pytest
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey

DAY = 86_400
STEPS = 8
MARKETS = {  # price, change a candle, tick
    "stock": (50.0, 0.01, 0.01),
    "coarse": (5.0, 0.02, 0.01),
    "index": (4000.0, 0.002, 0.25),
    "forex": (1.08, 0.0005, 1e-5),
    "unrounded": (120.0, 0.01, None),
    "token": (2e-7, 0.01, 1e-10),
}


def series(name: str, columns: list[NDArray[np.float64]]) -> Candles:
    time = np.arange(len(columns[0]), dtype=np.int64) * DAY
    return Candles(SeriesKey(name, "1d"), time, *columns)


@cache
def stocks() -> dict[str, Candles]:
    """Daily candles of AAPL, GOOG, IBM and MSFT from 2000 to 2013."""
    file = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"
    with gzip.open(file, "rt") as text:
        rows = sorted(csv.DictReader(text), key=lambda row: row["Date"])
    names = ("Open", "High", "Low", "Close", "Volume")
    found = {}
    for ticker in ("AAPL", "GOOG", "IBM", "MSFT"):
        own = [row for row in rows if row["Ticker"] == ticker]
        found[ticker] = series(ticker, [np.array([float(row[name]) for row in own]) for name in names])
    return found


@cache
def market(name: str, count: int = 3000) -> Candles:
    """A random walk of `count` candles, rounded to its tick as exchanges quote it."""
    price, change, tick = MARKETS[name]
    random = np.random.default_rng(list(MARKETS).index(name))
    path = price * np.exp(np.cumsum(random.standard_normal(count * STEPS)) * change / np.sqrt(STEPS))
    if tick:
        path = np.round(np.maximum(np.round(path / tick), 1.0) * tick, 10)
    steps = path.reshape(count, STEPS)
    volume = np.floor(random.lognormal(8.0, 1.0, count))
    prices = (steps[:, 0], steps.max(axis=1), steps.min(axis=1), steps[:, -1])
    return series(name, [*(np.ascontiguousarray(price) for price in prices), volume])


def multiplied(candles: Candles, factor: float) -> Candles:
    """The same candles in another unit of price."""
    return replace(
        candles,
        open=candles.open * factor,
        high=candles.high * factor,
        low=candles.low * factor,
        close=candles.close * factor,
    )


def flat(count: int) -> Candles:
    """Candles that never move and never trade."""
    return series("flat", [*[np.full(count, 7.3) for _ in range(4)], np.zeros(count)])


ALL_SERIES = ("AAPL", "GOOG", "IBM", "MSFT", *MARKETS)


def named_series(name: str) -> Candles:
    return market(name) if name in MARKETS else stocks()[name]


def random_starts(candles: Candles, count: int, room: int) -> list[int]:
    """Starts of slices that leave `room` candles."""
    drawn: list[int] = np.random.default_rng(len(candles)).integers(1, len(candles) - room, count).tolist()
    return drawn


@pytest.fixture(params=ALL_SERIES)
def candles(request: pytest.FixtureRequest) -> Candles:
    """Each real and each made series."""
    return named_series(request.param)


@pytest.fixture(scope="session")
def all_candles() -> list[Candles]:
    """Every series."""
    return [named_series(name) for name in ALL_SERIES]


@pytest.fixture
def apple() -> Candles:
    """Real daily candles of AAPL."""
    return stocks()["AAPL"]


@pytest.fixture
def in_unit() -> Callable[[Candles, float], Candles]:
    """Multiplies all prices."""
    return multiplied


@pytest.fixture
def flat_candles() -> Callable[[int], Candles]:
    """Makes candles that never move and never trade."""
    return flat


@pytest.fixture(scope="session")
def starts() -> Callable[[Candles, int, int], list[int]]:
    """Draws starts of slices: of these candles, so many, with that many candles after each."""
    return random_starts

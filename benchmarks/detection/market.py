"""Made candles that behave like traded ones: fat tails, volatility clusters and regimes, trends, gaps, volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey

KEY = SeriesKey("MADE", "1h")
FIRST_TIME = 1_500_000_000 // 3600 * 3600

Floats = NDArray[np.float64]
Draw = Callable[[int], Floats]

_PATH_STEPS = 12
_TAIL_FREEDOM = 4.0
_GAP_SHARE, _GAP_SIZE, _SMALL_GAP = 0.04, 0.9, 0.06
_REGIMES = np.log([0.0025, 0.005, 0.010, 0.018])
_REGIME_CANDLES, _TREND_CANDLES = 700, 120
_VOLATILITY_MEMORY, _VOLATILITY_SHOCK = 0.97, 0.09
_TREND_STRENGTH = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Bricks:
    """Candles cut loose from their price: `n` of them, `float64`, lengths in logarithms of the price.

    `gap` leads from the close before to the open, `body` from open to close; `upper` and `lower` are the wicks beyond
    the body, at least zero. `volatility` is what a body is expected to be, before fat tails; `volume` is above zero.
    """

    gap: Floats
    body: Floats
    upper: Floats
    lower: Floats
    volume: Floats
    volatility: Floats

    def __len__(self) -> int:
        return len(self.gap)

    @property
    def step(self) -> Floats:
        """From the close before to the close."""
        return self.gap + self.body

    def rearranged(self, order: NDArray[np.int64], flipped: NDArray[np.bool_]) -> Bricks:
        """The bricks in another order, some of them upside down; `volatility` stays where it was."""
        sign = np.where(flipped, -1.0, 1.0)
        return Bricks(
            gap=self.gap[order] * sign,
            body=self.body[order] * sign,
            upper=np.where(flipped, self.lower[order], self.upper[order]),
            lower=np.where(flipped, self.upper[order], self.lower[order]),
            volume=self.volume[order],
            volatility=self.volatility,
        )

    def __getitem__(self, rows: slice) -> Bricks:
        columns = (self.gap, self.body, self.upper, self.lower, self.volume, self.volatility)
        return Bricks(*(column[rows] for column in columns))


def bricks(count: int, rng: np.random.Generator) -> Bricks:
    """`count` candles of a market without any planted pattern."""
    volatility = _volatility(count, rng)
    tails = rng.standard_t(_TAIL_FREEDOM, count) / np.sqrt(_TAIL_FREEDOM / (_TAIL_FREEDOM - 2))
    body = volatility * (tails + _trend(count, rng))
    upper, lower = _wicks(body, volatility, rng)
    activity = np.abs(body) / volatility + 0.5 * (upper + lower) / volatility
    volume = np.exp(7.0 + 0.5 * np.log(0.3 + activity) + 0.35 * rng.standard_normal(count) + _memory(count, 0.95, rng))
    return Bricks(_gaps(volatility, rng), body, upper, lower, volume, volatility)


def candles(parts: Bricks, last_price: float = 100.0) -> Candles:
    """The bricks stacked upon each other so that they end at a price."""
    close = np.cumsum(parts.step)
    close += np.log(last_price) - close[-1]
    opened = close - parts.body
    high = np.exp(np.maximum(opened, close) + parts.upper)
    low = np.exp(np.minimum(opened, close) - parts.lower)
    opened, close = np.clip(np.exp(opened), low, high), np.clip(np.exp(close), low, high)
    time = FIRST_TIME + KEY.seconds * np.arange(len(parts), dtype=np.int64)
    return Candles.from_columns(KEY, time, opened, high, low, close, np.round(parts.volume))


def _volatility(count: int, rng: np.random.Generator) -> Floats:
    """Regimes that last hundreds of candles, and clusters that die away within them."""
    regime = _levels(count, _REGIME_CANDLES, lambda size: rng.choice(_REGIMES, size), rng)
    smooth = np.convolve(np.pad(regime, 12, mode="edge"), np.full(25, 1 / 25), mode="valid")
    return np.exp(smooth + _memory(count, _VOLATILITY_MEMORY, rng, _VOLATILITY_SHOCK))


def _trend(count: int, rng: np.random.Generator) -> Floats:
    """Drift, in units of the volatility, that holds for a while and then turns or rests."""
    return _levels(count, _TREND_CANDLES, lambda size: rng.normal(0.0, _TREND_STRENGTH, size), rng)


def _levels(count: int, duration: int, draw: Draw, rng: np.random.Generator) -> Floats:
    """Levels that hold for a random number of candles, `duration` on average."""
    lengths = 1 + rng.geometric(1 / duration, size=2 + 4 * count // duration)
    lengths[-1] = count
    return np.repeat(draw(len(lengths)), lengths)[:count]


def _memory(count: int, memory: float, rng: np.random.Generator, shock: float = 0.1) -> Floats:
    """An autoregressive process of order one."""
    from scipy.signal import lfilter

    values: Floats = lfilter([1.0], [1.0, -memory], shock * rng.standard_normal(count))
    return values


def _gaps(volatility: Floats, rng: np.random.Generator) -> Floats:
    """Mostly slips between close and open, now and then a gap."""
    size = np.where(rng.random(len(volatility)) < _GAP_SHARE, _GAP_SIZE, _SMALL_GAP)
    return volatility * size * rng.standard_normal(len(volatility))


def _wicks(body: Floats, volatility: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """How far a random path from open to close reaches beyond both."""
    walk = np.cumsum(rng.standard_normal((len(body), _PATH_STEPS)), axis=1) / np.sqrt(_PATH_STEPS)
    share = np.arange(1, _PATH_STEPS + 1) / _PATH_STEPS
    bridge = 0.8 * volatility[:, np.newaxis] * (walk - walk[:, -1:] * share) + body[:, np.newaxis] * share
    upper = np.maximum(bridge.max(axis=1) - np.maximum(body, 0.0), 0.0)
    lower = np.maximum(np.minimum(body, 0.0) - bridge.min(axis=1), 0.0)
    return upper, lower

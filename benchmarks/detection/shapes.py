"""What a chart pattern looks like: corners of a price path, drawn anew for every instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Corners = tuple[Floats, Floats]
Draw = Callable[[np.random.Generator, int], Corners]
"""Makes the corners of one instance of so many candles: their places in 0..1 and heights, both `float64`."""


def path(corners: Corners, length: int) -> Floats:
    """Heights at the closes of `length` candles, counted from the close before them; its total variation is 1."""
    places, heights = corners
    at_closes: Floats = np.interp(np.arange(1, length + 1) / length, places, heights) - heights[0]
    variation = float(np.abs(np.diff(at_closes, prepend=0.0)).sum())
    at_closes /= variation
    return at_closes


def _corners(rng: np.random.Generator, legs: list[float], heights: list[float]) -> Corners:
    """Corners after legs of about these relative durations, at about these heights."""
    durations = np.array(legs) * rng.lognormal(0.0, 0.18, len(legs))
    places = np.concatenate(([0.0], np.cumsum(durations) / durations.sum()))
    return places, np.array(heights) + np.concatenate(([0.0], rng.normal(0.0, 0.03, len(heights) - 1)))


def bull_flag(rng: np.random.Generator, length: int) -> Corners:
    """A steep pole, then a shallow retreat in a narrow channel."""
    pole, depth, width = rng.uniform(0.5, 0.9), rng.uniform(0.15, 0.4), rng.uniform(0.05, 0.14)
    return _corners(rng, [pole, 0.4, 0.25, 0.4], [0, 1, 1 - 0.55 * depth - width, 1 - 0.5 * depth + width, 1 - depth])


def double_top(rng: np.random.Generator, length: int) -> Corners:
    """Two tops of one height and a valley between them."""
    valley, end = rng.uniform(0.35, 0.6), rng.uniform(0.05, 0.4)
    return _corners(rng, [1.2, 0.8, 0.8, 1.0], [0, 1, valley, 1 + rng.uniform(-0.06, 0.06), end])


def head_and_shoulders(rng: np.random.Generator, length: int) -> Corners:
    """Three tops of which the middle one is the highest, above a neckline."""
    left, right = rng.uniform(0.5, 0.72, 2)
    neck, slope = rng.uniform(0.22, 0.38), rng.uniform(-0.06, 0.06)
    heights = [0, left, neck - slope, 1, neck + slope, right, rng.uniform(-0.05, 0.2)]
    return _corners(rng, [1.0, 0.7, 1.1, 1.1, 0.7, 1.0], heights)


def rising_wedge(rng: np.random.Generator, length: int) -> Corners:
    """Swings between two rising lines that come together."""
    return _swings(rng, length, rise=rng.uniform(0.7, 1.1), first=rng.uniform(0.55, 0.75), last=rng.uniform(0.1, 0.22))


def triangle(rng: np.random.Generator, length: int) -> Corners:
    """Swings about a level price that become smaller."""
    return _swings(rng, length, rise=rng.uniform(-0.12, 0.12), first=1.0, last=rng.uniform(0.12, 0.28))


def flag_without_pole(rng: np.random.Generator, length: int) -> Corners:
    """The channel of a flag after a stretch that led nowhere."""
    return _corners(rng, [0.3, 0.35, 0.45, 0.3, 0.45], [0, 0.4, 0.05, -0.3, -0.05, -0.5])


def pole_without_flag(rng: np.random.Generator, length: int) -> Corners:
    """A steep pole that is taken back at once."""
    return _corners(rng, [0.7, 0.5, 0.5], [0, 1, rng.uniform(0.3, 0.5), rng.uniform(-0.1, 0.15)])


def uneven_double_top(rng: np.random.Generator, length: int) -> Corners:
    """Two tops of which the second is much higher or much lower."""
    second = rng.choice([rng.uniform(1.35, 1.6), rng.uniform(0.5, 0.68)])
    valley = rng.uniform(0.3, 0.45)
    return _corners(rng, [1.2, 0.8, 0.8, 1.0], [0, 1, valley, second, rng.uniform(0.05, 0.35)])


def half_double_top(rng: np.random.Generator, length: int) -> Corners:
    """One top and its valley, and then on upwards."""
    return _corners(rng, [1.2, 0.8, 1.6], [0, 1, rng.uniform(0.35, 0.6), rng.uniform(1.5, 1.9)])


def triple_top(rng: np.random.Generator, length: int) -> Corners:
    """Three tops of one height: shoulders without a head."""
    neck = rng.uniform(0.3, 0.45)
    return _corners(rng, [1.0, 0.7, 0.8, 0.8, 0.7, 1.0], [0, 1, neck, 1, neck, 1, rng.uniform(0.0, 0.2)])


def half_head_and_shoulders(rng: np.random.Generator, length: int) -> Corners:
    """A shoulder and a head, and then straight down."""
    return _corners(rng, [1.0, 0.7, 1.1, 2.4], [0, rng.uniform(0.5, 0.7), 0.3, 1, rng.uniform(-0.3, 0.0)])


def channel(rng: np.random.Generator, length: int) -> Corners:
    """Swings between two parallel lines: a triangle or wedge without convergence."""
    width = rng.uniform(0.6, 0.9)
    return _swings(rng, length, rise=rng.uniform(-0.9, 0.9), first=width, last=width * rng.uniform(0.85, 1.15))


def broadening(rng: np.random.Generator, length: int) -> Corners:
    """Swings that become larger."""
    return _swings(rng, length, rise=rng.uniform(-0.15, 0.15), first=rng.uniform(0.15, 0.3), last=1.0)


def mirrored(draw: Draw) -> Draw:
    """The same shape upside down."""

    def upside_down(rng: np.random.Generator, length: int) -> Corners:
        places, heights = draw(rng, length)
        return places, -heights

    return upside_down


def _swings(rng: np.random.Generator, length: int, rise: float, first: float, last: float) -> Corners:
    """Swings whose size goes evenly from `first` to `last` about a line that rises by `rise`."""
    turns = int(rng.integers(4, 5 + (length > 20) + (length > 28)))
    size = np.linspace(first, last, turns) / 2
    side = np.where(np.arange(turns) % 2 == 0, 1.0, -1.0) * rng.choice([1.0, -1.0])
    middle = rise * np.linspace(0.1, 0.9, turns)
    heights = [0.0, *(middle + side * size), float(rise)]
    legs = [0.5, *np.linspace(1.2, 0.8, turns - 1), 0.5]
    return _corners(rng, legs, heights)


PATTERNS: Mapping[str, Draw] = {
    "bull_flag": bull_flag,
    "bear_flag": mirrored(bull_flag),
    "double_top": double_top,
    "double_bottom": mirrored(double_top),
    "head_and_shoulders": head_and_shoulders,
    "rising_wedge": rising_wedge,
    "falling_wedge": mirrored(rising_wedge),
    "triangle": triangle,
}
"""Every chart pattern that can be planted with a label, by that label."""

LOOKALIKES: Mapping[str, Draw] = {
    "flag_without_pole": flag_without_pole,
    "pole_without_flag": pole_without_flag,
    "uneven_double_top": uneven_double_top,
    "half_double_top": half_double_top,
    "triple_top": triple_top,
    "half_head_and_shoulders": half_head_and_shoulders,
    "channel": channel,
    "broadening": broadening,
    "half_double_bottom": mirrored(half_double_top),
    "pole_down_without_flag": mirrored(pole_without_flag),
    "uneven_double_bottom": mirrored(uneven_double_top),
}
"""What is planted like a pattern and has no label."""

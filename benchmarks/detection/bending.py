"""Planting: the candles of a stretch are put into another order, some upside down, until their path has the shape.

Nothing else happens to them. Each body, wick, gap and volume of the stretch is one that the market made there, so that
neither the stretch nor its borders stand out by volatility, jumps or sizes: the shape is all there is to be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.detection.market import Bricks
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 2500


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """A stretch to be bent: `path` (`float64`, one height a close, total variation 1) from candle `first` on.

    `effort` is the share of all movement within the stretch that goes into the shape, `noise` how far closes stray
    from it, in shares of its range.
    """

    first: int
    path: Floats
    effort: float
    noise: float

    def __len__(self) -> int:
        return len(self.path)


@dataclass(slots=True, eq=False)
class _State:
    """Padded to the longest stretch, `(stretches, candles)`: which brick lies where, and its step as it lies."""

    place: NDArray[np.int64]
    step: Floats
    energy: Floats


def bent(parts: Bricks, bends: list[Bend], rng: np.random.Generator) -> Bricks:
    """The bricks with every stretch bent; stretches must not overlap."""
    if not bends:
        return parts
    order = np.arange(len(parts))
    flipped = np.zeros(len(parts), dtype=bool)
    state = _annealed(parts.step, bends, rng)
    for row, bend in enumerate(bends):
        stretch = slice(bend.first, bend.first + len(bend))
        order[stretch] = bend.first + state.place[row, : len(bend)]
        flipped[stretch] = state.step[row, : len(bend)] != parts.step[order[stretch]]
    return parts.rearranged(order, flipped)


def _annealed(step: Floats, bends: list[Bend], rng: np.random.Generator) -> _State:
    """Metropolis: a move is kept where it brings the path closer, and by chance where it does not."""
    steps, target, weight = _padded(step, bends)
    lengths = np.array([len(bend) for bend in bends])
    state = _State(np.tile(np.arange(steps.shape[1]), (len(bends), 1)), steps, np.full(len(bends), np.inf))
    for temperature in np.geomspace(30.0, 1.0, _ROUNDS):
        one, other, sign = _move(lengths, rng)
        _apply(state, one, other, sign)
        energy = ((np.cumsum(state.step, axis=1) - target) ** 2 * weight).sum(axis=1)
        kept = np.log(rng.random(len(bends))) * temperature < state.energy - energy
        state.energy = np.where(kept, energy, state.energy)
        undone = ~kept
        _apply(state, np.where(undone, one, 0), np.where(undone, other, 0), np.where(undone, sign, 1.0))
    return state


def _padded(step: Floats, bends: list[Bend]) -> tuple[Floats, Floats, Floats]:
    """Steps, target path and weight of a squared distance, each `(stretches, candles)`; weight 0 is padding."""
    steps, target, weight = np.zeros((3, len(bends), max(map(len, bends))))
    for row, bend in enumerate(bends):
        own = step[bend.first : bend.first + len(bend)]
        steps[row, : len(bend)] = own
        target[row, : len(bend)] = bend.path * bend.effort * np.abs(own).sum()
        weight[row, : len(bend)] = 0.5 / (bend.noise * np.ptp(target[row, : len(bend)])) ** 2
    return steps, target, weight


def _move(lengths: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Two candles of every stretch to be exchanged, or one to be turned upside down, or an exchange with a turn."""
    one, other, kind = rng.integers(0, lengths), rng.integers(0, lengths), rng.random(len(lengths))
    return one, np.where(kind < 0.3, one, other), np.where(kind < 0.6, -1.0, 1.0)


def _apply(state: _State, one: NDArray[np.int64], other: NDArray[np.int64], sign: Floats) -> None:
    """Exchange two candles and turn both; done twice it changes nothing."""
    rows = np.arange(len(one))
    for values, factor in ((state.place, 1), (state.step, sign)):
        first, second = values[rows, one] * factor, values[rows, other] * factor
        values[rows, one], values[rows, other] = second, first

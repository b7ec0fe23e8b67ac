"""Where a window stands for a span, and which candles a window claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN

Candle = TypeVar("Candle", int, NDArray[np.int64])


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """A kind of proposal: a window of `scale` candles claims the `length` candles that end `lag` before its last."""

    scale: int
    length: int
    lag: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """The window lengths in use (`scales`, ascending) and how spans are placed in them."""

    scales: tuple[int, ...]
    anchor: Literal["end", "center"]
    fit: Literal["window", "stretch"]

    @property
    def longest(self) -> int:
        """Candles of the longest window."""
        return self.scales[-1]

    def offset(self, scale: Candle, length: Candle) -> Candle:
        """Candles from the end of a span of `length` to the end of its window.

        The window of a span that is centred, and differs from it by an odd number of candles, is the earlier of two.
        """
        return (scale - length) // 2 if self.anchor == "center" else 0 * length

    def scale_of(self, length: NDArray[np.int64]) -> NDArray[np.int64]:
        """The scale through which spans of `length` are seen: the nearest by ratio, the shorter of two."""
        scales = np.array(self.scales, dtype=np.int64)
        nearest: NDArray[np.int64] = scales[np.argmin(_ratio(length[:, np.newaxis], scales), axis=1)]
        return nearest

    def claim(
        self, last: NDArray[np.int64], scale: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last candle that windows ending at `last` claim for a pattern of `length` candles."""
        if self.fit == "stretch":
            return last - scale + 1, last
        end = last - self.offset(scale, np.full_like(scale, length))
        return end - length + 1, end

    def shapes(self, lengths: Mapping[str, int]) -> tuple[Shape, ...]:
        """Every shape that a proposal can have, given the typical length of each label."""
        if self.fit == "stretch":
            return tuple(Shape(scale, scale, 0) for scale in self.scales)
        clipped = {self.clip(length) for label, length in lengths.items() if label != NO_PATTERN} or {self.longest}
        return tuple(Shape(self.longest, length, self.offset(self.longest, length)) for length in sorted(clipped))

    def clip(self, length: int) -> int:
        """A typical length as it is proposed: at least one candle, and no longer than the window."""
        return min(max(length, 1), self.longest)


def far_from(length: NDArray[np.int64], scale: NDArray[np.int64], tolerance: float) -> NDArray[np.bool_]:
    """Where a span is more than `tolerance` times longer or shorter than its window."""
    return _ratio(length, scale) > tolerance


def _ratio(length: NDArray[np.int64], scale: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.maximum(length, scale) / np.minimum(length, scale)
    return ratio

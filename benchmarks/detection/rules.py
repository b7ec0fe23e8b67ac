"""Patterns of one to five candles that a rule finds: lengths are in mean ranges of the fourteen candles before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.evaluation import Span

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

_SCALE_CANDLES = 14


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Runs of candles, `(n, candles)`: prices from the first open of the run, in mean ranges before it."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats

    @property
    def body(self) -> Floats:
        """From open to close."""
        return self.close - self.open

    @property
    def upper(self) -> Floats:
        """The wick above the body."""
        return self.high - np.maximum(self.open, self.close)

    @property
    def lower(self) -> Floats:
        """The wick below the body."""
        return np.minimum(self.open, self.close) - self.low


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern of so many candles."""

    candles: int
    holds: Callable[[View], Truths]


def spans(candles: Candles, rules: Mapping[str, Rule]) -> list[Span]:
    """Every span for which a rule holds, in the order of time; of spans of one label that overlap, the first."""
    found = [span for label, rule in rules.items() for span in _apart(label, rule, candles)]
    return sorted(found, key=lambda span: (span.first, span.last, span.label))


def _apart(label: str, rule: Rule, candles: Candles) -> list[Span]:
    kept: list[Span] = []
    for row in np.flatnonzero(rule.holds(_view(candles, rule.candles))).tolist():
        first = row + _SCALE_CANDLES
        if not kept or kept[-1].last < first:
            kept.append(Span(label, first, first + rule.candles - 1))
    return kept


def _view(candles: Candles, length: int) -> View:
    ranges = sliding_window_view(candles.high - candles.low, _SCALE_CANDLES).mean(axis=1)[:-length, np.newaxis]
    start = candles.open[_SCALE_CANDLES : 1 - length or None, np.newaxis]
    prices = (candles.open, candles.high, candles.low, candles.close)
    return View(*((sliding_window_view(price[_SCALE_CANDLES:], length) - start) / ranges for price in prices))


def _hammer(view: View) -> Truths:
    return _one((np.abs(view.body) < 0.35) & (view.lower > 0.7) & (view.upper < 0.15))


def _shooting_star(view: View) -> Truths:
    return _one((np.abs(view.body) < 0.35) & (view.upper > 0.7) & (view.lower < 0.15))


def _bullish_marubozu(view: View) -> Truths:
    return _one((view.body > 1.5) & (view.upper < 0.08) & (view.lower < 0.08))


def _bearish_marubozu(view: View) -> Truths:
    return _one((view.body < -1.5) & (view.upper < 0.08) & (view.lower < 0.08))


def _long_legged_doji(view: View) -> Truths:
    return _one((np.abs(view.body) < 0.08) & (view.upper > 0.28) & (view.lower > 0.28))


def _one(holds: Truths) -> Truths:
    return holds[:, 0]


def _bullish_engulfing(view: View) -> Truths:
    body, opened, close = view.body, view.open, view.close
    small = (body[:, 0] < -0.15) & (opened[:, 1] <= close[:, 0] + 0.05)
    return small & (body[:, 1] > 0.8) & (close[:, 1] > opened[:, 0] + 0.4)


def _morning_star(view: View) -> Truths:
    body = view.body
    middle = (view.open[:, 0] + view.close[:, 0]) / 2
    return (body[:, 0] < -0.5) & (np.abs(body[:, 1]) < 0.25) & (body[:, 2] > 0.35) & (view.close[:, 2] > middle)


def _three_soldiers(view: View) -> Truths:
    body, upper = view.body, view.upper
    return np.asarray((body.min(axis=1) > 0.3) & (upper.max(axis=1) < 0.3))


def _inside_breakdown(view: View) -> Truths:
    inside = (view.high[:, 1] < view.high[:, 0]) & (view.low[:, 1] > view.low[:, 0])
    return inside & (view.close[:, 2] < view.low[:, 0]) & (view.body[:, 0] > 0)


def _rising_three(view: View) -> Truths:
    held = (view.close[:, 1:4] < view.close[:, :1]).all(axis=1) & (view.close[:, 1:4] > view.open[:, :1]).all(axis=1)
    return (view.body[:, 0] > 0.3) & held & (view.close[:, 3] < view.open[:, 1]) & (view.close[:, 4] > view.close[:, 0])


SINGLE: Mapping[str, Rule] = {
    "hammer": Rule(1, _hammer),
    "shooting_star": Rule(1, _shooting_star),
    "bullish_marubozu": Rule(1, _bullish_marubozu),
    "bearish_marubozu": Rule(1, _bearish_marubozu),
    "long_legged_doji": Rule(1, _long_legged_doji),
}
"""Patterns of one candle."""

FEW: Mapping[str, Rule] = {
    "bullish_engulfing": Rule(2, _bullish_engulfing),
    "morning_star": Rule(3, _morning_star),
    "three_soldiers": Rule(3, _three_soldiers),
    "inside_breakdown": Rule(3, _inside_breakdown),
    "rising_three": Rule(5, _rising_three),
}
"""Patterns of two to five candles."""

"""Charts with planted patterns: what a trader has annotated of the first part, and everything that is in the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from benchmarks.detection.bending import Bend, bent
from benchmarks.detection.market import Bricks, bricks, candles
from benchmarks.detection.shapes import LOOKALIKES, PATTERNS, Draw, path

from candle_ml.candles import Candles
from candle_ml.evaluation import Span

LABELS = ("bull_flag", "double_top", "head_and_shoulders", "falling_wedge", "triangle")
SHORTEST, LONGEST = 14, 41
PART_CANDLES, PART_SPANS, MOST_PARTS = 4800, 10, 8
"""A part of a chart holds so many candles and spans of each label; at most so many parts are annotated."""

_LOOKALIKES = 40
_LEAST_GAP = 8
_HISTORY = 1500
_JITTER, _LARGEST_JITTER = 0.05, 3


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """Candles with the annotated spans of the part before candle `border` and the true ones of the part after it.

    `reviewed` is the first and last candle that the trader has looked at. `lookalikes` were planted and are no
    patterns; nothing but a check of the generator may look at them. `hidden` names the TA-Lib functions that made the
    labels: no method may use them.
    """

    candles: Candles
    labels: tuple[str, ...]
    border: int
    reviewed: tuple[int, int]
    annotations: tuple[Span, ...]
    truth: tuple[Span, ...]
    lookalikes: tuple[Span, ...] = ()
    hidden: tuple[str, ...] = ()


def planted_chart(seed: int, annotations: int, labels: tuple[str, ...] = LABELS) -> Chart:
    """The chart of a seed, of which the trader has annotated the last so many spans a label before the border.

    `annotations` is 10, 20, ... 80. Fewer leave out the oldest candles and nothing else, but for the 1,500 that stand
    before what the trader has looked at.
    """
    parts = annotations // PART_SPANS
    raw = bricks(_HISTORY + (MOST_PARTS + 1) * PART_CANDLES, np.random.default_rng([seed, MOST_PARTS + 1]))
    planted: list[Span] = []
    drawn: list[Span] = []
    for number in range(MOST_PARTS - parts, MOST_PARTS + 1):
        rng = np.random.default_rng([seed, number])
        spans = _layout(_HISTORY + number * PART_CANDLES, labels, rng)
        raw = bent(raw, [_bend(span, rng) for span in spans], rng)
        planted += spans
        drawn += [_by_hand(span, rng) for span in spans]
    border = len(raw) - PART_CANDLES
    return _cut(raw, planted, drawn, labels, border - parts * PART_CANDLES - _HISTORY)


def _layout(start: int, labels: tuple[str, ...], rng: np.random.Generator) -> list[Span]:
    """What is planted in one part: its spans of each label and lookalikes, in any order, with room between them."""
    others = list(_lookalikes(labels))
    chosen = np.resize(rng.permutation(others), _LOOKALIKES).tolist()
    names = rng.permutation([*labels * PART_SPANS, *chosen]).tolist()
    lengths = rng.integers(SHORTEST, LONGEST + 1, len(names))
    free = PART_CANDLES - int(lengths.sum()) - _LEAST_GAP * len(names)
    gaps = _LEAST_GAP + rng.multinomial(free, rng.dirichlet(np.ones(len(names) + 1)))[:-1]
    first = start + np.cumsum(gaps) + np.cumsum(lengths) - lengths
    return [Span(name, int(f), int(f + n - 1)) for name, f, n in zip(names, first, lengths, strict=True)]


def _lookalikes(labels: tuple[str, ...]) -> Mapping[str, Draw]:
    """Lookalikes, and the patterns that this trader does not look for."""
    return {**LOOKALIKES, **{name: draw for name, draw in PATTERNS.items() if name not in labels}}


def _bend(span: Span, rng: np.random.Generator) -> Bend:
    length = span.last - span.first + 1
    draw = PATTERNS.get(span.label) or LOOKALIKES[span.label]
    return Bend(
        span.first, path(draw(rng, length), length), effort=rng.uniform(0.5, 0.8), noise=rng.uniform(0.05, 0.11)
    )


def _cut(parts: Bricks, planted: list[Span], drawn: list[Span], labels: tuple[str, ...], start: int) -> Chart:
    """The chart from candle `start` on."""
    border = len(parts) - PART_CANDLES - start
    spans, marks = ([Span(s.label, s.first - start, s.last - start) for s in part] for part in (planted, drawn))
    return Chart(
        candles=candles(parts)[start:],
        labels=labels,
        border=border,
        reviewed=(_HISTORY, border - 1),
        annotations=tuple(mark for mark in marks if mark.label in labels and mark.last < border),
        truth=tuple(span for span in spans if span.label in labels and span.first >= border),
        lookalikes=tuple(span for span in spans if span.label not in labels),
    )


def _by_hand(span: Span, rng: np.random.Generator) -> Span:
    """The span as a person marks it: either border up to three candles away from where it is."""
    scale = _JITTER * (span.last - span.first + 1)
    shift = np.clip(np.round(rng.normal(0.0, scale, 2)), -_LARGEST_JITTER, _LARGEST_JITTER).tolist()
    return Span(span.label, span.first + int(shift[0]), span.last + int(shift[1]))

"""How sure a score is: intervals from drawing blocks of consecutive time again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.evaluation.cases import ScoredCandles, SeriesCase
from candle_ml.evaluation.results import Interval
from candle_ml.evaluation.spans import Span, SpanComparison


@dataclass(frozen=True, slots=True, eq=False)
class BlockCounts:
    """Counts by block of time and label, each `float64` `(blocks, labels)`: right, truly there, and claimed."""

    matched: NDArray[np.float64]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]


def time_blocks(times: NDArray[np.int64], blocks: int) -> NDArray[np.int64]:
    """The first time of each of at most `blocks` runs of time that hold equally many distinct `times` (`int64`).

    Series share the blocks, so that candles of one moment are drawn together.
    """
    distinct = np.unique(times)
    parts = np.array_split(distinct, min(blocks, len(distinct))) if len(distinct) else []
    return np.array([part[0] for part in parts], dtype=np.int64)


def candle_counts(starts: NDArray[np.int64], scored: ScoredCandles) -> BlockCounts:
    """Candles by the block, which begin at `starts`, that they open in."""
    labels = len(scored.labels)
    right = scored.truth == scored.predicted
    return BlockCounts(
        matched=_count(starts, scored.time[right], scored.truth[right], labels),
        truth=_count(starts, scored.time, scored.truth, labels),
        predicted=_count(starts, scored.time, scored.predicted, labels),
    )


def span_counts(
    starts: NDArray[np.int64],
    labels: tuple[str, ...],
    cases: Sequence[SeriesCase],
    compared: Sequence[SpanComparison],
) -> BlockCounts:
    """Scored spans by the block that their last candle opens in; a match counts where its true span does."""
    matched = [(case, true) for case, part in zip(cases, compared, strict=True) for true, _ in part.matched]
    missed = [(case, span) for case, part in zip(cases, compared, strict=True) for span in part.missed]
    wrong = [(case, span) for case, part in zip(cases, compared, strict=True) for span in part.false_positives]
    return BlockCounts(
        matched=_count_spans(starts, labels, matched),
        truth=_count_spans(starts, labels, matched + missed),
        predicted=_count_spans(starts, labels, matched + wrong),
    )


def f1_interval(counts: BlockCounts, average: Literal["macro", "micro"], resamples: int, seed: int) -> Interval | None:
    """The central 95 % of F1 over resamples, each drawing as many blocks as there are, with replacement.

    Bootstrap of non-overlapping blocks (Carlstein 1986), percentile interval. What was matched stays matched. A macro
    mean is over the labels that are true in that resample, as in the score itself. None below two blocks.
    """
    blocks = len(counts.truth)
    if blocks < 2:
        return None
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
    matched, truth, predicted = (drawn @ part for part in (counts.matched, counts.truth, counts.predicted))
    if average == "micro":
        matched, truth, predicted = (part.sum(axis=1, keepdims=True) for part in (matched, truth, predicted))
    f1 = np.divide(2 * matched, truth + predicted, out=np.zeros_like(matched), where=truth + predicted > 0)
    present = truth > 0 if average == "macro" else np.ones_like(truth, dtype=bool)
    score = (f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    low, high = np.percentile(score, (2.5, 97.5)).tolist()
    return Interval(low=low, high=high)


def _count_spans(
    starts: NDArray[np.int64], labels: tuple[str, ...], spans: Sequence[tuple[SeriesCase, Span]]
) -> NDArray[np.float64]:
    times = np.array([case.candles.time[span.last] for case, span in spans], dtype=np.int64)
    codes = np.array([labels.index(span.label) for _, span in spans], dtype=np.int32)
    return _count(starts, times, codes, len(labels))


def _count(
    starts: NDArray[np.int64], times: NDArray[np.int64], codes: NDArray[np.int32], labels: int
) -> NDArray[np.float64]:
    block = np.searchsorted(starts, times, side="right") - 1
    cells = np.bincount(block * labels + codes, minlength=len(starts) * labels)
    return cells.reshape(len(starts), labels).astype(np.float64)

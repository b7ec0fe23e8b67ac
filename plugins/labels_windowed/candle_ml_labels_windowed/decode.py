"""From the scores of windows to what is said of every candle, and to spans."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.errors import PluginError
from candle_ml.predictions import PredictedSpan, Prediction
from candle_ml.scores import DecodeParams, Samples, Scores
from candle_ml_labels_windowed.competition import Proposals, Rule
from candle_ml_labels_windowed.geometry import Geometry
from candle_ml_labels_windowed.smoothing import smoothed
from candle_ml_labels_windowed.windows import scan


def decode(candles: Candles, samples: Samples, scores: Scores, params: DecodeParams, rule: Rule) -> Prediction:
    """What the windows of `candles` say, given all of them from some first candle on.

    Scores are smoothed first. Each window proposes its most probable pattern over the candles that it claims (itself,
    or the label's typical length at its anchor). A proposal survives where no competing one has a higher probability
    (then: ends earlier, then: is shorter), whether that one survives or not. Survivors are the spans, at any
    probability: thresholds are for the reader.

    A candle within survivors takes all probabilities of the most probable of them; any other those of the window that
    claims it with the least probable pattern, so that no smear stands around a span. Where no window claims the last
    candles yet (anchor `center`), the last window speaks for them.

    A candle is sufficient where every window that could decide about it was given, and provisional where a later
    window could. A span is emitted where all its candles are sufficient. Raises `PluginError` where windows are
    missing between the first and the last.
    """
    count = len(candles)
    earliest = _first_candle(candles, samples, rule)
    sufficient_from = min(count, earliest + rule.geometry.longest - 1 + rule.reach(params.lengths))
    scores = smoothed(samples, scores, rule.smoothing)
    proposals = propose(samples, scores, params.lengths, rule.geometry)
    survivors = rule.survivors(proposals)
    rows = _deciding_rows(proposals, survivors, count)
    probabilities = np.full((count, len(scores.classes)), np.nan)
    probabilities[sufficient_from:] = scores.probabilities[rows[sufficient_from:]]
    emitted = np.flatnonzero(survivors & (proposals.start >= sufficient_from))
    position = np.arange(count)
    return Prediction(
        key=candles.key,
        classes=scores.classes,
        time=candles.time,
        probabilities=probabilities,
        sufficient=position >= sufficient_from,
        provisional=position >= count - rule.delay(params.lengths),
        spans=_spans(proposals, emitted, candles, scores.classes, rule),
    )


def propose(samples: Samples, scores: Scores, lengths: Mapping[str, int], geometry: Geometry) -> Proposals:
    """Each window's most probable pattern (of equals the first class) over the candles that it claims.

    A label without a typical length has the longest of the others, or the window's.
    """
    shapes = geometry.shapes(lengths)
    code = 1 + np.argmax(scores.probabilities[:, 1:], axis=1)
    probability = scores.probabilities[np.arange(len(samples)), code]
    shape = _shape(samples, code, scores.classes, lengths, geometry)
    end = samples.last - np.array([one.lag for one in shapes])[shape]
    start = end - np.array([one.length for one in shapes])[shape] + 1
    return Proposals(shapes, shape, start, end, code, probability, _rank(-probability))


def _shape(
    samples: Samples, code: NDArray[np.int64], classes: tuple[str, ...], lengths: Mapping[str, int], geometry: Geometry
) -> NDArray[np.int64]:
    if geometry.fit == "stretch":
        return np.searchsorted(np.array(geometry.scales), samples.scale)
    known = [shape.length for shape in geometry.shapes(lengths)]
    of_class = [known.index(geometry.clip(lengths.get(name, known[-1]))) for name in classes[1:]]
    return np.array([-1, *of_class], dtype=np.int64)[code]


def _rank(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Position of each in ascending order; of equals the earlier-ending, then the shorter window first."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank


def _first_candle(candles: Candles, samples: Samples, rule: Rule) -> int:
    """The first candle of the first window given; the number of candles where there is none."""
    earliest = int(samples.first.min(initial=len(candles)))
    expected = scan(candles, rule.geometry.scales, samples.width)
    expected = expected.take(expected.first >= earliest)
    if not (np.array_equal(samples.first, expected.first) and np.array_equal(samples.last, expected.last)):
        found = f"{len(samples)} windows from candle {earliest} on"
        raise PluginError.at(f"decode {candles.key}", found, f"all {len(expected)} candidates, in their order")
    return earliest


def _deciding_rows(proposals: Proposals, survivors: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """For each candle the window whose probabilities it takes."""
    quiet = _rank(proposals.probability)
    every = np.ones(len(proposals), dtype=bool)
    rows = _least_covering(proposals, quiet, every, count)
    covered = _least_covering(proposals, proposals.rank, survivors, count)
    rows = np.where(covered < len(proposals), covered, rows)
    return np.where(rows < len(proposals), rows, len(proposals) - 1)


def _least_covering(
    proposals: Proposals, rank: NDArray[np.int64], among: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """For each candle the row of least rank that claims it; the number of proposals where there is none."""
    nobody = len(proposals)
    least = np.full(count, nobody)
    for number, shape in enumerate(proposals.shapes):
        chosen = among & (proposals.shape == number)
        at_end = np.full(count + shape.length, nobody)
        at_end[proposals.end[chosen]] = rank[chosen]
        covering = np.lib.stride_tricks.sliding_window_view(at_end, shape.length)[:count]
        least = np.minimum(least, covering.min(axis=1))
    row: NDArray[np.int64] = np.append(np.argsort(rank), nobody)[least]
    return row


def _spans(
    proposals: Proposals, rows: NDArray[np.int64], candles: Candles, classes: tuple[str, ...], rule: Rule
) -> tuple[PredictedSpan, ...]:
    settled = proposals.end + np.array(rule.settled(proposals.shapes))[proposals.shape]
    rows = rows[np.lexsort((proposals.code[rows], proposals.end[rows], proposals.start[rows]))]
    start, end, known = proposals.start[rows], proposals.end[rows], settled[rows]
    latest = len(candles) - 1
    columns = (
        candles.time[start],
        candles.time[end],
        proposals.probability[rows],
        end - start + 1,
        candles.time[np.minimum(known, latest)],
        known > latest,
    )
    labels = [classes[code] for code in proposals.code[rows].tolist()]
    return tuple(map(PredictedSpan, labels, *(column.tolist() for column in columns)))

"""Choosing, for each label, the confidence from which a predicted span is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.evaluation.spans import SeriesSpans, Span, compare_spans, components, eligible_pairs

DEFAULT_THRESHOLD = 0.5
FEWEST_SPANS = 5


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold for each pattern, and why a label did not get one of its own."""

    thresholds: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """How the counts change once spans of this confidence are shown."""

    confidence: float
    matched: int
    wrong: int


def choose_thresholds(
    series: Sequence[SeriesSpans],
    classes: Sequence[str],
    iou: float = 0.5,
    tolerance: int = 0,
    default: float = DEFAULT_THRESHOLD,
    fewest: int = FEWEST_SPANS,
) -> ThresholdChoice:
    """The threshold of each class but `O` with the best span F1 over all distinct confidences; ties take the higher.

    A label with fewer than `fewest` scored true spans, or none that any prediction matches, gets `default` and a note.
    """
    chosen = {name: _choose(name, series, iou, tolerance, fewest) for name in classes if name != NO_PATTERN}
    thresholds = {name: default if isinstance(choice, str) else choice for name, choice in chosen.items()}
    notes = (f"{name}: {choice}; threshold {default:g}" for name, choice in chosen.items() if isinstance(choice, str))
    return ThresholdChoice(thresholds, tuple(notes))


def _choose(label: str, series: Sequence[SeriesSpans], iou: float, tolerance: int, fewest: int) -> float | str:
    """The best threshold, or the reason why there is none."""
    own = [spans.of(label) for spans in series]
    truths = sum(span.scored for spans in own for span in spans.truth)
    if truths < fewest:
        return f"{truths} true spans to choose by, fewer than {fewest}"
    steps = [step for spans in own for step in _steps(spans, iou, tolerance)]
    if not any(step.matched for step in steps):
        return f"no prediction matches any of {truths} true spans"
    confidence, f1 = _f1_by_confidence(steps, truths)
    return float(confidence[np.argmax(f1)])


def _f1_by_confidence(steps: Sequence[_Step], truths: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct confidences, falling, and the F1 of showing everything at or above each."""
    ordered = sorted(steps, key=lambda step: -step.confidence)
    confidence = np.array([step.confidence for step in ordered])
    matched = np.cumsum([step.matched for step in ordered])
    wrong = np.cumsum([step.wrong for step in ordered])
    ends = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)
    return confidence[ends], (2 * matched / (truths + matched + wrong))[ends]


def _steps(spans: SeriesSpans, iou: float, tolerance: int) -> Iterator[_Step]:
    """The steps of one series and label: spans that touch no other group are counted group by group."""
    pairs = eligible_pairs(spans.truth, spans.predicted, iou, tolerance)
    alone = set(range(len(spans.predicted))) - set(pairs.predicted.tolist())
    yield from (_Step(spans.predicted[row].confidence, 0, 1) for row in sorted(alone) if spans.predicted[row].scored)
    for part in components(pairs):
        truth = [spans.truth[row] for row in np.unique(part.truth)]
        predicted = [spans.predicted[row] for row in np.unique(part.predicted)]
        yield from _group_steps(truth, predicted, iou, tolerance)


def _group_steps(truth: Sequence[Span], predicted: Sequence[Span], iou: float, tolerance: int) -> Iterator[_Step]:
    """Match the group anew at each of its confidences: showing one more span can change who is matched to whom."""
    before = (0, 0)
    for confidence in sorted({span.confidence for span in predicted}, reverse=True):
        shown = tuple(span for span in predicted if span.confidence >= confidence)
        compared = compare_spans(SeriesSpans(tuple(truth), shown), iou, tolerance)
        now = (len(compared.matched), len(compared.false_positives))
        yield _Step(confidence, now[0] - before[0], now[1] - before[1])
        before = now

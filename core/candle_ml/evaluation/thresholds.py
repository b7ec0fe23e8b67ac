"""Choosing, for each label, the confidence from which a predicted span is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    matched: float
    wrong: float


@dataclass(frozen=True, slots=True)
class _Counts:
    """The scored true spans of a label, and how the counts change from confidence to confidence."""

    truths: float
    steps: tuple[_Step, ...]

    def weighing(self, truths: float) -> _Counts:
        """The same counts in proportion to so many true spans; none where there is no true span."""
        share = truths / self.truths if self.truths else 0.0
        if not share:
            return _Counts(0.0, ())
        steps = (_Step(step.confidence, share * step.matched, share * step.wrong) for step in self.steps)
        return _Counts(truths, tuple(steps))


def choose_thresholds(
    series: Sequence[SeriesSpans],
    classes: Sequence[str],
    iou: float = 0.5,
    tolerance: int = 0,
    default: float = DEFAULT_THRESHOLD,
    fewest: int = FEWEST_SPANS,
    shared: float = 0.0,
) -> ThresholdChoice:
    """The threshold of each class but `O` with the best span F1 over all distinct confidences; ties take the higher.

    With `shared`, the spans of all labels together count beside a label's own as so many true spans, so that a few of
    them do not decide alone. A label with fewer than `fewest` scored true spans, or none that any prediction matches,
    gets `default` and a note.
    """
    counts = {name: _counts(name, series, iou, tolerance) for name in classes if name != NO_PATTERN}
    common = _sum(counts.values()).weighing(shared)
    chosen = {name: _choose(own, common, fewest) for name, own in counts.items()}
    thresholds = {name: default if isinstance(choice, str) else choice for name, choice in chosen.items()}
    notes = (f"{name}: {choice}; threshold {default:g}" for name, choice in chosen.items() if isinstance(choice, str))
    return ThresholdChoice(thresholds, tuple(notes))


def _choose(own: _Counts, common: _Counts, fewest: int) -> float | str:
    """The best threshold, or the reason why there is none."""
    if own.truths < fewest:
        return f"{own.truths:g} true spans to choose by, fewer than {fewest}"
    if not any(step.matched for step in own.steps):
        return f"no prediction matches any of {own.truths:g} true spans"
    confidence, f1 = _f1_by_confidence(_sum((own, common)))
    return float(confidence[np.argmax(f1)])


def _counts(label: str, series: Sequence[SeriesSpans], iou: float, tolerance: int) -> _Counts:
    own = [spans.of(label) for spans in series]
    truths = sum(span.scored for spans in own for span in spans.truth)
    return _Counts(truths, tuple(step for spans in own for step in _steps(spans, iou, tolerance)))


def _sum(parts: Iterable[_Counts]) -> _Counts:
    listed = list(parts)
    return _Counts(sum(part.truths for part in listed), tuple(step for part in listed for step in part.steps))


def _f1_by_confidence(counts: _Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct confidences, falling, and the F1 of showing everything at or above each."""
    ordered = sorted(counts.steps, key=lambda step: -step.confidence)
    confidence = np.array([step.confidence for step in ordered])
    matched = np.cumsum([step.matched for step in ordered])
    wrong = np.cumsum([step.wrong for step in ordered])
    ends = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)
    return confidence[ends], (2 * matched / (counts.truths + matched + wrong))[ends]


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

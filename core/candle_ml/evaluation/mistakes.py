"""The mistakes that are worth looking at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from candle_ml.evaluation.cases import SeriesCase
from candle_ml.evaluation.results import Mistake
from candle_ml.evaluation.spans import SeriesSpans, Span, SpanComparison


def worst_mistakes(
    cases: Sequence[SeriesCase], shown: Sequence[SeriesSpans], compared: Sequence[SpanComparison], count: int
) -> tuple[Mistake, ...]:
    """The `count` most confident wrong claims, then the `count` missed spans that the model believed in least.

    `shown` are the spans of each case, the predicted ones above their thresholds; `compared` what became of them.
    """
    mistakes = [m for parts in zip(cases, shown, compared, strict=True) for m in _mistakes(*parts)]
    wrong = sorted((m for m in mistakes if m.kind == "false positive"), key=lambda m: (-m.confidence, *_place(m)))
    missed = sorted((m for m in mistakes if m.kind == "missed"), key=lambda m: (m.confidence, *_place(m)))
    return (*wrong[:count], *missed[:count])


def _mistakes(case: SeriesCase, spans: SeriesSpans, compared: SpanComparison) -> Iterator[Mistake]:
    for span in compared.false_positives:
        yield _mistake(case, "false positive", span, span.confidence, _overlapping(span, spans.truth))
    for span in compared.missed:
        yield _mistake(case, "missed", span, _belief(case, span), _overlapping(span, spans.predicted))


def _mistake(
    case: SeriesCase, kind: Literal["false positive", "missed"], span: Span, confidence: float, instead: str | None
) -> Mistake:
    return Mistake(
        kind=kind,
        pair=case.candles.key.pair,
        timeframe=case.candles.key.timeframe,
        label=span.label,
        start_time=int(case.candles.time[span.first]),
        end_time=int(case.candles.time[span.last]),
        confidence=confidence,
        instead=instead,
    )


def _belief(case: SeriesCase, span: Span) -> float:
    """The highest probability of the span's label on any of its candles."""
    if span.label not in case.prediction.classes:
        return 0.0
    column = case.prediction.classes.index(span.label)
    return float(np.max(case.prediction.probabilities[span.first : span.last + 1, column]))


def _overlapping(span: Span, others: Sequence[Span]) -> str | None:
    """The label of the span that shares most candles with this one."""
    shared = [(min(span.last, other.last) - max(span.first, other.first) + 1, other.label) for other in others]
    most = max(shared, default=(0, ""), key=lambda item: item[0])
    return most[1] if most[0] > 0 else None


def _place(mistake: Mistake) -> tuple[str, str, int, str]:
    return mistake.pair, mistake.timeframe, mistake.start_time, mistake.label

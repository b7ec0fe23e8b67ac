"""The mistakes that are worth looking at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from candle_ml.candles import SeriesKey
from candle_ml.evaluation.cases import SeriesCase
from candle_ml.evaluation.results import Mistake
from candle_ml.evaluation.spans import SeriesSpans, Span, SpanComparison


def worst_mistakes(
    cases: Sequence[SeriesCase], shown: Sequence[SeriesSpans], compared: Sequence[SpanComparison], count: int
) -> tuple[Mistake, ...]:
    """The `count` most confident wrong claims, then the `count` missed spans that the model believed in least.

    `shown` are the spans of each case, the predicted ones above their thresholds; `compared` what became of them.
    """
    found = [error for parts in zip(cases, shown, compared, strict=True) for error in _errors(*parts)]
    wrong = sorted((error for error in found if error.claimed), key=lambda e: (-e.confidence, *e.place))
    missed = sorted((error for error in found if not error.claimed), key=lambda e: (e.confidence, *e.place))
    return tuple(error.mistake() for error in (*wrong[:count], *missed[:count]))


@dataclass(frozen=True, slots=True)
class _Error:
    """A span that was claimed wrongly or missed, before anything that costs time is found out about it."""

    case: SeriesCase
    spans: SeriesSpans
    span: Span
    confidence: float
    claimed: bool

    @property
    def place(self) -> tuple[SeriesKey, int, str]:
        """An order for what is equally bad."""
        return self.case.candles.key, self.span.first, self.span.label

    def mistake(self) -> Mistake:
        """All that is told of it."""
        time = self.case.candles.time
        return Mistake(
            kind="false positive" if self.claimed else "missed",
            pair=self.case.candles.key.pair,
            timeframe=self.case.candles.key.timeframe,
            label=self.span.label,
            start_time=int(time[self.span.first]),
            end_time=int(time[self.span.last]),
            confidence=self.confidence,
            instead=_overlapping(self.span, self.spans.truth if self.claimed else self.spans.predicted),
        )


def _errors(case: SeriesCase, spans: SeriesSpans, compared: SpanComparison) -> Iterator[_Error]:
    for span in compared.false_positives:
        yield _Error(case, spans, span, span.confidence, claimed=True)
    for span in compared.missed:
        yield _Error(case, spans, span, _belief(case, span), claimed=False)


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

"""A mistake drawn as candles, with the true and the predicted spans behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from candle_ml.candles import Candles
from candle_ml.evaluation.cases import SeriesCase, series_spans
from candle_ml.evaluation.markup import Markup, join, moment, shortened, tag
from candle_ml.evaluation.results import Mistake
from candle_ml.evaluation.spans import Span
from candle_ml.evaluation.svg import chart, line, text

_WIDTH, _TOP, _HEIGHT = 420.0, 34.0, 130.0
_FEWEST_AROUND, _MOST_DRAWN = 8, 140


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where candles and prices lie, in pixels."""

    first: int
    last: int
    low: float
    high: float

    @property
    def step(self) -> float:
        """Pixels from one candle to the next."""
        return _WIDTH / (self.last - self.first + 1)

    def x(self, candle: int) -> float:
        """The left edge of a candle's column."""
        return (candle - self.first) * self.step

    def y(self, price: float) -> float:
        """Pixels from the top."""
        extent = self.high - self.low or 1.0
        return _TOP + (self.high - price) / extent * _HEIGHT


def mistake_chart(case: SeriesCase, mistake: Mistake, thresholds: dict[str, float]) -> Markup:
    """The candles around a mistake; the true span and the claim are shaded and named."""
    first, last = case.candles.index_range(mistake.start_time, mistake.end_time)
    scale = _scale(case.candles, first, last)
    spans = series_spans(case).above(thresholds)
    title = f"{mistake.kind}: {mistake.label}, {case.candles.key}, {moment(mistake.start_time)} UTC"
    bottom = _TOP + _HEIGHT
    return chart(
        _WIDTH,
        bottom + 46,
        title,
        *_shades(spans.truth, scale, (first, last), "true"),
        *_shades(spans.predicted, scale, (first, last), "claim"),
        *(_candle(case.candles, row, scale) for row in range(scale.first, scale.last + 1)),
        text(0, bottom + 42, moment(int(case.candles.time[scale.first])), class_="tick"),
        text(_WIDTH, bottom + 42, moment(int(case.candles.time[scale.last])), anchor="end", class_="tick"),
    )


def _scale(candles: Candles, first: int, last: int) -> _Scale:
    """The mistake and as much around it as it is long; of a very long one the beginning."""
    around = max(last - first + 1, _FEWEST_AROUND)
    begin = max(first - around, 0)
    end = min(last + around, len(candles) - 1, begin + _MOST_DRAWN - 1)
    drawn = slice(begin, end + 1)
    return _Scale(begin, end, float(np.min(candles.low[drawn])), float(np.max(candles.high[drawn])))


def _shades(spans: Sequence[Span], scale: _Scale, mistake: tuple[int, int], class_: str) -> list[Markup]:
    """Bands behind the candles; only the one that the mistake is about is named, so that no names overlap."""
    drawn = [span for span in spans if span.last >= scale.first and span.first <= scale.last]
    shared = [min(span.last, mistake[1]) - max(span.first, mistake[0]) + 1 for span in drawn]
    named = int(np.argmax(shared)) if shared and max(shared) > 0 else -1
    return [_shade(span, scale, class_, row == named) for row, span in enumerate(drawn)]


def _shade(span: Span, scale: _Scale, class_: str, named: bool) -> Markup:
    """A band over the height of the chart and a strip beside it: a truth's on top, a claim's at the bottom."""
    left = scale.x(max(span.first, scale.first))
    width = scale.x(min(span.last, scale.last) + 1) - left
    words = "true {}" if class_ == "true" else f"claimed {{}} {span.confidence:.2f}"
    hint, label = tag("title", words.format(span.label)), words.format(shortened(span.label, 18))
    anchor, at = ("end", left + width) if left + width / 2 > _WIDTH / 2 else ("start", left)
    strip, name = (_TOP - 7, _TOP - 13) if class_ == "true" else (_TOP + _HEIGHT + 2, _TOP + _HEIGHT + 20)
    return join(
        tag("rect", hint, x=left, y=_TOP, width=width, height=_HEIGHT, class_=f"band {class_}"),
        tag("rect", x=left, y=strip, width=width, height=5, rx=2, class_=f"strip {class_}"),
        text(at, name, label, anchor=anchor, class_=f"name {class_}") if named else None,
    )


def _candle(candles: Candles, row: int, scale: _Scale) -> Markup:
    """A hollow body where the close is at least the open, a filled one where it is below."""
    middle, width = scale.x(row) + scale.step / 2, max(scale.step * 0.64, 1.0)
    top, bottom = max(candles.open[row], candles.close[row]), min(candles.open[row], candles.close[row])
    height = max(scale.y(bottom) - scale.y(top), 1.0)
    rising = "up" if candles.close[row] >= candles.open[row] else "down"
    return join(
        line(middle, scale.y(candles.high[row]), middle, scale.y(top), "wick"),
        line(middle, scale.y(bottom), middle, scale.y(candles.low[row]), "wick"),
        tag("rect", x=middle - width / 2, y=scale.y(top), width=width, height=height, class_=f"candle {rising}"),
    )

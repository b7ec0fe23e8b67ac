"""Charts of an evaluation as inline SVG, coloured by the classes of `style.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.evaluation.markup import Markup, count, join, moment, shortened, tag
from candle_ml.evaluation.results import Calibration, PrecisionRecallCurve

_MOST_LABELS = 20
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class UnitSquare:
    """Where values from 0 to 1 lie in a chart: the drawing area in pixels."""

    left: float
    top: float
    size: float

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return self.left + value * self.size

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return self.top + (1.0 - value) * self.size


def chart(width: float, height: float, title: str, *shapes: Markup) -> Markup:
    """An SVG of this size in pixels that shrinks with the page and is read out by its title."""
    box = f"0 0 {width:g} {height:g}"
    return tag(
        "svg",
        tag("title", title),
        *shapes,
        role="img",
        aria_label=title,
        viewBox=box,
        width=width,
        height=height,
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", class_: str = "", title: str | None = None
) -> Markup:
    """A line of text; `title` is shown when the pointer rests on it."""
    hint = None if title is None else tag("title", title)
    return tag("text", hint, words, x=x, y=y, text_anchor=anchor, class_=class_ or None)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def confusion_chart(labels: Sequence[str], confusion: Sequence[Sequence[float]]) -> Markup:
    """A heat map, each row shaded by its share; beyond 20 labels the rarest are one row and column `other`."""
    names, cells = _frequent(labels, np.array(confusion, dtype=np.float64))
    size = 46.0 if len(names) <= 10 else 34.0
    left, top = 150.0, 120.0
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    squares = [
        _cell(left + column * size, top + row * size, size, (names[row], names[column]), cells.item(row, column), share)
        for (row, column), share in np.ndenumerate(shares)
    ]
    rows = [
        text(left - 8, top + (i + 0.5) * size + 4, shortened(name, 20), anchor="end", title=name)
        for i, name in enumerate(names)
    ]
    columns = [_slanted(left + (i + 0.5) * size, top - 8, name) for i, name in enumerate(names)]
    axes = (
        text(left - 8, top - 12, "true ↓", anchor="end", class_="axis"),
        text(left + len(names) * size, top + len(names) * size + 20, "predicted →", anchor="end", class_="axis"),
    )
    width, height = left + len(names) * size + 70, top + len(names) * size + 30
    return chart(
        width, height, "Confusion matrix: candles by true and predicted label", *squares, *rows, *columns, *axes
    )


def curve_chart(label: str, curve: PrecisionRecallCurve, average: float, prevalence: float) -> Markup:
    """Precision over recall of one class, with the share of its candles as the line to beat."""
    square = UnitSquare(46, 42, 160)
    steps = [(square.x(r), square.y(p)) for r, p in zip(curve.recall, curve.precision, strict=True)]
    return chart(
        216,
        240,
        f"Precision over recall of {label}: average precision {average:.3f}, by chance {prevalence:.3f}",
        text(square.left, 14, shortened(label, 22), class_="strong", title=label),
        text(square.left, 31, f"AP {average:.3f}, by chance {prevalence:.3f}", class_="value"),
        _frame(square, "recall", "precision"),
        line(square.x(0), square.y(prevalence), square.x(1), square.y(prevalence), "chance"),
        _path(steps, "curve"),
    )


def reliability_chart(calibration: Calibration) -> Markup:
    """The share that was right over the mean confidence of each bin; dots grow with the number of candles."""
    square = UnitSquare(46, 14, 260)
    most = max(part.count for part in calibration.bins)
    points = [(square.x(part.confidence), square.y(part.accuracy)) for part in calibration.bins]
    dots = [
        tag(
            "circle",
            tag("title", f"confidence {part.confidence:.2f}: {part.accuracy:.2f} right of {count(part.count)} candles"),
            cx=x,
            cy=y,
            r=3 + 6 * (part.count / most) ** 0.5,
            class_="dot",
        )
        for part, (x, y) in zip(calibration.bins, points, strict=True)
    ]
    return chart(
        320,
        320,
        "Reliability: share of right predictions over confidence",
        _frame(square, "confidence", "share right"),
        line(square.x(0), square.y(0), square.x(1), square.y(1), "chance"),
        _path(points, "curve"),
        *dots,
    )


def bars_chart(title: str, rows: Sequence[tuple[str, float]]) -> Markup:
    """One horizontal bar a row, the longest as long as the chart is wide."""
    left, width, step = 220.0, 380.0, 22.0
    most = max((value for _, value in rows), default=0.0) or 1.0
    bars = [
        join(
            text(left - 8, 16 + i * step, shortened(name, 32), anchor="end", title=name),
            tag("rect", x=left, y=5 + i * step, width=max(width * value / most, 1), height=14, rx=2, class_="bar"),
            text(left + width * max(value, 0) / most + 6, 16 + i * step, f"{value:.1%}", class_="value"),
        )
        for i, (name, value) in enumerate(rows)
    ]
    return chart(left + width + 60, 10 + step * len(rows), title, *bars)


def timeline_chart(blocks: Sequence[tuple[str, int, int]]) -> Markup:
    """Named blocks `(name, start_time, end_time)` on one line of time."""
    width, left = 990.0, 1.0
    begin = min((start for _, start, _ in blocks), default=0)
    extent = max(max((end for _, _, end in blocks), default=1) - begin, 1)

    def block(number: int, name: str, start: int, end: int) -> Markup:
        x, wide = left + width * (start - begin) / extent, max(width * (end - start) / extent - 2, 2)
        hint = tag("title", f"{name}: {moment(start)} to {moment(end)} UTC")
        label = text(x + wide / 2, 23, shortened(name, max(int(wide / 7), 1)), anchor="middle", class_="on-block")
        return join(tag("rect", hint, x=x, y=6, width=wide, height=26, rx=3, class_=f"block block-{number % 4}"), label)

    shapes = [block(number, *item) for number, item in enumerate(blocks)]
    ends = (
        text(left, 50, moment(begin), class_="axis"),
        text(left + width, 50, moment(begin + extent), anchor="end", class_="axis"),
    )
    return chart(992, 56, "Blocks of time", *shapes, *(ends if blocks else ()))


def _frame(square: UnitSquare, horizontal: str, vertical: str) -> Markup:
    grid = [
        join(
            line(square.x(0), square.y(tick), square.x(1), square.y(tick), "grid"),
            line(square.x(tick), square.y(0), square.x(tick), square.y(1), "grid"),
        )
        for tick in _TICKS
    ]
    numbers = [
        join(
            text(square.x(tick), square.y(0) + 14, f"{tick:g}", anchor="middle", class_="tick"),
            text(square.x(0) - 5, square.y(tick) + 4, f"{tick:g}", anchor="end", class_="tick"),
        )
        for tick in (0.0, 0.5, 1.0)
    ]
    names = (
        text(square.x(0.5), square.y(0) + 28, horizontal, anchor="middle", class_="axis"),
        tag(
            "text",
            vertical,
            transform=f"translate({square.left - 30:g} {square.y(0.5):g}) rotate(-90)",
            text_anchor="middle",
            class_="axis",
        ),
    )
    return join(*grid, *numbers, *names)


def _path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=class_)


def _cell(x: float, y: float, size: float, names: tuple[str, str], cells: float, share: float) -> Markup:
    hint = tag("title", f"true {names[0]}, predicted {names[1]}: {count(cells)} candles ({share:.1%})")
    square = tag("rect", hint, x=x, y=y, width=size - 2, height=size - 2, rx=3, class_="cell", fill_opacity=share)
    empty = tag("rect", x=x, y=y, width=size - 2, height=size - 2, rx=3, class_="cell-back")
    words = (
        text(x + size / 2 - 1, y + size / 2 + 3, _short(cells), anchor="middle", class_="on-cell") if cells else None
    )
    return join(empty, square, words)


def _short(value: float) -> str:
    """A count that fits into a cell: 950, 1.2k, 34k."""
    if value < 1000:
        return f"{value:.0f}"
    return f"{value / 1000:.1f}k" if value < 9950 else f"{value / 1000:.0f}k"


def _slanted(x: float, y: float, name: str) -> Markup:
    hint = tag("title", name)
    return tag("text", hint, shortened(name, 16), transform=f"translate({x:g} {y:g}) rotate(-45)", text_anchor="start")


def _frequent(labels: Sequence[str], confusion: NDArray[np.float64]) -> tuple[list[str], NDArray[np.float64]]:
    if len(labels) <= _MOST_LABELS:
        return list(labels), confusion
    busy = np.argsort(-(confusion.sum(axis=0) + confusion.sum(axis=1)), kind="stable")
    kept = np.sort(busy[: _MOST_LABELS - 1])
    group = np.full(len(labels), len(kept))
    group[kept] = np.arange(len(kept))
    merged = np.zeros((len(kept) + 1, len(kept) + 1))
    np.add.at(merged, (group[:, None], group[None, :]), confusion)
    return [*(labels[i] for i in kept), f"other ({len(labels) - len(kept)})"], merged

"""The parts of the report that show scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean

from candle_ml.evaluation.markup import DASH, Markup, count, join, moment, score, table, table_row, tag
from candle_ml.evaluation.report_input import FoldScore
from candle_ml.evaluation.results import Evaluation, Interval, SpanScore, SpanTiming, Spread
from candle_ml.evaluation.svg import confusion_chart, curve_chart, reliability_chart

_MOST_CURVES = 24


def numbers_section(evaluation: Evaluation, scores_of: str) -> Markup:
    """The headline scores, each beside what the two baselines reach."""
    size = f"{count(evaluation.candles)} candles of {evaluation.series} series were scored"
    short = (
        f"; {count(evaluation.insufficient)} reviewed candles had too little history" if evaluation.insufficient else ""
    )
    about = f"Scores of {scores_of}. {size}{short}. In brackets: 95 % of resamples of blocks of time."
    baselines = (
        "Baselines: “majority” always says the most frequent training class, “stratified” draws from the training "
        "shares. Neither looks at a candle."
    )
    return tag(
        "section",
        tag("h2", "Scores on the test block"),
        tag("p", about, class_="hint"),
        tag("div", *_candle_cards(evaluation), *_span_cards(evaluation), class_="cards"),
        tag("p", baselines, class_="hint"),
    )


def _candle_cards(evaluation: Evaluation) -> list[Markup]:
    majority, stratified = evaluation.baselines.majority, evaluation.baselines.stratified
    names = (
        ("F1, mean of all classes", "f1_macro"),
        ("F1, mean of patterns", "f1_macro_patterns"),
        ("F1, weighted", "f1_weighted"),
        ("Accuracy", "accuracy"),
    )
    return [
        _card(
            name,
            getattr(evaluation, field),
            evaluation.intervals.f1_macro if field == "f1_macro" else None,
            getattr(majority, field),
            getattr(stratified, field),
        )
        for name, field in names
    ]


def _span_cards(evaluation: Evaluation) -> list[Markup]:
    spans, intervals = evaluation.spans.at(evaluation.spans.iou), evaluation.intervals
    wanted = f"IoU {evaluation.spans.iou:g}"
    cards = [
        _card(f"Span F1, all spans, {wanted}", spans.micro.f1_score, intervals.span_f1_micro),
        _card(f"Span F1, mean of labels, {wanted}", spans.macro.f1_score, intervals.span_f1_macro),
    ]
    if evaluation.calibration is not None:
        cards.append(_card("Expected calibration error", evaluation.calibration.expected_calibration_error))
    return cards


def classes_section(evaluation: Evaluation, colors: Mapping[str, str]) -> Markup:
    """Every class: candle scores, PR-AUC beside its chance level, and span scores."""
    columns = (
        *("label", "precision", "recall", "F1", "candles"),
        *("PR-AUC", "by chance", "threshold", "span precision", "span recall", "span F1", "spans"),
    )
    rows = [_class_row(evaluation, label, colors.get(label, "")) for label in evaluation.labels]
    caption = f"Candles on the left; spans at IoU {evaluation.spans.iou:g} on the right. {DASH} is undefined."
    return tag("section", tag("h2", "Each class"), table(caption, columns, rows))


def confusion_section(evaluation: Evaluation) -> Markup:
    """The confusion matrix and the reliability curve."""
    matrix = tag(
        "figure",
        confusion_chart(evaluation.labels, evaluation.confusion),
        tag("figcaption", "Candles by true label (rows) and predicted label (columns); shade: share of the row."),
    )
    reliability = None
    if evaluation.calibration is not None:
        caption = "A calibrated model lies on the dashed line. Larger dots hold more candles."
        reliability = tag("figure", reliability_chart(evaluation.calibration), tag("figcaption", caption))
    heading = "Confusion and calibration" if reliability else "Confusion"
    return tag("section", tag("h2", heading), tag("div", matrix, reliability, class_="tiles"))


def curves_section(evaluation: Evaluation) -> Markup | None:
    """Precision over recall of each pattern, the most frequent ones where there are many."""
    patterns = [label for label in evaluation.labels[1:] if label in evaluation.curves]
    patterns.sort(key=lambda label: -evaluation.per_class[label].support)
    if not patterns:
        return None
    chance = evaluation.baselines.majority.average_precision
    charts = [
        curve_chart(label, evaluation.curves[label], evaluation.average_precision[label], chance[label])
        for label in patterns[:_MOST_CURVES]
    ]
    more = f" The {_MOST_CURVES} most frequent of {len(patterns)} patterns." if len(patterns) > _MOST_CURVES else ""
    words = f"Candle by candle, one pattern against everything else; dashed: by chance.{more}"
    return tag(
        "section",
        tag("h2", "Precision over recall"),
        tag("p", words, class_="hint"),
        tag("div", *charts, class_="tiles"),
    )


def spans_section(evaluation: Evaluation) -> Markup:
    """Span scores at every IoU, and where and when the found spans were found."""
    spans = evaluation.spans
    rows = [
        table_row(
            (
                f"{level.iou:g}",
                *_span_cells(level.micro),
                count(level.micro.matched),
                count(level.micro.predicted),
                count(level.micro.truth),
                *(score(v) if level.macro.labels else DASH for v in (level.macro.precision, level.macro.recall)),
                score(level.macro.f1_score) if level.macro.labels else DASH,
            )
        )
        for level in spans.levels
    ]
    columns = (
        *("IoU", "precision", "recall", "F1", "found", "claimed", "true"),
        *("mean precision", "mean recall", "mean F1"),
    )
    caption = (
        "A claimed span is right where it shares at least this part (IoU) of its candles with a true one of its label, "
        f"one to one; a one-candle pattern may be off by {spans.point_tolerance}. Means are over labels."
    )
    return tag("section", tag("h2", "Spans"), table(caption, columns, rows), _timing(evaluation))


def folds_section(folds: Sequence[FoldScore]) -> Markup | None:
    """What the model of each fold scored on the time after it, and the mean."""
    if not folds:
        return None
    rows = [_fold_row(fold) for fold in folds]
    scored = [_fold_numbers(fold.evaluation) for fold in folds if fold.evaluation is not None]
    if scored:
        means = (score(fmean(column)) for column in zip(*scored, strict=True))
        rows.append(table_row(("mean", "", "", "", *means), class_="total"))
    columns = ("fold", "from (UTC)", "to (UTC)", "candles", "macro F1", "majority", "span F1, mean of labels")
    caption = "Each fold's model was fitted on everything before its time and scored on it. These are other models."
    return tag("section", tag("h2", "Walking forward"), table(caption, columns, rows))


def _fold_row(fold: FoldScore) -> Markup:
    evaluation = fold.evaluation
    candles = DASH if evaluation is None else count(evaluation.candles)
    scores = (DASH,) * 3 if evaluation is None else map(score, _fold_numbers(evaluation))
    return table_row((str(fold.number), moment(fold.start_time), moment(fold.end_time), candles, *scores))


def _fold_numbers(evaluation: Evaluation) -> tuple[float, float, float]:
    spans = evaluation.spans.at(evaluation.spans.iou).macro
    return evaluation.f1_macro, evaluation.baselines.majority.f1_macro, spans.f1_score


def _timing(evaluation: Evaluation) -> Markup | None:
    spans = evaluation.spans
    if spans.timing is None:
        return None
    rows = [_timing_row(label, timing) for label, timing in spans.timing_by_label.items()]
    rows.append(_timing_row("all", spans.timing, "total"))
    caption = (
        f"Candles, median (95th percentile), over matches at IoU {spans.iou:g}. The delay runs from the last candle of "
        "the pattern to the candle at whose close the claim was final (as a provisional one it came sooner); negative: "
        "before the pattern was complete."
    )
    return table(caption, ("label", "matches", "start is off by", "end is off by", "detection delay"), rows)


def _timing_row(label: str, timing: SpanTiming, class_: str | None = None) -> Markup:
    spreads = (timing.start_error, timing.end_error, timing.detection_delay)
    return table_row((label, count(timing.matches), *map(_spread, spreads)), class_=class_)


def _spread(spread: Spread) -> str:
    return f"{spread.median:g} ({spread.p95:.3g})"


def _card(
    name: str,
    value: float,
    interval: Interval | None = None,
    majority: float | None = None,
    stratified: float | None = None,
) -> Markup:
    between = (
        None if interval is None else tag("div", f"[{score(interval.low)}, {score(interval.high)}]", class_="beside")
    )
    beside = None
    if majority is not None:
        pair = (f"majority {score(majority)}", tag("br"), f"stratified {score(stratified)}")
        beside = tag("div", *pair, class_="beside")
    number = tag("div", score(value), class_="number")
    return tag("div", tag("div", name, class_="name"), number, between, beside, class_="card")


def _class_row(evaluation: Evaluation, label: str, color: str) -> Markup:
    own = evaluation.per_class[label]
    spans = evaluation.spans.at(evaluation.spans.iou).per_label.get(label)
    claimed = sum(row[evaluation.labels.index(label)] for row in evaluation.confusion)
    threshold = evaluation.thresholds.get(label)
    return table_row(
        (
            join(_swatch(color), label),
            score(own.precision if claimed else None),
            score(own.recall if own.support else None),
            score(own.f1_score if own.support or claimed else None),
            count(own.support),
            score(evaluation.average_precision.get(label)),
            score(evaluation.baselines.majority.average_precision.get(label)),
            DASH if threshold is None else f"{threshold:.2f}",
            *((DASH,) * 4 if spans is None else (*_span_cells(spans), count(spans.truth))),
        )
    )


def _span_cells(spans: SpanScore) -> tuple[str, str, str]:
    return (
        score(spans.precision if spans.predicted else None),
        score(spans.recall if spans.truth else None),
        score(spans.f1_score if spans.truth or spans.predicted else None),
    )


def _swatch(color: str) -> Markup | None:
    """A square in the label's colour; only `#rgb` and `#rrggbb` go into the page."""
    if not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", color):
        return None
    return tag("span", class_="swatch", style=f"background:{color}")

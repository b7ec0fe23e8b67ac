"""The parts of the report that show mistakes, features, data and configuration."""

from __future__ import annotations

from collections.abc import Sequence

from candle_ml.candles import SeriesKey
from candle_ml.evaluation.cases import SeriesCase
from candle_ml.evaluation.markup import Markup, count, moment, table, table_row, tag
from candle_ml.evaluation.report_input import FeatureShare, ReportInput
from candle_ml.evaluation.results import Evaluation, Mistake
from candle_ml.evaluation.svg import bars_chart
from candle_ml.evaluation.svg_candles import mistake_chart

_MOST_FEATURES = 25
_MOST_REJECTED = 100


def notes_section(report: ReportInput) -> Markup | None:
    """What a reader must know before believing the scores, warnings first."""
    evaluated = report.evaluation.notes if report.evaluation else ()
    items = [tag("li", text, class_="warning") for text in report.warnings]
    items += [tag("li", text) for text in (*evaluated, *report.notes)]
    return tag("section", tag("h2", "Read this first"), tag("ul", *items, class_="notes")) if items else None


def mistakes_section(evaluation: Evaluation, cases: Sequence[SeriesCase]) -> Markup | None:
    """The worst wrong claims and missed spans, drawn."""
    drawn = {case.candles.key: case for case in cases}
    kinds = (
        ("false positive", "Wrong claims, most confident first"),
        ("missed", "Missed spans, least believed first"),
    )
    parts = [
        (heading, [m for m in evaluation.mistakes if m.kind == kind and SeriesKey(m.pair, m.timeframe) in drawn])
        for kind, heading in kinds
    ]
    if not any(mistakes for _, mistakes in parts):
        return None
    groups = [
        tag("div", tag("h3", heading), tag("div", *(_drawn(m, drawn, evaluation) for m in mistakes), class_="mistakes"))
        for heading, mistakes in parts
        if mistakes
    ]
    legend = tag(
        "p",
        tag("span", "true", class_="key-true"),
        " spans are marked above the candles, ",
        tag("span", "claimed", class_="key-claim"),
        " ones below. Hollow candles closed at or above their open.",
        class_="hint",
    )
    return tag("section", tag("h2", "Worst mistakes"), legend, *groups)


def importance_section(importance: Sequence[FeatureShare]) -> Markup | None:
    """The features that the model uses most."""
    if not importance:
        return None
    top = sorted(importance, key=lambda item: (-item.share, item.column))[:_MOST_FEATURES]
    rest = sum(item.share for item in importance) - sum(item.share for item in top)
    others = len(importance) - len(top)
    caption = f"Share of each column in the model's decisions; {others} more columns together {rest:.1%}."
    chart = bars_chart("Feature importance", [(item.column, item.share) for item in top])
    words = caption if others else "Share of each column in the model's decisions."
    return tag("section", tag("h2", "Features"), tag("figure", chart, tag("figcaption", words)))


def data_section(report: ReportInput) -> Markup | None:
    """What was left out on the way from the files to the samples."""
    removed = [table_row((row.stage, row.rule, count(row.samples)), words=2) for row in report.removed]
    rejected = [table_row((row.where, row.found, row.expected), words=3) for row in report.rejected[:_MOST_REJECTED]]
    more = (
        f", the first {_MOST_REJECTED} of {count(len(report.rejected))}"
        if len(report.rejected) > _MOST_REJECTED
        else ""
    )
    tables = [
        table("Left out by rule", ("stage", "rule", "samples"), removed, words=2) if removed else None,
        table(f"Rows set aside{more}", ("where", "found", "expected"), rejected, words=3) if rejected else None,
    ]
    return tag("section", tag("h2", "Data left out"), *tables) if removed or rejected else None


def pipeline_section(pipeline_yaml: str) -> Markup:
    """The configuration that made this model, as it took effect."""
    return tag("section", tag("h2", "pipeline.yaml"), tag("pre", tag("code", pipeline_yaml)))


def _drawn(mistake: Mistake, drawn: dict[SeriesKey, SeriesCase], evaluation: Evaluation) -> Markup:
    key = SeriesKey(mistake.pair, mistake.timeframe)
    if mistake.kind == "missed":
        words = f"missed; highest probability {mistake.confidence:.2f}"
        other = f", called {mistake.instead} instead" if mistake.instead else ""
    else:
        words = f"claimed with confidence {mistake.confidence:.2f}"
        other = f", truly {mistake.instead}" if mistake.instead else ", truly nothing"
    if mistake.instead == mistake.label:
        other = ", overlapping one of its label that it does not match"
    when = f"{key}, {moment(mistake.start_time)} to {moment(mistake.end_time)} UTC"
    caption = tag("figcaption", tag("strong", mistake.label), f" {words}{other}", tag("br"), when)
    return tag("figure", mistake_chart(drawn[key], mistake, evaluation.thresholds), caption)

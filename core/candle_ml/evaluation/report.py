"""One page about one trained model that needs no network, no script and no other file."""

from __future__ import annotations

from candle_ml.evaluation.data_sections import (
    data_section,
    importance_section,
    mistakes_section,
    notes_section,
    pipeline_section,
)
from candle_ml.evaluation.markup import Markup, join, moment, table, table_row, tag
from candle_ml.evaluation.report_input import ReportInput
from candle_ml.evaluation.score_sections import (
    classes_section,
    confusion_section,
    curves_section,
    folds_section,
    numbers_section,
    spans_section,
)
from candle_ml.evaluation.style import STYLE
from candle_ml.evaluation.svg import timeline_chart

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_report(report: ReportInput) -> str:
    """The whole page as HTML text (write it as UTF-8): style and pictures inside, all foreign text escaped."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"{report.title}: model report"),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", _header(report), tag("main", *_sections(report), _footer(report)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(report: ReportInput) -> list[Markup | None]:
    evaluation = report.evaluation
    scores: list[Markup | None] = [tag("p", "No evaluation was made: the scores of this model are unknown.")]
    if evaluation is not None:
        scores = [
            numbers_section(evaluation, report.scores_of),
            classes_section(evaluation, report.label_colors),
            spans_section(evaluation),
            confusion_section(evaluation),
            curves_section(evaluation),
            mistakes_section(evaluation, report.cases),
        ]
    return [
        notes_section(report),
        *scores,
        folds_section(report.folds),
        importance_section(report.importance),
        data_section(report),
        pipeline_section(report.pipeline_yaml),
    ]


def _header(report: ReportInput) -> Markup:
    facts = [
        ("Model", f"{report.model} {report.model_version or ''}".strip()),
        ("Run", report.run_id),
        ("Made", f"{moment(report.created_at)} UTC"),
        ("Configuration (SHA-256)", report.config_hash),
        ("Data (SHA-256)", report.data_hash),
        ("Leak audit", report.audit),
        ("Truth evaluated (SHA-256)", report.evaluation.label_set_hash if report.evaluation else None),
    ]
    known = [join(tag("div", tag("dt", name), tag("dd", _fact(name, value)))) for name, value in facts if value]
    lead = tag("p", "A model of annotated candles: what it scored, where it errs, what it is made of.", class_="lead")
    return tag("header", tag("div", tag("h1", report.title), lead, _blocks(report), tag("dl", *known, class_="facts")))


def _fact(name: str, value: str) -> Markup:
    return tag("span", value, class_="hash" if "SHA" in name or name == "Run" else None)


def _blocks(report: ReportInput) -> Markup | None:
    if not report.blocks:
        return None
    rows = [
        table_row((b.name, moment(b.start_time), moment(b.end_time), f"{b.samples:,}", f"{b.annotations:,}"))
        for b in report.blocks
    ]
    listed = table("Blocks of time", ("block", "from (UTC)", "to (UTC)", "samples", "annotations"), rows)
    timeline = timeline_chart([(block.name, block.start_time, block.end_time) for block in report.blocks])
    return join(timeline, listed)


def _footer(report: ReportInput) -> Markup:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return tag("footer", f"candle-ml report. {versions}" if versions else "candle-ml report.")

"""The report page: what it shows, and that nothing in it can run or reach out."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from candle_ml.annotations import Annotation, RejectedRow
from candle_ml.candles import Candles, SeriesKey
from candle_ml.evaluation import (
    EvaluationOptions,
    FeatureShare,
    RemovedSamples,
    ReportBlock,
    ReportInput,
    SeriesCase,
    evaluate,
    render_report,
)
from candle_ml.predictions import PredictedSpan, Prediction

ATTACK = "</title></text><script>alert(1)</script>\" onload='alert(2)' x=\"&amp;<img src=//evil.example onerror=1>"
ELEMENTS = (
    "html head meta title style body header main footer section div span p h1 h2 h3 dl dt dd ul li strong br pre code "
    "figure figcaption table caption thead tbody tr th td svg text rect line circle polyline"
)


class Page(HTMLParser):
    """What a browser makes of the page: elements, attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def make_case(labels: tuple[str, ...], pair: str = "EURUSD") -> SeriesCase:
    """Ten candles of each pattern in turn; every second one is found, each third is claimed under a wrong label."""
    count = 20 * len(labels)
    close = 100 + np.sin(np.arange(count) / 3)
    time = 1_700_000_000 + np.arange(count, dtype=np.int64) * 3600
    candles = Candles.from_columns(SeriesKey(pair, "1h"), time, close, close + 1, close - 1, close)
    probabilities = np.full((count, len(labels)), 0.02)
    probabilities[:, 0] = 1 - 0.02 * (len(labels) - 1)
    spans, annotations = [], []
    for number, label in enumerate(labels[1:]):
        first, last = 20 * number + 5, 20 * number + 14
        annotations.append(Annotation(f"span:{number}", candles.key, int(time[first]), int(time[last]), label))
        said = labels[1 + (number + (number % 3 == 2)) % (len(labels) - 1)]
        if number % 2 == 0:
            spans.append(PredictedSpan(said, int(time[first]), int(time[last]), 0.9, 10, int(time[last]), False))
            probabilities[first : last + 1] = 0.1 / (len(labels) - 1)
            probabilities[first : last + 1, labels.index(said)] = 0.9
    flags = np.ones(count, dtype=bool)
    prediction = Prediction(candles.key, labels, time, probabilities, flags, ~flags, tuple(spans))
    return SeriesCase(candles, prediction, tuple(annotations), ((int(time[0]), int(time[-1])),))


def make_report(labels: tuple[str, ...] = ("O", "flag", "wedge", "top"), words: str = "plain") -> ReportInput:
    cases = (make_case(labels),)
    thresholds = dict.fromkeys(labels[1:], 0.5)
    shares = dict.fromkeys(labels, 1.0)
    return ReportInput(
        title=f"{words} patterns",
        model=f"{words} forest",
        model_version=f"{words} 7",
        run_id=f"{words} run",
        created_at=1_760_000_000,
        config_hash="c0ffee",
        data_hash="dadada",
        pipeline_yaml=f"name: {words}\n",
        evaluation=evaluate(cases, labels, thresholds, EvaluationOptions(), shares),
        cases=cases,
        scores_of=f"{words} scored model",
        blocks=(ReportBlock(f"{words} block", 1_700_000_000, 1_700_360_000, 1234, 56),),
        importance=tuple(FeatureShare(f"{words} column {n}", (n + 1) / 465) for n in range(30)),
        removed=(RemovedSamples("split", f"{words} rule", 4321),),
        rejected=(RejectedRow(f"{words} file: row 3", f"{words} found", f"{words} expected"),),
        warnings=(f"{words} warning",),
        notes=(f"{words} note",),
        label_colors={labels[1]: "#0a0"},
        versions={words: "1.2.3"},
    )


def test_every_part_is_on_the_page() -> None:
    """Header, blocks, scores, classes, spans, charts, mistakes, features, data and configuration are there."""
    page = Page(render_report(make_report()))
    for part in (
        *("plain patterns", "plain forest plain 7", "plain run", "c0ffee", "dadada", "2025-10-09 08:53 UTC"),
        *("plain block", "1,234", "Read this first", "plain warning", "plain note"),
        *("Scores on the test block", "Each class", "Spans", "Confusion and calibration", "Precision over recall"),
        *("Worst mistakes", "Wrong claims, most confident first", "Missed spans, least believed first"),
        *("Features", "plain column 29", "plain rule", "4,321", "plain file: row 3", "plain expected"),
        *("pipeline.yaml", "name: plain\n", "candle-ml report. plain 1.2.3"),
    ):
        assert part in page.text


def test_scores_stand_beside_their_baselines() -> None:
    """The numbers on the page are those of the evaluation, with both baselines and the interval."""
    report = make_report()
    found = report.evaluation
    assert found is not None
    assert found.intervals.f1_macro is not None
    text = Page(render_report(report)).text
    for value in (found.f1_macro, found.baselines.majority.f1_macro, found.baselines.stratified.f1_macro):
        assert f"{value:.3f}" in text
    assert f"[{found.intervals.f1_macro.low:.3f}, {found.intervals.f1_macro.high:.3f}]" in text
    assert "Scores of plain scored model. 80 candles of 1 series were scored" in text


def test_only_the_most_important_features_are_drawn() -> None:
    """Twenty-five of thirty columns are drawn, the largest first, and the rest is summed up."""
    text = Page(render_report(make_report())).text
    assert "plain column 5\n" in text
    assert "plain column 4\n" not in text
    assert text.index("plain column 29") < text.index("plain column 28")
    assert "5 more columns together 3.2%." in text


def test_user_text_cannot_become_markup() -> None:
    """Labels and every other text that try to break out show as text and add no element, attribute or address."""
    labels = ("O", f"a{ATTACK}", f"b{ATTACK}", f"c{ATTACK}", f"d{ATTACK}")
    html = render_report(make_report(labels, ATTACK))
    page = Page(html)
    assert page.elements <= set(ELEMENTS.split())
    names = {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not names & {"src", "href", "xlink:href", "action", "formaction", "srcdoc"}
    assert "<script" not in html
    for words in (f"a{ATTACK}", f"{ATTACK} warning", f"{ATTACK} rule", f"name: {ATTACK}\n", f"{ATTACK} column 29"):
        assert words in page.texts
    for svg in svgs(html):
        assert svg.tag == "svg"


def test_nothing_is_loaded_and_scripts_are_forbidden() -> None:
    """The page names no address, holds no script, and its own policy forbids any."""
    html = render_report(make_report())
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in Page(html).attributes


def test_label_colours_must_be_plain_hex() -> None:
    """`#0a0` becomes a swatch; anything that is no hex colour is left out."""
    assert "background:#0a0" in render_report(make_report())
    wrong = {"flag": "red;background:url(//evil.example)", "wedge": "#12345", "top": "#abc}"}
    assert "background:#" not in render_report(replace(make_report(), label_colors=wrong))


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def test_every_picture_is_well_formed_and_can_be_read_out() -> None:
    """Each SVG parses as XML, is an image with a title, and says the same as its label; each table has a caption."""
    html = render_report(make_report())
    pictures = svgs(html)
    assert len(pictures) >= 8
    for picture in pictures:
        title = picture.find("title")
        assert title is not None
        assert title.text
        assert picture.attrib["aria-label"] == title.text
        assert picture.attrib["role"] == "img"
    assert html.count("<table>") == html.count("<caption>") == 6


def test_confusion_matrix_shows_counts() -> None:
    """Hovering over a cell tells both labels, the count and the share of the row."""
    text = Page(render_report(make_report())).text
    assert "true flag, predicted flag: 10 candles (100.0%)" in text
    assert "true wedge, predicted O: 10 candles (100.0%)" in text
    assert "true top, predicted flag: 10 candles (100.0%)" in text


def test_many_labels_are_summed_up_in_the_confusion_matrix() -> None:
    """Beyond twenty labels the rarest share one row and column, and only the first 24 curves are drawn."""
    labels = ("O", *(f"pattern {n}" for n in range(30)))
    html = render_report(make_report(labels))
    text = Page(html).text
    assert "other (12)" in text
    assert "The 24 most frequent of 30 patterns." in text
    assert html.count('aria-label="Precision over recall of') == 24


def test_mistakes_are_drawn_with_truth_and_claim() -> None:
    """A wrong claim over a true span names both; a missed one tells how little it was believed."""
    html = render_report(make_report())
    text = Page(html).text
    assert "claimed with confidence 0.90, truly top" in text
    assert "missed; highest probability 0.03, called flag instead" in text
    assert "claimed flag 0.90" in text
    assert "true top" in text
    drawn = [svg for svg in svgs(html) if svg.attrib["aria-label"].startswith("missed: top, EURUSD 1h")]
    assert len(drawn) == 1
    classes = [rect.attrib.get("class") for rect in drawn[0].iter("rect")]
    assert {"band true", "band claim", "candle up"} <= set(classes)


def test_mistakes_of_series_that_were_not_given_are_left_out() -> None:
    """Without the cases there are no candles to draw."""
    assert "Worst mistakes" not in Page(render_report(replace(make_report(), cases=()))).text


def test_without_an_evaluation_the_page_says_so() -> None:
    """A run without evaluation has a page with its data, features and configuration."""
    text = Page(render_report(replace(make_report(), evaluation=None))).text
    assert "No evaluation was made: the scores of this model are unknown." in text
    assert "Scores on the test block" not in text
    assert "plain rule" in text


def test_empty_parts_are_left_out() -> None:
    """Nothing removed, no importance, no block and no note leave no empty heading."""
    bare = ReportInput(
        title="bare", model="forest", created_at=0, config_hash="", data_hash="", pipeline_yaml="", evaluation=None
    )
    html = render_report(bare)
    assert re.findall("<h2>(.*?)</h2>", html) == ["pipeline.yaml"]
    assert "1970-01-01 UTC" in html


@pytest.mark.parametrize("ranges", [(), ((0, 60),)])
def test_a_page_can_be_made_where_nothing_was_scored(ranges: tuple[tuple[int, int], ...]) -> None:
    """With no scored candle the page shows dashes instead of undefined scores and says why."""
    case = replace(make_case(("O", "flag")), ranges=ranges)
    evaluation = evaluate([case], ("O", "flag"), {}, EvaluationOptions(), {"O": 1.0})
    text = Page(render_report(replace(make_report(), evaluation=evaluation, cases=(case,)))).text
    assert "no candle could be scored" in text
    assert "\N{EN DASH}" in text


def test_half_a_character_does_not_stop_the_page() -> None:
    """Text that cannot be written as UTF-8 becomes a question mark."""
    html = render_report(replace(make_report(), notes=("half \ud83d",)))
    assert "half ?" in html
    html.encode("utf-8")


def test_a_page_is_made_the_same_way_twice() -> None:
    """The same input gives the same text."""
    assert render_report(make_report()) == render_report(make_report())


def test_a_very_long_mistake_is_cut() -> None:
    """Of a missed span of 300 candles at most 140 are drawn."""
    case = make_case(tuple("O" + "abcdefghijklmnopqrst"))
    times = case.candles.time
    long = Annotation("span:1", case.candles.key, int(times[5]), int(times[304]), "a")
    case = replace(case, annotations=(long,), prediction=replace(case.prediction, spans=()))
    evaluation = evaluate([case], case.prediction.classes, {}, EvaluationOptions(), {"O": 1.0})
    html = render_report(replace(make_report(), evaluation=evaluation, cases=(case,)))
    drawn = next(svg for svg in svgs(html) if svg.attrib["aria-label"].startswith("missed: a"))
    candles = [rect for rect in drawn.iter("rect") if rect.attrib.get("class", "").startswith("candle")]
    assert len(candles) == 140

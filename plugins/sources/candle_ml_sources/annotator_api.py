"""The source `annotator-api`: candles, annotations and reviewed ranges from the annotator's routes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from candle_ml.annotations import Ingest, RejectedRow
from candle_ml.components import SourceContext
from candle_ml.sources import refuse
from candle_ml_sources.annotator_cache import AnswerCache
from candle_ml_sources.annotator_charts import ChosenChart, choose_charts, read_charts
from candle_ml_sources.annotator_client import AnnotatorClient, MissingError, key_in
from candle_ml_sources.annotator_reading import AnnotatorReading
from candle_ml_sources.annotator_rows import read_chart_candles, read_chart_claims
from candle_ml_sources.candle_checks import CandleRows
from candle_ml_sources.claims import BadFieldError, FileRows, color_of
from candle_ml_sources.collecting import Collected
from candle_ml_sources.options import AnnotatorApiOptions
from candle_ml_sources.texts import shown

_CHARTS = "/api/charts"
_LABELS = "/api/span-label-types"


@dataclass(frozen=True, slots=True)
class _ChartRows:
    """What one chart holds."""

    chart: ChosenChart
    candles: CandleRows
    claims: tuple[FileRows, ...]


class AnnotatorApi:
    """Reads charts of a running annotator over HTTP, one series a chart."""

    def __init__(self, options: AnnotatorApiOptions) -> None:
        """Raises `ConfigError` where the environment does not hold the key that the options name."""
        self.options = options
        self._key = key_in(os.environ, options.api_key_variable)

    def read(self, context: SourceContext) -> Ingest:
        """All chosen charts. Raises `DataError` where the annotator cannot be read.

        Rows that cannot be used are set aside and named; with the option `strict` they raise `DataError`.
        """
        options = self.options
        reading = AnnotatorReading(AnnotatorClient(options, self._key), AnswerCache(context.root))
        url = reading.client.url
        charts = choose_charts(url, read_charts(url, reading.rows(_CHARTS)), options)
        parts = []
        for done, chart in enumerate(charts):
            context.progress("annotator's charts", done, len(charts))
            parts.append(_read_chart(reading, chart))
        context.progress("annotator's charts", len(charts), len(charts))
        read = _with_colors(reading, _ingest(url, parts, context, options))
        if options.strict and read.rejected:
            raise refuse(url, read.rejected)
        return replace(read, notes=(*reading.notes, *read.notes))


def _read_chart(reading: AnnotatorReading, chart: ChosenChart) -> _ChartRows:
    def path(route: str) -> str:
        return f"/api/{route}?chartId={chart.id}"

    def claims(route: str, what: str) -> FileRows:
        return read_chart_claims(reading.client.url + path(route), what, reading.rows(path(route)), chart.id)

    where = reading.client.url + path("candles")
    candles = read_chart_candles(where, reading.rows(path("candles")), chart.series)
    spans, points = claims("span-annotations", "annotation"), claims("annotations", "annotation")
    try:
        reviewed = claims("reviewed-ranges", "reviewed range")
    except MissingError:
        reviewed = FileRows(notes=[f"{reading.client.url}: this annotator has no reviewed ranges"])
    as_ranges = replace(reviewed, claims=(), ranges=reviewed.claims)
    return _ChartRows(chart, candles, (spans, points, as_ranges))


def _ingest(url: str, parts: Sequence[_ChartRows], context: SourceContext, options: AnnotatorApiOptions) -> Ingest:
    own = tuple(part.candles.candles for part in parts)
    known = {candles.key: candles for candles in (*context.known.candles, *own)}
    collected = Collected(known, url, options.source, options.unknown_time)
    for part in parts:
        for rows in part.claims:
            collected.add(part.chart.series, rows)
    read = collected.ingest()
    rejected = [row for part in parts for row in part.candles.rejected]
    notes = [note for part in parts for note in part.candles.notes]
    return replace(read, candles=own, rejected=(*rejected, *read.rejected), notes=(*notes, *dict.fromkeys(read.notes)))


def _with_colors(reading: AnnotatorReading, read: Ingest) -> Ingest:
    """With the colors that the annotator draws labels in, where it tells; they go before those of single spans."""
    try:
        rows = reading.rows(_LABELS)
    except MissingError:
        return read
    colors: dict[str, str] = {}
    rejected: list[RejectedRow] = []
    for number, row in enumerate(rows, 1):
        where = f"{reading.client.url}{_LABELS}: label {number}"
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            rejected.append(RejectedRow(where, shown(row), "an object with the label's name"))
            continue
        try:
            color = color_of(row)
        except BadFieldError as error:
            rejected.append(error.at(where))
        else:
            colors.update({} if color is None else {row["name"]: color})
    return replace(read, label_colors={**read.label_colors, **colors}, rejected=(*read.rejected, *rejected))

"""Which charts of the annotator are read, and as which series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from candle_ml.candles import SeriesKey
from candle_ml.errors import DataError, Problem
from candle_ml_sources.files import series_by_name
from candle_ml_sources.options import TIMEFRAME, AnnotatorApiOptions, ChartSeries
from candle_ml_sources.texts import shown

_MOST_NAMED = 20
_HINT = "list it under charts with pair and timeframe"
_ONE = "one chart a series: list those to read under charts"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the annotator lists it."""

    id: int
    name: str
    pair: object
    timeframe: object

    def __str__(self) -> str:
        return f"chart {self.id} {shown(self.name)}"


@dataclass(frozen=True, slots=True)
class ChosenChart:
    """A chart to read and the series that it is."""

    id: int
    series: SeriesKey


def read_charts(where: str, rows: Sequence[object]) -> list[Chart]:
    """The charts of a listing. Raises `DataError` that names every row that is none."""
    charts = [Chart(*values) for row in rows if (values := _values(row)) is not None]
    problems = [
        Problem(f"{where}: chart row {number}", shown(row), "an object with the chart's id and name")
        for number, row in enumerate(rows, 1)
        if _values(row) is None
    ]
    if problems:
        raise DataError(*problems)
    if not charts:
        raise DataError.at(where, "no charts", "upload candles to the annotator first")
    return charts


def choose_charts(where: str, charts: Sequence[Chart], options: AnnotatorApiOptions) -> list[ChosenChart]:
    """The charts that the options name, in the annotator's order. Raises one `DataError` for all that is wrong."""
    problems: list[Problem] = []
    listed: dict[int, ChartSeries] = {}
    for one in options.charts:
        chart = next((each for each in charts if one.chart in (each.id, each.name)), None)
        if chart is None:
            there = ", ".join(f"{each.id} ({each.name})" for each in charts[:_MOST_NAMED])
            problems.append(Problem(where, f"no chart {shown(one.chart)}", f"one of: {there}"))
        elif chart.id in listed:
            problems.append(Problem(where, f"{chart} is listed twice", "each chart once"))
        else:
            listed[chart.id] = one
    wanted = [chart for chart in charts if chart.id in listed or options.others or not options.charts]
    found = {chart: _series(where, chart, listed.get(chart.id)) for chart in wanted}
    problems += [series for series in found.values() if isinstance(series, Problem)]
    chosen = {chart: series for chart, series in found.items() if isinstance(series, SeriesKey)}
    problems += _shared(where, chosen)
    if problems:
        raise DataError(*problems)
    return [ChosenChart(chart.id, series) for chart, series in chosen.items()]


def _values(row: object) -> tuple[int, str, object, object] | None:
    if not isinstance(row, dict) or type(row.get("id")) is not int or not isinstance(row.get("name"), str):
        return None
    return row["id"], row["name"], row.get("pair"), row.get("timeframe")


def _series(where: str, chart: Chart, listed: ChartSeries | None) -> SeriesKey | Problem:
    """What the options say of a chart, else the annotator, else the chart's name."""
    named = series_by_name(Path(chart.name))
    pair = (listed.pair if listed else None) or chart.pair or (named.pair if named else None)
    timeframe = (listed.timeframe if listed else None) or chart.timeframe or (named.timeframe if named else None)
    if not isinstance(pair, str) or not pair.strip() or timeframe is None:
        return Problem(where, f"{chart} without pair and timeframe", _HINT)
    if not isinstance(timeframe, str) or not re.fullmatch(TIMEFRAME, timeframe):
        return Problem(where, f"{chart} with the unknown timeframe {shown(timeframe)}", _HINT)
    return SeriesKey(pair, timeframe)


def _shared(where: str, chosen: Mapping[Chart, SeriesKey]) -> list[Problem]:
    counts = Counter(chosen.values())
    return [
        Problem(where, f"{', '.join(str(chart) for chart in chosen if chosen[chart] == series)} are all {series}", _ONE)
        for series, count in counts.items()
        if count > 1
    ]

"""Charts and rows of the annotator's API that cannot be used are named, and nothing is lost silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .failing import failure, read

CHARTS, CANDLES = "/api/charts", "/api/candles?chartId=1"

CHART_FAULTS = {
    "none": (b"[]", {}, "no charts; upload candles to the annotator first"),
    "unknown": (
        None,
        {"charts": [{"chart": 7}, {"chart": "gold"}]},
        "no chart 7; one of: 1 (AAPL_1d), 2 (EURUSD_1h)\n{}: no chart 'gold'; one of: 1 (AAPL_1d), 2 (EURUSD_1h)",
    ),
    "twice": (
        None,
        {"charts": [{"chart": 1}, {"chart": "AAPL_1d"}]},
        "chart 1 'AAPL_1d' is listed twice; each chart once",
    ),
    "unnamed": (
        b'[{"id": 3, "name": "gold"}]',
        {},
        "chart 3 'gold' without pair and timeframe; list it under charts with pair and timeframe",
    ),
    "unknown timeframe": (
        b'[{"id": 3, "name": "gold", "pair": "XAU", "timeframe": "1y"}]',
        {},
        "chart 3 'gold' with the unknown timeframe '1y'; list it under charts with pair and timeframe",
    ),
    "the same series": (
        None,
        {"charts": [{"chart": 2, "pair": "AAPL", "timeframe": "1d"}], "others": True},
        "chart 1 'AAPL_1d', chart 2 'EURUSD_1h' are all AAPL 1d; one chart a series: list those to read under charts",
    ),
    "no chart": (
        b'[{"id": "3", "name": "gold"}]',
        {},
        "chart row 1: {'id': '3', 'name': 'gold'}; an object with the chart's id and name",
    ),
}


@pytest.mark.parametrize(("listing", "options", "expected"), CHART_FAULTS.values(), ids=CHART_FAULTS)
def test_charts_that_cannot_be_read(
    annotator: Any, tmp_path: Path, listing: bytes | None, options: dict[str, Any], expected: str
) -> None:
    """Charts that are not there, have no series or share one are named, all at once."""
    if listing is not None:
        annotator.reply(CHARTS, listing)
    url = annotator.url
    assert failure(url, tmp_path, **options) == f"{url}: {expected.replace('{}', url)}"


def candle(time: object, **more: object) -> dict[str, object]:
    return {"time": time, "open": 2, "high": 3, "low": 1, "close": 2, **more}


BAD_CANDLES = {
    "no object": (5, "5; an object"),
    "no time": ({"open": 2, "high": 3, "low": 1, "close": 2}, "no time; whole Unix seconds"),
    "a date": (candle("2024-01-02"), "time '2024-01-02'; whole Unix seconds"),
    "milliseconds": (candle(1704412800000), "time 1704412800000; whole Unix seconds"),
    "half a second": (candle(1704412800.5), "time 1704412800.5; whole Unix seconds"),
    "twice": (candle(1704240000, close=2.5), "time 1704240000 a second time; one row a time"),
    "text": (candle(1704412800, open="2"), "open '2'; a number such as 101.5"),
    "no price": (candle(1704412800, low=0), "low 0.0; a price above zero"),
    "upside down": (candle(1704412800, high=0.5), "high 0.5 below low 1.0; high at least low"),
    "no volume": (candle(1704412800, volume=None), "no volume; a number such as 101.5"),
}


@pytest.mark.parametrize(("row", "expected"), BAD_CANDLES.values(), ids=BAD_CANDLES)
def test_bad_candles_are_named_by_number(annotator: Any, tmp_path: Path, row: object, expected: str) -> None:
    """A row that is no candle is set aside with its number; with `strict` it is an error."""
    good = [candle(1704153600 + 86400 * day, volume=5) for day in range(3)]
    row = {"volume": 5, **row} if isinstance(row, dict) else row
    annotator.reply(CANDLES, json.dumps([*good, row]).encode())
    url, charts = annotator.url, [{"chart": 1}]
    annotator.reply("/api/span-annotations?chartId=1", b"[]")
    annotator.reply("/api/reviewed-ranges?chartId=1", b"[]")
    found: Any = read(url, tmp_path, charts=charts)
    (rejected,) = found.rejected
    message = f"{url}{CANDLES}: candle 4: {expected}"
    assert f"{rejected.where}: {rejected.found}; {rejected.expected}" == message
    assert len(found.candles[0]) == 3
    assert failure(url, tmp_path, charts=charts, strict=True) == message


def test_a_chart_without_candles(annotator: Any, tmp_path: Path) -> None:
    """A chart that holds nothing is an error."""
    annotator.reply(CANDLES, b"[]")
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{CANDLES}: no candles; a chart with candles"


def test_candles_of_another_timeframe(annotator: Any, tmp_path: Path) -> None:
    """Candles closer than the timeframe are refused whole."""
    expected = "candles open 86400 s apart (median), though the timeframe is 1w; the timeframe of the candles"
    charts = [{"chart": 1, "timeframe": "1w"}]
    assert failure(annotator.url, tmp_path, charts=charts) == f"{annotator.url}{CANDLES}: {expected}"


BAD_ANNOTATIONS = {
    "no object": ("x", "'x'; an object"),
    "no start": ({"end_time": 1704153600, "label": "x"}, "no start_time; whole Unix seconds"),
    "no label": (
        {"id": 1, "start_time": 1704153600, "end_time": 1704153600},
        "no label; the name of a pattern, or O for none",
    ),
    "confidence": (
        {"id": 1, "start_time": 1704153600, "end_time": 1704153600, "label": "x", "confidence": 9},
        "confidence 9 of source human; a number from 1 to 5",
    ),
}


@pytest.mark.parametrize(("row", "expected"), BAD_ANNOTATIONS.values(), ids=BAD_ANNOTATIONS)
def test_bad_annotations_are_named_by_number(annotator: Any, tmp_path: Path, row: object, expected: str) -> None:
    """A row that is no annotation is set aside with its number."""
    path = "/api/span-annotations?chartId=1"
    annotator.reply(path, json.dumps([row]).encode())
    found: Any = read(annotator.url, tmp_path, charts=[{"chart": 1}])
    (rejected,) = found.rejected
    message = f"{annotator.url}{path}: annotation 1: {expected}"
    assert f"{rejected.where}: {rejected.found}; {rejected.expected}" == message


def test_rows_of_another_chart(annotator: Any, tmp_path: Path) -> None:
    """An annotator that answers with another chart's rows is not believed."""
    path = "/api/span-annotations?chartId=1"
    annotator.reply(path, b'[{"id": 1, "chart_id": 2, "start_time": 1704153600, "end_time": 1704153600, "label": "x"}]')
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{path}: a row of chart 2; rows of chart 1 only"


def test_bad_label_types_are_named(annotator: Any, tmp_path: Path) -> None:
    """A label type without a name or with an impossible color is set aside."""
    annotator.reply("/api/span-label-types", b'[{"color": "red"}, {"name": "x", "color": "url(y)"}]')
    found: Any = read(annotator.url, tmp_path)
    where = f"{annotator.url}/api/span-label-types: label"
    assert [(row.where, row.found, row.expected) for row in found.rejected] == [
        (f"{where} 1", "{'color': 'red'}", "an object with the label's name"),
        (f"{where} 2", "color 'url(y)'", "a CSS color such as #26a69a"),
    ]

"""The annotation source `talib-patterns`, and the functions that a server calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib

from candle_ml.annotations import Annotation, Ingest
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import ConfigError
from candle_ml_features_talib.labels import PatternLabels, available, detect
from candle_ml_features_talib.options import PatternLabelOptions


def read(known: Ingest, **options: Any) -> Ingest:
    return PatternLabels(PatternLabelOptions(**options)).read(SourceContext(Path(), known))


def test_every_engulfing_of_talib_is_labelled(apple: Candles) -> None:
    """Each non-zero value is one span of two candles with its side, its strength and an id of its own."""
    values = talib.CDLENGULFING(apple.open, apple.high, apple.low, apple.close)
    rows = np.flatnonzero(values)
    found = detect(apple, ["CDLENGULFING"])
    assert [annotation.end_time for annotation in found] == apple.time[rows].tolist()
    assert [annotation.start_time for annotation in found] == apple.time[rows - 1].tolist()
    assert [annotation.label for annotation in found] == [
        "bullish_engulfing" if value > 0 else "bearish_engulfing" for value in values[rows]
    ]
    assert [annotation.confidence for annotation in found] == [abs(value) / 100 for value in values[rows].tolist()]
    assert {annotation.source for annotation in found} == {"talib"}
    assert found[0].id == f"talib:CDLENGULFING:{apple.time[rows[0]]}"
    assert found[0].series == apple.key


def test_a_confirmed_pattern_has_the_full_strength(apple: Candles) -> None:
    """A value of 200, which TA-Lib gives to a confirmed hikkake, has confidence 1."""
    values = talib.CDLHIKKAKE(apple.open, apple.high, apple.low, apple.close)
    assert np.abs(values).max() == 200
    assert {annotation.confidence for annotation in detect(apple, ["CDLHIKKAKE"])} == {1.0}


def test_weak_patterns_are_left_out(apple: Candles) -> None:
    """`minimum_strength` 1 leaves the harami of 100 and drops those of 80."""
    found = detect(apple, ["CDLHARAMI"])
    strong = detect(apple, ["CDLHARAMI"], minimum_strength=1.0)
    assert {annotation.confidence for annotation in found} == {0.8, 1.0}
    assert strong == [annotation for annotation in found if annotation.confidence == 1.0]


def test_a_span_has_the_patterns_own_length(candles: Candles) -> None:
    """Spans of every pattern run over as many candles as the pattern has, inside the series, by end time."""
    lengths = {"CDLDOJI": 1, "CDLPIERCING": 2, "CDLMORNINGSTAR": 3, "CDL3LINESTRIKE": 4, "CDLRISEFALL3METHODS": 5}
    found = detect(candles, list(lengths))
    for annotation in found:
        first, last = candles.index_range(annotation.start_time, annotation.end_time)
        assert last - first + 1 == lengths[annotation.id.split(":")[1]]
    assert [annotation.end_time for annotation in found] == sorted(annotation.end_time for annotation in found)


def test_all_functions_are_available_by_name() -> None:
    """The server can list 61 functions with TA-Lib's display name and lookback."""
    listed = available()
    assert len(listed) == 61
    assert ("CDLENGULFING", "Engulfing Pattern", 2) in listed
    assert ("CDLDOJI", "Doji", 10) in listed


def test_a_function_that_is_no_pattern_is_refused(apple: Candles) -> None:
    """Detection of anything but a candle pattern is refused by name."""
    with pytest.raises(ConfigError) as caught:
        detect(apple, ["RSI"])
    assert str(caught.value) == "talib-patterns: 'RSI' is no candle pattern of TA-Lib; such as CDLENGULFING"


def test_all_known_series_are_labelled(all_candles: list[Candles]) -> None:
    """Every series read before is labelled and declared as scanned after the longest lookback."""
    ingest = read(Ingest(candles=tuple(all_candles)))
    assert {annotation.series for annotation in ingest.annotations} == {candles.key for candles in all_candles}
    assert ingest.candles == ()
    for candles, reviewed in zip(all_candles, ingest.reviewed, strict=True):
        assert (reviewed.start_time, reviewed.end_time) == (candles.time[14], candles.time[-1])
        assert reviewed.origin == "scanned"


def test_a_scanned_range_names_what_was_looked_for(apple: Candles) -> None:
    """The scanned range holds both sides of the chosen patterns, and begins after their own lookback."""
    ingest = read(Ingest(candles=(apple,)), functions=["CDLENGULFING", "CDLDOJI"], exclude=["CDLDOJI"])
    assert ingest.reviewed[0].labels == {"bullish_engulfing", "bearish_engulfing"}
    assert ingest.reviewed[0].start_time == apple.time[2]
    assert {annotation.label for annotation in ingest.annotations} == ingest.reviewed[0].labels


def test_a_series_too_short_is_noted(apple: Candles) -> None:
    """A series without a candle after the lookback has no range, and the reader is told."""
    ingest = read(Ingest(candles=(apple[:14],)), functions=["CDLMATHOLD"])
    assert (ingest.annotations, ingest.reviewed) == ((), ())
    assert ingest.notes == ("talib-patterns: AAPL 1d has 14 candles, 15 are needed",)


def human(candles: Candles, row: int, series: SeriesKey | None = None) -> Annotation:
    time = int(candles.time[row])
    return Annotation("span:1", series or candles.key, time, time, "bull_flag")


def test_labels_beside_human_ones_can_be_added_or_skipped(apple: Candles) -> None:
    """`skip_overlapping` drops labels that share a candle with an annotation of their series, and no other."""
    every = detect(apple, ["CDLENGULFING"])
    row = apple.index_range(every[5].start_time, every[5].end_time)[0]
    known = Ingest(candles=(apple,), annotations=(human(apple, row),))
    choice = {"functions": ["CDLENGULFING"]}
    assert list(read(known, **choice).annotations) == every
    kept = list(read(known, merge="skip_overlapping", **choice).annotations)
    assert kept == [one for one in every if not one.start_time <= apple.time[row] <= one.end_time]
    assert 1 <= len(every) - len(kept) <= 2
    elsewhere = replace(known, annotations=(human(apple, row, SeriesKey("MSFT", "1d")),))
    assert list(read(elsewhere, merge="skip_overlapping", **choice).annotations) == every


def test_labels_do_not_depend_on_later_candles(apple: Candles) -> None:
    """Cutting the series keeps every label that ends before the cut."""
    every = detect(apple, ["CDLENGULFING", "CDLHIKKAKE", "CDLMORNINGSTAR"])
    cut = detect(apple[:2000], ["CDLENGULFING", "CDLHIKKAKE", "CDLMORNINGSTAR"])
    assert cut == [one for one in every if one.end_time < apple.time[2000]]


def test_progress_is_reported(apple: Candles) -> None:
    """The reader hears which series is being scanned, of how many."""
    heard: list[tuple[str, int, int]] = []
    context = SourceContext(Path(), Ingest(candles=(apple,)), lambda *told: heard.append(told))
    PatternLabels(PatternLabelOptions(functions=["CDLDOJI"])).read(context)
    assert heard == [("talib-patterns", 0, 1)]

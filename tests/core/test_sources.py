"""Sources are merged into one data set, and nothing is lost on the way without a word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml.sources import (
    Dataset,
    ingest,
    iso_time,
    merge_candles,
    refuse,
)

DAY = 86400
FIRST = 1704153600  # 2024-01-02T00:00:00Z
A, B = SeriesKey("A", "1d"), SeriesKey("B", "1d")
ROOT = Path()


def day(number: float) -> int:
    return int(FIRST + number * DAY)


def daily(key: SeriesKey = A, first: int = 0, count: int = 30, price: float = 1.0, volume: bool = False) -> Candles:
    prices = np.full(count, price)
    time = FIRST + DAY * np.arange(first, first + count)
    return Candles(key, time, prices, prices, prices, prices, np.ones(count) if volume else None)


def span(
    start: float, end: float, label: str = "flag", name: str = "span:1", key: SeriesKey = A, source: str = "human"
) -> Annotation:
    return Annotation(name, key, day(start), day(end), label, source)


def seen(start: float, end: float, origin: str = "explicit", labels: set[str] | None = None) -> ReviewedRange:
    return ReviewedRange(A, day(start), day(end), origin, None if labels is None else frozenset(labels))


@dataclass(frozen=True)
class Given:
    """A source that has read what it is made of."""

    has: Ingest

    def read(self, context: SourceContext) -> Ingest:
        return self.has


def of(*parts: Ingest, strict: bool = False, assume_reviewed: bool = True) -> Dataset:
    named = [(f"source{number}", Given(part)) for number, part in enumerate(parts, 1)]
    return ingest(named, ROOT, strict=strict, assume_reviewed=assume_reviewed)


def with_candles(*annotations: Annotation, reviewed: tuple[ReviewedRange, ...] = (), **more: object) -> Dataset:
    return of(Ingest(candles=(daily(),), annotations=annotations, reviewed=reviewed), **more)  # type: ignore[arg-type]


def test_sources_see_what_was_read_before_them() -> None:
    """Each source is given the root folder and the merged candles and annotations of the sources before it."""
    contexts: list[SourceContext] = []

    class Watching:
        def read(self, context: SourceContext) -> Ingest:
            contexts.append(context)
            return Ingest()

    first, second = Given(Ingest(candles=(daily(count=3),))), Given(Ingest(candles=(daily(first=2, count=3),)))
    ingest([("one", first), ("two", second), ("three", Watching())], Path("here"))
    assert contexts[0].root == Path("here")
    assert [len(candles) for candles in contexts[0].known.candles] == [5]


def test_series_annotations_and_ranges_are_in_order() -> None:
    """Series are ordered by key, annotations by start, end and id, reviewed ranges by start."""
    annotations = (span(5, 6, name="span:2"), span(5, 6, name="span:1"), span(5, 5), span(1, 9, name="span:9"))
    spans = tuple(replace(one, id=f"{one.id}{number}") for number, one in enumerate(annotations))
    dataset = of(Ingest((daily(B), daily()), spans, (seen(9, 12), seen(1, 3))))
    assert list(dataset.series) == [A, B]
    assert [one.id for one in dataset.series[A].annotations] == ["span:93", "span:12", "span:11", "span:20"]
    assert dataset.series[A].reviewed == (seen(1, 3), seen(9, 12))


def test_no_candles_at_all_is_an_error() -> None:
    """Sources without candles are refused."""
    with pytest.raises(DataError) as error:
        of(Ingest(annotations=(span(1, 2),)))
    expected = "data: no candles were read; add a source that has some, such as candle-files"
    assert str(error.value) == expected


def test_candles_of_two_sources_become_one_series() -> None:
    """The same candles read twice count once, with a note; a candle with other values is named and left out."""
    later = daily(first=20, count=20)
    later.close[12:] = later.high[12:] = 2.0
    conflict = daily(first=29, count=1, price=3.0)
    dataset = of(Ingest((daily(),)), Ingest((later,)), Ingest((conflict,)))
    candles = dataset.series[A].candles
    assert candles.time.tolist() == [day(number) for number in range(40)]
    assert candles.close.tolist() == [1.0] * 32 + [2.0] * 8
    assert dataset.notes == ("source2: A 1d: 10 candles had been read before, with the same values",)
    found = "time 2024-01-31T00:00:00Z a second time, with other values than open 1, high 1, low 1, close 1"
    expected = "two files or sources of A 1d disagree: keep one of them"
    assert dataset.rejected == (RejectedRow("source3: A 1d: 2024-01-31T00:00:00Z", found, expected),)


def test_volume_of_one_source_only_is_dropped_with_a_note() -> None:
    """A series with volume in only one of its sources has none."""
    dataset = of(Ingest((daily(volume=True),)), Ingest((daily(first=30, count=2),)))
    assert dataset.series[A].candles.volume is None
    assert dataset.notes == ("source2: A 1d: volume dropped, because some candles have none",)


def test_volume_of_both_sources_is_kept() -> None:
    """Volume is part of what makes two candles the same."""
    other = daily(count=31, volume=True)
    assert other.volume is not None
    other.volume[3] = 7.0
    merged = merge_candles(daily(volume=True), other)
    assert merged.candles.volume is not None
    assert merged.candles.volume.tolist() == [1.0] * 31
    assert (merged.repeated, len(merged.refused), merged.volume_dropped) == (29, 1, False)


def test_prices_of_another_scale_are_refused_when_merged() -> None:
    """Candles whose prices are thousands of times those before them are left out."""
    merged = merge_candles(daily(), daily(first=30, count=1, price=2000.0))
    assert len(merged.candles) == 30
    assert merged.refused == ((day(30), "high 2000.0, low 2000.0", "prices within 1000 times the close before"),)


def test_an_annotation_read_twice_counts_once() -> None:
    """The same annotation of two sources is kept once, with a note."""
    dataset = of(Ingest((daily(),), (span(1, 2),)), Ingest(annotations=(span(1, 2),)))
    assert dataset.series[A].annotations == (span(1, 2),)
    assert "source2: A 1d: span:1: had been read before, with the same values" in dataset.notes
    assert dataset.rejected == ()


def test_another_annotation_under_a_taken_id_is_named() -> None:
    """An id that two sources give different annotations is kept for the first and named for the second."""
    dataset = of(Ingest((daily(),), (span(1, 2),)), Ingest(annotations=(span(1, 2, "wedge"),)))
    assert [one.label for one in dataset.series[A].annotations] == ["flag"]
    expected = "one annotation an id; source1 has another"
    assert dataset.rejected == (RejectedRow("source2: A 1d: span:1", "an id that is taken", expected),)


EXTENT = "candles stand from 2024-01-02T00:00:00Z to 2024-01-31T00:00:00Z"
OUTSIDE = {
    "after": (span(40, 44), "no candle opens in 2024-02-11T00:00:00Z to 2024-02-15T00:00:00Z", EXTENT),
    "before": (span(-9, -3), "no candle opens in 2023-12-24T00:00:00Z to 2023-12-30T00:00:00Z", EXTENT),
    "between": (span(1.2, 1.8), "no candle opens in 2024-01-03T04:48:00Z to 2024-01-03T19:12:00Z", EXTENT),
    "over the start": (span(-3, 4), "2023-12-30T00:00:00Z to 2024-01-06T00:00:00Z reaches outside the candles", EXTENT),
    "over the end": (span(28, 33), "2024-01-30T00:00:00Z to 2024-02-04T00:00:00Z reaches outside the candles", EXTENT),
}


@pytest.mark.parametrize(("annotation", "found", "expected"), OUTSIDE.values(), ids=OUTSIDE.keys())
def test_an_annotation_outside_the_candles_is_named(annotation: Annotation, found: str, expected: str) -> None:
    """An annotation that covers no candle, or more than there are, is set aside with the extent of the candles."""
    dataset = with_candles(annotation)
    assert dataset.series[A].annotations == ()
    assert dataset.rejected == (RejectedRow("source1: A 1d: span:1", found, expected),)


def test_an_annotation_of_a_series_without_candles_is_named() -> None:
    """An annotation whose series no source has read is set aside."""
    dataset = with_candles(span(1, 2, key=B))
    expected = RejectedRow(
        "source1: B 1d: span:1", "a series without candles", "a series that a source reads candles of"
    )
    assert dataset.rejected == (expected,)


def test_annotations_are_moved_to_the_candles_within_them() -> None:
    """An annotation starts and ends at opens of candles, and a note says how many were moved."""
    dataset = with_candles(span(1.5, 3.5), span(28, 30.5, name="span:2"), span(-0.9, 2, name="span:3"))
    times = {one.id: (one.start_time, one.end_time) for one in dataset.series[A].annotations}
    assert times == {"span:1": (day(2), day(3)), "span:2": (day(28), day(29)), "span:3": (day(0), day(2))}
    assert dataset.notes[0] == "source1: A 1d: 3 annotations moved to the candles within them"


def test_given_ranges_end_at_candles_and_the_rest_is_named() -> None:
    """A reviewed range is cut to the candles in it; one that covers none, or is of no series read, is set aside."""
    dataset = with_candles(reviewed=(seen(-5, 3.5), seen(40, 50), ReviewedRange(B, day(1), day(2))))
    assert dataset.series[A].reviewed == (seen(0, 3),)
    assert dataset.rejected == (
        RejectedRow(
            "source1: A 1d: reviewed range",
            "no candle opens in 2024-02-11T00:00:00Z to 2024-02-21T00:00:00Z",
            "a range of the candles",
        ),
        RejectedRow(
            "source1: B 1d: reviewed range",
            "no candle opens in 2024-01-03T00:00:00Z to 2024-01-04T00:00:00Z",
            "a range of the candles",
        ),
    )


def test_without_given_ranges_the_extent_of_annotations_is_assumed() -> None:
    """A series is assumed to be reviewed from its first to its last annotation, O included, and a note says so."""
    dataset = with_candles(span(3, 5), span(4, 20, name="span:2"), span(8, 9, "O", "span:3"))
    assert dataset.series[A].reviewed == (seen(3, 20, "assumed"),)
    extent = "2024-01-05T00:00:00Z to 2024-01-22T00:00:00Z"
    note = f"A 1d: assumed to be reviewed for every pattern from {extent}, the first to the last annotation"
    assert dataset.notes == (note,)


def test_nothing_is_assumed_where_ranges_are_given_or_assuming_is_off() -> None:
    """Given ranges stand as they are, and assume_reviewed: false assumes nothing."""
    assert with_candles(span(3, 5), reviewed=(seen(1, 9),)).series[A].reviewed == (seen(1, 9),)
    assert with_candles(span(3, 5), assume_reviewed=False).series[A].reviewed == ()
    assert with_candles().series[A].reviewed == ()


def test_scanned_ranges_do_not_stop_the_assumption_about_people() -> None:
    """What a program scanned is kept with its labels, and people's extent is still assumed from their spans only."""
    scanned = seen(0, 29, "scanned", {"star"})
    star = span(25, 26, "star", "cdl:1", source="talib")
    dataset = with_candles(span(3, 5), star, reviewed=(scanned,))
    assert dataset.series[A].reviewed == (scanned, seen(3, 5, "assumed"))


def test_a_program_that_declares_nothing_is_assumed_to_have_looked_for_its_labels() -> None:
    """Programmatic annotations without a range make an assumed range of their own labels only."""
    dataset = with_candles(span(1, 2, "star", "t:1", source="talib"), span(8, 9, "doji", "t:2", source="programmatic"))
    assert dataset.series[A].reviewed == (seen(1, 9, "assumed", {"star", "doji"}),)
    extent = "2024-01-03T00:00:00Z to 2024-01-11T00:00:00Z"
    note = f"A 1d: assumed to be reviewed for doji, star from {extent}, the first to the last annotation"
    assert dataset.notes == (note,)


def test_strict_makes_an_error_of_rows_set_aside() -> None:
    """Strict ingest refuses the data that the default would quarantine, rows that a source set aside included."""
    row = RejectedRow("file.csv: row 3", "open 'x'", "a number")
    with pytest.raises(DataError) as error:
        of(Ingest((daily(),), (span(40, 44),), rejected=(row,)), strict=True)
    assert str(error.value).splitlines() == [
        "file.csv: row 3: open 'x'; a number",
        f"source1: A 1d: span:1: {OUTSIDE['after'][1]}; {EXTENT}",
    ]


def test_the_first_twenty_rows_are_named() -> None:
    """An error about many rows names twenty, counts the rest and says what would do where that is one thing."""
    rows = [RejectedRow(f"row {number}", "bad", "good") for number in range(25)]
    lines = str(refuse("folder", rows)).splitlines()
    assert lines[19:] == ["row 19: bad; good", "folder: 5 more bad rows; good"]
    lines = str(refuse("folder", [*rows, RejectedRow("row 25", "bad", "better")])).splitlines()
    assert lines[20:] == ["folder: 6 more bad rows"]


def test_colors_of_earlier_sources_win() -> None:
    """The color of a label is the one that the first source gives."""
    dataset = of(
        Ingest((daily(),), label_colors={"flag": "red"}), Ingest(label_colors={"flag": "blue", "wedge": "green"})
    )
    assert dataset.label_colors == {"flag": "red", "wedge": "green"}


def test_times_are_shown_in_utc() -> None:
    """Unix seconds are shown as ISO date-times in UTC."""
    assert iso_time(FIRST + 3661) == "2024-01-02T01:01:01Z"


def test_progress_names_each_source() -> None:
    """Reading reports which source is at work and how many are done."""
    steps: list[tuple[str, int, int]] = []
    ingest([("files", Given(Ingest((daily(),))))], ROOT, progress=lambda *step: steps.append(step))
    assert steps == [("reading files", 0, 1), ("reading", 1, 1)]

"""What a data set holds: its hash, its reviewed ranges, its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import SourceContext
from candle_ml.sources import Dataset, SeriesData, describe, effective_reviewed, ingest

DAY = 86400
FIRST = 1704153600  # 2024-01-02T00:00:00Z
A, B = SeriesKey("A", "1d"), SeriesKey("B", "1d")


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


def of(*parts: Ingest) -> Dataset:
    return ingest([(f"source{number}", Given(part)) for number, part in enumerate(parts, 1)], Path())


def test_the_hash_is_of_content_not_of_order() -> None:
    """The same content in other order, from other sources, has the same hash."""
    spans = (span(1, 2), span(5, 9, name="span:2"))
    ranges = (seen(0, 3), seen(5, 20, labels={"x", "y"}))
    one = of(Ingest((daily(), daily(B)), spans, ranges))
    other = of(
        Ingest((daily(B),)),
        Ingest((daily(first=10, count=20),)),
        Ingest((daily(),)),
        Ingest((), spans[::-1], ranges[::-1]),
    )
    assert one.hash == other.hash
    assert len(one.hash) == 64


CHANGES = {
    "price": Ingest((daily(price=1.5),), (span(1, 2),), (seen(0, 3),)),
    "count": Ingest((daily(count=29),), (span(1, 2),), (seen(0, 3),)),
    "series": Ingest((daily(), daily(B)), (span(1, 2),), (seen(0, 3),)),
    "volume": Ingest((daily(volume=True),), (span(1, 2),), (seen(0, 3),)),
    "label": Ingest((daily(),), (span(1, 2, "wedge"),), (seen(0, 3),)),
    "source": Ingest((daily(),), (span(1, 2, source="talib"),), (seen(0, 3),)),
    "id": Ingest((daily(),), (span(1, 2, name="span:2"),), (seen(0, 3),)),
    "confidence": Ingest((daily(),), (replace(span(1, 2), confidence=0.5),), (seen(0, 3),)),
    "range": Ingest((daily(),), (span(1, 2),), (seen(0, 4),)),
    "labels looked for": Ingest((daily(),), (span(1, 2),), (seen(0, 3, labels={"flag"}),)),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_the_hash_changes_with_the_content(changed: Ingest) -> None:
    """Whatever a model could learn from is in the hash."""
    assert of(changed).hash != of(Ingest((daily(),), (span(1, 2),), (seen(0, 3),))).hash


def reviewed(*ranges: ReviewedRange, labels: tuple[str, ...] = ("flag", "star")) -> list[tuple[int, int, str]]:
    found = effective_reviewed(SeriesData(daily(), (), ranges), labels)
    assert all(one.labels == frozenset(labels) - {"O"} for one in found)
    return [((one.start_time - FIRST) // DAY, (one.end_time - FIRST) // DAY, one.origin) for one in found]


def test_a_range_without_labels_covers_every_pattern() -> None:
    """Ranges of people that touch or overlap are one run; a gap of candles parts them."""
    assert reviewed(seen(0, 4), seen(5, 9), seen(8, 12), seen(15, 16)) == [(0, 12, "explicit"), (15, 16, "explicit")]


def test_scanned_ranges_cover_their_labels_only() -> None:
    """Where only some of the patterns were looked for, "no label" is no evidence about the others."""
    assert reviewed(seen(0, 29, "scanned", {"star"})) == []
    assert reviewed(seen(0, 29, "scanned", {"star"}), labels=("star", "O")) == [(0, 29, "scanned")]


def test_ranges_of_different_patterns_intersect() -> None:
    """Candles count where every one of the patterns was looked for, by whomever."""
    ranges = (seen(0, 20, "scanned", {"star"}), seen(10, 29, labels={"flag"}), seen(27, 28))
    assert reviewed(*ranges) == [(10, 20, "scanned"), (27, 28, "explicit")]


def test_the_weakest_origin_names_a_run() -> None:
    """A run that rests on an assumption is assumed."""
    assert reviewed(seen(0, 9, "assumed"), seen(5, 12)) == [(0, 12, "assumed")]


def test_without_labels_nothing_was_looked_for() -> None:
    """No label, or O alone, gives no reviewed range."""
    assert reviewed(seen(0, 9), labels=()) == []
    assert reviewed(seen(0, 9), labels=("O",)) == []


def test_the_report_counts_what_a_data_set_holds() -> None:
    """The report gives candles, gaps, annotations, reviewed shares and rows set aside by series and origin."""
    gapped = Candles.from_columns(A, np.array([day(0), day(1), day(4), day(5)]), *(np.ones((4, 4))))
    rows = (RejectedRow("a.csv: row 3", "open 'x'", "a number"), RejectedRow("a.csv: row 9", "open 'y'", "a number"))
    spans = (span(0, 1), span(4, 4, name="span:2"), span(4, 5, "star", "t:1", source="talib"))
    ranges = (seen(0, 1), seen(0, 5, "scanned", {"star"}))
    dataset = of(Ingest((gapped,), spans, ranges, {"flag": "red"}, rows, ("a note",)))
    report = describe(dataset)
    assert report.model_dump() == {
        "hash": dataset.hash,
        "series": (
            {
                "pair": "A",
                "timeframe": "1d",
                "candles": 4,
                "first_time": "2024-01-02T00:00:00Z",
                "last_time": "2024-01-07T00:00:00Z",
                "has_volume": False,
                "gaps": 1,
                "longest_gap_seconds": 3 * DAY,
                "annotations": (
                    {"label": "flag", "source": "human", "annotations": 2, "candles": 3},
                    {"label": "star", "source": "talib", "annotations": 1, "candles": 2},
                ),
                "reviewed": (
                    {"origin": "explicit", "labels": None, "share": 0.5},
                    {"origin": "scanned", "labels": ("star",), "share": 1.0},
                ),
            },
        ),
        "rejected": 2,
        "rejected_by_origin": ({"where": "a.csv", "rows": 2, "first": "a.csv: row 3: open 'x'; a number"},),
        "label_colors": {"flag": "red"},
        "notes": ("a note",),
    }

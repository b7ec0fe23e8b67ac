"""Windows that overlap a pattern: which are learned as the pattern, and which as nothing."""

from __future__ import annotations

from typing import Any

from .windowed_marks import encode, known_candle, mark, reviewed, windows


def test_overlapping_positives_are_every_window_that_overlaps_well() -> None:
    """A span of 10 candles is learned through every window of 8 or 10 with an intersection over union of 0.75."""
    chosen: dict[str, Any] = {"positives": {"windows": "overlapping", "iou": 0.75}, "fit": "stretch", "scales": [8, 10]}
    encoded = encode([mark(40, 49, source="talib")], weights={"talib": 0.5}, **chosen)
    extents = [(first, last) for first, last, label in windows(encoded.samples) if label == "flag"]
    assert extents == [(40, 47), (41, 48), (39, 48), (42, 49), (40, 49), (41, 50)]
    assert known_candle(encoded.samples) == [49, 49, 49, 49, 49, 50]
    assert set(encoded.samples.weight.tolist()) == {0.5}
    assert set(encoded.samples.span_length.tolist()) == {10}


def test_of_two_patterns_a_window_is_the_one_that_it_overlaps_best() -> None:
    """Between two labels kept on nearly the same candles, each window is learned once, for the better overlap."""
    chosen: dict[str, Any] = {
        "positives": {"windows": "overlapping", "iou": 0.5},
        "fit": "stretch",
        "scales": [6],
        "overlap": "keep",
    }
    samples = encode([mark(40, 45), mark(43, 48, "wedge", 2)], **chosen).samples
    assert windows(samples) == [
        *[(first, first + 5, "flag") for first in (38, 39, 40, 41)],
        *[(first, first + 5, "wedge") for first in (42, 43, 44, 45)],
    ]


def test_patterns_without_a_window_that_overlaps_well_are_counted() -> None:
    """A span of 30 candles beside windows of 6 gives no sample, and the count says so."""
    encoded = encode([mark(40, 69), mark(80, 85, number=2)], positives={"windows": "overlapping"})
    assert {label for _, _, label in windows(encoded.samples)} == {"flag"}
    only_short = encode([mark(40, 69)], positives={"windows": "overlapping"}, fit="stretch", scales=[6])
    assert len(only_short.samples) == 0
    assert only_short.left_out["far from every scale"] == 1


def test_negatives_by_overlap_hold_parts_of_patterns() -> None:
    """With clear overlap a negative shares less than 0.4 with every span; windows that share more are nothing."""
    negatives = {"clear": "overlap", "minimum": 1000, "near": 1.0, "margin": 0}
    encoded = encode([mark(40, 45)], [reviewed(20, 69)], negatives=negatives, fit="stretch")
    lasts = [last for _, last, label in windows(encoded.samples) if label == "O"]
    assert lasts == [*range(25, 43), *range(48, 70)]
    assert encoded.left_out["window near an annotation"] == 5


def test_near_sets_the_share_of_negatives_that_touch_a_pattern() -> None:
    """Of 20 negatives 5 come near the span where near is 0.25, and none where it is 0."""
    for near, count in ((0.25, 5), (0.0, 0)):
        negatives = {"clear": "overlap", "minimum": 20, "ratio": 0.0, "near": near, "margin": 0}
        samples = encode([mark(40, 49)], [reviewed(0, 99)], negatives=negatives, fit="stretch").samples
        touching = [w for w in windows(samples) if w[2] == "O" and w[1] >= 40 and w[0] <= 49]
        assert (len(touching), sum(w[2] == "O" for w in windows(samples))) == (count, 20)


def test_negatives_by_overlap_keep_away_from_doubtful_annotations() -> None:
    """No negative shares a candle with an annotation below the minimum confidence."""
    negatives = {"clear": "overlap", "minimum": 1000, "near": 1.0}
    doubtful = mark(40, 45, confidence=0.1)
    samples = encode([doubtful], [reviewed(20, 69)], minimum_confidence=0.5, negatives=negatives, fit="stretch").samples
    assert [last for _, last, _ in windows(samples)] == [*range(25, 40), *range(51, 70)]

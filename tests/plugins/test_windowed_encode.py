"""From annotations to windows: where they stand, which rules leave them out, and where negatives come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import ValidationError

from candle_ml.candles import Candles, SeriesKey
from candle_ml.plugins import PluginManager
from candle_ml_labels_windowed.options import NegativeOptions, PositiveOptions, WindowedOptions

from .windowed_marks import KEY, START, encode, encoder, known_candle, make_candles, mark, reviewed, windows


def test_the_plugin_offers_the_encoder() -> None:
    """The installed plugin offers a label encoder called windowed, built from default options."""
    component = PluginManager.load(()).component("label-encoder", "windowed")
    built = component.build(component.options())
    assert (built.kind, built.width, built.longest_window) == ("window", 24, 24)


@pytest.mark.parametrize(("first", "last"), [(40, 41), (40, 45), (30, 60)])
def test_a_window_ends_where_its_span_ends(first: int, last: int) -> None:
    """With anchor end the window is the N candles up to the span's last, and is known at that candle."""
    samples = encode([mark(first, last)]).samples
    assert windows(samples) == [(last - 5, last, "flag")]
    assert known_candle(samples) == [last]
    assert (samples.span_length[0], samples.annotation_ids[samples.annotation[0]]) == (last - first + 1, "span:1")


@pytest.mark.parametrize(
    ("first", "last", "window", "known"),
    [(40, 43, (39, 44), 44), (40, 40, (37, 42), 42), (40, 44, (39, 44), 44), (30, 41, (33, 38), 41)],
)
def test_a_centered_window_is_known_when_it_and_its_span_are_over(
    first: int, last: int, window: tuple[int, int], known: int
) -> None:
    """With anchor center window and span share their middle, the earlier of two where the lengths differ by one."""
    samples = encode([mark(first, last)], anchor="center").samples
    assert windows(samples) == [(*window, "flag")]
    assert known_candle(samples) == [known]


def test_stretched_spans_are_seen_through_the_nearest_scale() -> None:
    """Spans of 5, 9 and 16 candles take the scales 6, 12 (nearer by ratio) and 12; rows stay N wide."""
    marks = [mark(10, 14, number=1), mark(40, 48, number=2), mark(70, 85, number=3)]
    samples = encode(marks, fit="stretch", scales=[12, 6]).samples
    assert windows(samples) == [(9, 14, "flag"), (37, 48, "flag"), (74, 85, "flag")]
    assert samples.scale.tolist() == [6, 12, 12]
    assert samples.width == 6


def test_spans_far_from_every_scale_are_left_out() -> None:
    """A span more than twice as long or less than half as long as any scale is counted, not trained on."""
    marks = [mark(10, 11, number=1), mark(40, 42, number=2), mark(60, 84, number=3), mark(70, 93, number=4)]
    encoded = encode(marks, fit="stretch", scales=[6, 12], overlap="keep")
    assert windows(encoded.samples) == [(37, 42, "flag"), (82, 93, "flag")]
    assert encoded.left_out == {"far from every scale": 2, "window not reviewed": 184}


def test_what_the_candles_cannot_hold_is_left_out() -> None:
    """No candle within, a span over the edge of the candles and a window over their edge are each counted."""
    between = replace(mark(50, 50, number=3), start_time=START + 50 * 3600 + 60, end_time=START + 50 * 3600 + 120)
    marks = [mark(3, 4, number=1), mark(98, 100, number=2), between, mark(-2, 8, number=4), mark(5, 5, number=5)]
    encoded = encode(marks)
    assert windows(encoded.samples) == [(0, 5, "flag")]
    assert encoded.left_out == {
        "no candles": 1,
        "reaches outside the candles": 2,
        "window not reviewed": 95,
        "window reaches outside the candles": 1,
    }


def test_unsure_annotations_are_neither_pattern_nor_negative() -> None:
    """Below the minimum confidence an annotation gives no sample, and no negative comes from its candles."""
    marks = [mark(40, 45, number=1, confidence=0.3), mark(60, 65, number=2), mark(80, 85, number=3, confidence=0.5)]
    encoded = encode(marks, [reviewed(30, 50)], minimum_confidence=0.5, negatives={"minimum": 100})
    assert encoded.left_out["below the minimum confidence"] == 1
    positives = [window for window in windows(encoded.samples) if window[2] == "flag"]
    assert positives == [(60, 65, "flag"), (80, 85, "flag")]
    negatives = [window for window in windows(encoded.samples) if window[2] == "O"]
    assert [last for _, last, _ in negatives] == [35, 36]


def test_the_same_span_and_label_counts_once_by_precedence() -> None:
    """Of a human's and a script's equal span the human's is kept, and of two equal ones the later id."""
    marks = [
        mark(40, 45, number=1, source="programmatic", confidence=1.0),
        mark(40, 45, number=2, source="human"),
        mark(70, 75, number=9),
        mark(70, 75, number=10),
    ]
    encoded = encode(marks)
    assert encoded.left_out["duplicate"] == 2
    samples = encoded.samples
    assert [samples.annotation_ids[row] for row in samples.annotation] == ["span:2", "span:10"]


OVERLAPPING = [
    mark(40, 45, "flag", number=1, source="model_confirmed", confidence=1.0),
    mark(41, 46, "wedge", number=2, source="human"),
    mark(44, 49, "wick", number=3, source="human"),
]


def test_of_two_labels_on_the_same_candles_the_more_believed_is_kept() -> None:
    """With overlap prefer the human's wedge outdoes the confirmed flag; a wick that overlaps less stays."""
    encoded = encode(OVERLAPPING)
    assert [label for _, _, label in windows(encoded.samples)] == ["wedge", "wick"]
    assert encoded.left_out["overlap"] == 1


def test_two_labels_on_the_same_candles_can_both_be_kept() -> None:
    """With overlap keep every label gives a sample."""
    encoded = encode(OVERLAPPING, overlap="keep")
    assert [label for _, _, label in windows(encoded.samples)] == ["flag", "wedge", "wick"]
    assert "overlap" not in encoded.left_out


def test_an_outdone_annotation_outdoes_nothing() -> None:
    """A label that loses to a more believed one does not take a third with it."""
    marks = [
        mark(40, 45, "flag", number=1, source="human"),
        mark(41, 46, "wedge", number=2, source="model"),
        mark(42, 47, "wick", number=3, source="talib"),
    ]
    encoded = encode(marks, overlap_iou=0.6)
    assert [label for _, _, label in windows(encoded.samples)] == ["flag", "wick"]


def test_an_annotation_that_two_others_outdo_counts_once() -> None:
    """A script's flag over two human labels is one annotation left out."""
    marks = [
        mark(40, 49, "flag", number=1, source="talib"),
        mark(40, 44, "wedge", number=2),
        mark(45, 49, "wick", number=3),
    ]
    assert encode(marks, overlap_iou=0.3).left_out["overlap"] == 1


@pytest.mark.parametrize(
    ("source", "confidence", "kept"),
    [("human", None, "O"), ("talib", 1.0, "flag"), ("model_confirmed", 0.4, "flag"), ("model_confirmed", 0.9, "O")],
)
def test_a_pattern_and_a_nothing_on_the_same_candles_exclude_each_other(
    source: str, confidence: float | None, kept: str
) -> None:
    """Whatever the overlap rule, the more believed of a pattern and an O stays, and the other is counted."""
    pattern = mark(40, 45, "flag", number=1, source="model_confirmed", confidence=0.5)
    nothing = mark(40, 45, "O", number=2, source=source, confidence=confidence)
    encoded = encode([pattern, nothing], overlap="keep")
    assert windows(encoded.samples) == [(40, 45, kept)]
    assert encoded.left_out["contradicted"] == 1


def test_a_nothing_whose_window_is_a_pattern_is_left_out() -> None:
    """A short O at the end of a pattern would train on the pattern's own window: it is counted instead."""
    encoded = encode([mark(40, 47, "flag", number=1), mark(47, 47, "O", number=2)])
    assert windows(encoded.samples) == [(42, 47, "flag")]
    assert encoded.left_out["contradicted"] == 1


def test_a_dismissed_candle_is_a_hard_negative_with_its_own_weight() -> None:
    """An O needs no reviewed range, and weighs its option times its source."""
    marks = [mark(40, 45, number=1, source="talib"), mark(60, 62, "O", number=2, source="model")]
    encoded = encode(marks, hard_negatives=3.0, weights={"talib": 0.5, "model": 2.0})
    samples = encoded.samples
    assert windows(samples) == [(40, 45, "flag"), (57, 62, "O")]
    assert samples.weight.tolist() == [0.5, 6.0]
    assert (samples.annotation_ids[samples.annotation[1]], samples.span_length[1]) == ("span:2", 3)


def test_nothing_is_negative_where_nobody_looked() -> None:
    """Without a reviewed range there are no negatives; every window is counted as not reviewed."""
    encoded = encode([mark(40, 45)])
    assert windows(encoded.samples) == [(40, 45, "flag")]
    assert encoded.left_out == {"window not reviewed": 95}


def test_negatives_end_clear_of_the_pattern_and_its_margin() -> None:
    """A window is negative where the candles it would claim keep the margin, though it may show the pattern earlier."""
    encoded = encode([mark(40, 42)], [reviewed(20, 59)], negatives={"minimum": 100, "margin": 2})
    negatives = [last for _, last, label in windows(encoded.samples) if label == "O"]
    assert negatives == [*range(25, 38), *range(47, 60)]
    assert encoded.left_out == {"window near an annotation": 9, "window not reviewed": 60}


def test_whole_windows_can_be_kept_clear() -> None:
    """With clear window no candle of a negative window is annotated or within the margin."""
    negatives = {"minimum": 100, "margin": 2, "clear": "window"}
    encoded = encode([mark(40, 42)], [reviewed(20, 59)], negatives=negatives)
    chosen = [last for _, last, label in windows(encoded.samples) if label == "O"]
    assert chosen == [*range(25, 38), *range(50, 60)]
    assert encoded.left_out["window near an annotation"] == 12


def test_a_window_must_be_reviewed_as_a_whole() -> None:
    """A window that starts before a reviewed range or spans a hole between two is no negative; touching ranges join."""
    ranges = [reviewed(0, 9), reviewed(10, 15), reviewed(17, 23)]
    encoded = encode([], ranges, negatives={"minimum": 100})
    assert [last for _, last, _ in windows(encoded.samples)] == [*range(5, 16), 22, 23]


@pytest.mark.parametrize(("minimum", "ratio", "count"), [(7, 3.0, 7), (0, 3.0, 6), (0, 2.25, 5), (0, 0.0, 0)])
def test_ratio_and_minimum_set_how_many_negatives_there_are(minimum: int, ratio: float, count: int) -> None:
    """There are ratio times the positives, rounded up, and at least the minimum; the rest is counted."""
    marks = [mark(40, 45, number=1), mark(60, 65, number=2)]
    encoded = encode(marks, [reviewed(0, 99)], negatives={"minimum": minimum, "ratio": ratio})
    assert (encoded.samples.codes == 0).sum() == count
    total = sum(encoded.left_out.get(rule, 0) for rule in ("window beyond the ratio", "window near an annotation"))
    assert total + count == 95


def test_the_draw_follows_the_seed_alone() -> None:
    """Times shifted by whole candles and multiplied prices draw the same windows, another seed or pair others."""
    marks, ranges = [mark(40, 45)], [reviewed(0, 99)]
    drawn = windows(encode(marks, ranges).samples)
    assert windows(encode(marks, ranges).samples) == drawn
    assert windows(encode(marks, ranges, negatives={"seed": 1}).samples) != drawn
    candles = make_candles()
    shift = 1000 * 3600
    later = Candles(KEY, candles.time + shift, candles.open * 7, candles.high * 7, candles.low * 7, candles.close * 7)
    moved = replace(marks[0], start_time=marks[0].start_time + shift, end_time=marks[0].end_time + shift)
    range_moved = replace(ranges[0], start_time=ranges[0].start_time + shift, end_time=ranges[0].end_time + shift)
    assert windows(encoder().encode(later, [moved], [range_moved]).samples) == drawn
    other = SeriesKey("GBPUSD", "1h")
    assert windows(encoder().encode(make_candles(key=other), marks, ranges).samples) != drawn


def test_the_order_of_annotations_changes_nothing() -> None:
    """Annotations in another order give the same samples."""
    marks = [*OVERLAPPING, mark(60, 62, "O", number=4), mark(70, 75, number=5), mark(70, 75, number=6)]
    there, back = (encode(order, [reviewed(0, 99)]) for order in (marks, marks[::-1]))
    assert windows(there.samples) == windows(back.samples)
    assert there.left_out == back.left_out


def test_a_series_with_nothing_gives_no_samples() -> None:
    """Without annotations and reviewed ranges, or without enough candles, there are no samples."""
    assert len(encode([]).samples) == 0
    assert encode([]).samples.classes == ("O",)
    assert len(encode([mark(1, 2)], [reviewed(0, 2)], count=3).samples) == 0
    assert len(encode([mark(1, 2)], [reviewed(0, 2)], count=0).samples) == 0


def test_several_scales_need_stretching() -> None:
    """Fit window has one scale; more are refused with what to write instead."""
    with pytest.raises(ValidationError) as caught:
        WindowedOptions(scales=[6, 12])
    expected = "Value error, scales [6, 12] with fit 'window'; give one scale, or write fit: stretch"
    assert caught.value.errors()[0]["msg"] == expected


def test_auto_scales_need_stretching() -> None:
    """Scales that follow the annotations are refused with fit window."""
    with pytest.raises(ValidationError) as caught:
        WindowedOptions(scales="auto")
    expected = "Value error, scales auto with fit 'window'; give one scale, or write fit: stretch"
    assert caught.value.errors()[0]["msg"] == expected


@pytest.mark.parametrize(
    ("lengths", "scales", "smoothing"),
    [
        ([2, 3, 3, 5], [2, 3, 4, 5], 0),
        ([7], [7], 0),
        (range(14, 42), [14, 18, 24, 31, 41], 2),
        ([20] * 49 + [400], [20], 2),
        ([], [24], 2),
    ],
)
def test_auto_follows_the_lengths_of_patterns(lengths: Sequence[int], scales: list[int], smoothing: int) -> None:
    """Scales go from the shortest to the longest usual length, at most 1.4 times apart; short ones smooth nothing."""
    options = WindowedOptions(scales="auto", smoothing="auto", fit="stretch").settled(lengths)
    assert (options.scales, options.smoothing) == (scales, smoothing)
    assert options.settled([100]) == options


@pytest.mark.parametrize("model", [WindowedOptions, NegativeOptions, PositiveOptions])
def test_every_option_is_described(
    model: type[WindowedOptions] | type[NegativeOptions] | type[PositiveOptions],
) -> None:
    """Every option of the encoder says what it does."""
    assert [name for name, field in model.model_fields.items() if not field.description] == []

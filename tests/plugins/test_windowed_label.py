"""The classes of candidate windows: against an oracle written from the rule."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import Samples
from candle_ml_labels_windowed.options import NegativeOptions, WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

KEY = SeriesKey("EURUSD", "1h")


def make_candles(count: int) -> Candles:
    price = np.full(count, 100.0)
    return Candles(KEY, np.arange(count, dtype=np.int64) * 3600, price, price + 1, price - 1, price)


def mark(first: int, last: int, label: str = "flag", number: int = 1, confidence: float = 1.0) -> Annotation:
    return Annotation(f"span:{number}", KEY, first * 3600, last * 3600, label, confidence=confidence)


def windows(samples: Samples) -> list[tuple[int, int, str]]:
    """First candle, last candle and label of each; `?` where unlabelled."""
    labels = ["?" if code < 0 else samples.classes[code] for code in samples.codes]
    return list(zip(samples.first.tolist(), samples.last.tolist(), labels, strict=True))


def test_candidates_are_every_window_in_order() -> None:
    """Candidates are unlabelled, one for every end and scale that the candles hold, by end, then by length."""
    samples = WindowedEncoder(WindowedOptions(window=6, fit="stretch", scales=[4, 2])).candidates(make_candles(5))
    found = list(zip(samples.first.tolist(), samples.last.tolist(), samples.scale.tolist(), strict=True))
    assert found == [(0, 1, 2), (1, 2, 2), (2, 3, 2), (0, 3, 4), (3, 4, 2), (1, 4, 4)]
    assert samples.codes.tolist() == [-1] * 6
    assert samples.classes == ("O",)
    assert (samples.known_at // 3600).tolist() == samples.last.tolist()


def test_labels_of_candidates_follow_the_overlap() -> None:
    """Around a span of 6 candles, ends up to 2 away are the pattern, then unlabelled, and O beyond the margin."""
    one = WindowedEncoder(WindowedOptions(window=6, negatives=NegativeOptions(margin=3)))
    candles = make_candles(100)
    labelled = one.label(one.candidates(candles), candles, [mark(40, 45)])
    by_end = {last: label for _, last, label in windows(labelled)}
    assert [end for end, label in by_end.items() if label == "flag"] == [43, 44, 45, 46, 47]
    assert [end for end, label in by_end.items() if label == "?"] == [*range(37, 43), *range(48, 54)]
    row = labelled.last.tolist().index(43)
    assert (labelled.known_at[row] // 3600, labelled.span_length[row]) == (45, 6)
    assert labelled.annotation_ids[labelled.annotation[row]] == "span:1"


spans = st.tuples(st.integers(0, 39), st.integers(1, 12), st.sampled_from(["flag", "wedge"]), st.booleans())


@st.composite
def settings_of_encoder(draw: st.DrawFn) -> WindowedOptions:
    fit = draw(st.sampled_from(["window", "stretch"]))
    scales = draw(st.lists(st.integers(1, 9), min_size=1, max_size=1 if fit == "window" else 3, unique=True))
    return WindowedOptions(
        window=4,
        scales=scales,
        fit=fit,
        anchor=draw(st.sampled_from(["end", "center"])),
        overlap="keep",
        overlap_iou=0.99,
        minimum_confidence=0.5,
        negatives=NegativeOptions(minimum=1000, margin=draw(st.integers(0, 4)), clear="extent"),
    )


def claimed(options: WindowedOptions, first: int, last: int, length: int) -> range:
    if options.fit == "stretch":
        return range(first, last + 1)
    start = -((length - 1 - first - last) // 2) if options.anchor == "center" else last - length + 1
    return range(start, start + length)


@settings(max_examples=80, deadline=None)
@given(options=settings_of_encoder(), drawn=st.lists(spans, max_size=4))
def test_labels_and_negatives_equal_the_rule_applied_to_every_pair(
    options: WindowedOptions, drawn: list[tuple[int, int, str, bool]]
) -> None:
    """Comparing every window with every annotation gives the same classes, and negatives are exactly the O windows."""
    candles = make_candles(40)
    marks = [
        mark(first, min(first + length - 1, 39), label, number, 1.0 if sure else 0.1)
        for number, (first, length, label, sure) in enumerate(drawn)
    ]
    one = WindowedEncoder(options)
    samples = one.candidates(candles)
    labelled = one.label(samples, candles, marks)
    for row, (first, last, label) in enumerate(windows(labelled)):
        near, iou = False, {}
        for annotation in marks:
            start, end = (t // 3600 for t in (annotation.start_time, annotation.end_time))
            claim = claimed(options, first, last, end - start + 1)
            shared = len(set(claim) & set(range(start, end + 1)))
            margin = options.negatives.margin
            near |= bool(set(claim) & set(range(start - margin, end + margin + 1)))
            if annotation.confidence == 1.0:
                iou[annotation.id] = shared / len(set(claim) | set(range(start, end + 1)))
        best = max(iou.values(), default=0.0)
        assert (label in ("flag", "wedge")) == (best >= 0.5)
        assert (label == "O") == (best < 0.5 and not near)
        if label in ("flag", "wedge"):
            own = marks[int(labelled.annotation_ids[labelled.annotation[row]].removeprefix("span:"))]
            assert (own.label, iou[own.id]) == (label, best)
    encoded = one.encode(candles, marks, [ReviewedRange(KEY, 0, 39 * 3600)])
    nothing = [window for window in windows(labelled) if window[2] == "O"]
    assert sorted(window for window in windows(encoded.samples) if window[2] == "O") == sorted(nothing)

"""Thresholds chosen by span F1."""

from __future__ import annotations

import random

from candle_ml.evaluation import SeriesSpans, Span, choose_thresholds, span_scores

TRUTH = tuple(Span("flag", start, start + 9) for start in range(0, 100, 20))


def claim(start: int, confidence: float, label: str = "flag") -> Span:
    return Span(label, start, start + 9, confidence)


def test_threshold_keeps_the_right_claims_and_drops_the_wrong_ones() -> None:
    """With right claims at 0.6 to 0.9 and a wrong one at 0.55, the lowest right confidence is the threshold."""
    predicted = (claim(0, 0.9), claim(20, 0.8), claim(40, 0.7), claim(60, 0.6), claim(110, 0.55))
    choice = choose_thresholds([SeriesSpans(TRUTH, predicted)], ("O", "flag"))
    assert choice.thresholds == {"flag": 0.6}
    assert choice.notes == ()


def test_ties_take_the_higher_threshold() -> None:
    """Showing one more wrong and two more right claims gives the same F1 here, so the higher threshold stays."""
    predicted = (claim(0, 0.9), claim(110, 0.8), claim(130, 0.7), claim(20, 0.6))
    choice = choose_thresholds([SeriesSpans(TRUTH[:2], predicted)], ("O", "flag"), fewest=2)
    f1 = {c: span_scores([shown(predicted, c)], ("flag",), 0.5).micro.f1_score for c in (0.9, 0.6)}
    assert f1 == {0.9: 2 / 3, 0.6: 2 / 3}
    assert choice.thresholds == {"flag": 0.9}


def shown(predicted: tuple[Span, ...], threshold: float, truth: tuple[Span, ...] = TRUTH[:2]) -> SeriesSpans:
    return SeriesSpans(truth, tuple(span for span in predicted if span.confidence >= threshold))


def test_equal_confidences_are_shown_together() -> None:
    """A threshold cannot part a right and a wrong claim of one confidence."""
    predicted = (claim(0, 0.9), claim(20, 0.9), claim(110, 0.5), claim(40, 0.5), claim(60, 0.5))
    choice = choose_thresholds([SeriesSpans(TRUTH, predicted)], ("O", "flag"))
    assert choice.thresholds == {"flag": 0.5}


def test_too_few_true_spans_keep_the_default_with_a_note() -> None:
    """Four true spans are too few to choose by; the note says so and names the threshold."""
    series = [SeriesSpans(TRUTH[:4], (claim(0, 0.9),))]
    choice = choose_thresholds(series, ("O", "flag", "wedge"))
    assert choice.thresholds == {"flag": 0.5, "wedge": 0.5}
    assert choice.notes == (
        "flag: 4 true spans to choose by, fewer than 5; threshold 0.5",
        "wedge: 0 true spans to choose by, fewer than 5; threshold 0.5",
    )


def test_claims_that_match_nothing_keep_the_default_with_a_note() -> None:
    """Where no claim is right at any threshold, the default stays and the note says why."""
    choice = choose_thresholds([SeriesSpans(TRUTH, (claim(200, 0.95),))], ("O", "flag"), default=0.7)
    assert choice.thresholds == {"flag": 0.7}
    assert choice.notes == ("flag: no prediction matches any of 5 true spans; threshold 0.7",)


def test_spans_outside_the_block_do_not_count() -> None:
    """True spans that are not scored do not make five, and unscored wrong claims do not raise the threshold."""
    unscored = tuple(Span("flag", span.first, span.last, scored=False) for span in TRUTH)
    choice = choose_thresholds([SeriesSpans(unscored, (claim(0, 0.9),))], ("O", "flag"))
    assert choice.notes == ("flag: 0 true spans to choose by, fewer than 5; threshold 0.5",)
    outside = Span("flag", 300, 309, 0.8, scored=False)
    right = tuple(claim(span.first, 0.6) for span in TRUTH)
    assert choose_thresholds([SeriesSpans(TRUTH, (outside, *right))], ("O", "flag")).thresholds == {"flag": 0.6}


def test_other_labels_speak_for_a_label_with_few_spans() -> None:
    """Five flags speak for 0.9 and fifty wedges for 0.6; with shared spans the threshold of flags is 0.6 as well."""
    flags = tuple(claim(start, 0.9) for start in (0, 20, 40)) + tuple(claim(start, 0.7) for start in (300, 320, 340))
    flags += tuple(claim(start, 0.6) for start in (60, 80, 360, 380))
    wedges = tuple(Span("wedge", start, start + 9) for start in range(1000, 2000, 20))
    found = tuple(claim(span.first, 0.6, "wedge") for span in wedges)
    series = [SeriesSpans((*TRUTH, *wedges), (*flags, *found))]
    thresholds = [choose_thresholds(series, ("O", "flag", "wedge"), shared=shared).thresholds for shared in (0, 10)]
    assert thresholds == [{"flag": 0.9, "wedge": 0.6}, {"flag": 0.6, "wedge": 0.6}]


def random_series(draw: random.Random) -> SeriesSpans:
    def extents(count: int) -> list[tuple[str, int, int]]:
        starts = [draw.randint(0, 40) for _ in range(count)]
        return [(draw.choice("ab"), start, start + draw.randint(0, 7)) for start in starts]

    truth = tuple(Span(*extent, scored=draw.random() < 0.9) for extent in extents(draw.randint(0, 9)))
    predicted = (
        Span(*extent, round(draw.random(), 1), scored=draw.random() < 0.9) for extent in extents(draw.randint(0, 12))
    )
    return SeriesSpans(truth, tuple(predicted))


def test_choice_agrees_with_trying_every_confidence() -> None:
    """In 300 random cases no other confidence gives a better span F1, and no higher one an equal F1."""
    draw = random.Random(3)
    chosen = 0
    for _ in range(300):
        series = [random_series(draw) for _ in range(2)]
        choice = choose_thresholds(series, ("O", "a", "b"), iou=0.4, tolerance=1, fewest=1)
        noted = {note.split(":")[0] for note in choice.notes}
        for label in sorted({"a", "b"} - noted):
            f1 = {
                c: span_scores([s.of(label).above({label: c}) for s in series], (label,), 0.4, 1).micro.f1_score
                for c in {span.confidence for s in series for span in s.predicted if span.label == label}
            }
            best = max(f1.values())
            assert choice.thresholds[label] == max(c for c, value in f1.items() if value == best)
            chosen += 1
    assert chosen > 200

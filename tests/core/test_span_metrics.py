"""Matching of predicted to true spans, and the scores that follow."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

import pytest

from candle_ml.errors import DataError
from candle_ml.evaluation import SeriesSpans, Span, SpanMatch, compare_spans, match_spans, span_metrics, span_scores

CASES = 10_000


def spans(*extents: tuple[str, int, int]) -> tuple[Span, ...]:
    return tuple(Span(label, first, last) for label, first, last in extents)


def eligible_overlap(truth: Span, predicted: Span, iou: float, tolerance: int) -> float | None:
    """How close two spans are by the definition, counted candle by candle; None where they may not be matched."""
    if truth.label != predicted.label:
        return None
    if truth.first == truth.last:
        distance = max(abs(truth.first - predicted.first), abs(truth.last - predicted.last))
        return 1 - distance / (tolerance + 1) if distance <= tolerance else None
    one, other = set(range(truth.first, truth.last + 1)), set(range(predicted.first, predicted.last + 1))
    overlap = len(one & other) / len(one | other)
    return overlap if overlap >= iou else None


def best_value(truth: Sequence[Span], predicted: Sequence[Span], iou: float, tolerance: int) -> tuple[int, int, float]:
    """The best (scored matches, matches, sum of closeness) of all one-to-one matchings, by trying every one."""
    if not truth:
        return (0, 0, 0.0)
    best = best_value(truth[1:], predicted, iou, tolerance)
    for row, span in enumerate(predicted):
        overlap = eligible_overlap(truth[0], span, iou, tolerance)
        if overlap is not None:
            scored, number, total = best_value(truth[1:], (*predicted[:row], *predicted[row + 1 :]), iou, tolerance)
            best = max(best, (scored + truth[0].scored, number + 1, total + overlap))
    return best


def random_spans(draw: random.Random) -> tuple[Span, ...]:
    found = []
    for _ in range(draw.randint(1, 6)):
        first = draw.randint(0, 7)
        length = draw.choice([1, 2, 3, 4, 6])
        last = first + length - 1
        known_at = draw.choice([None, last, last + draw.randint(-1, 9)])
        found.append(Span(draw.choice("aaab"), first, last, scored=draw.random() < 0.8, known_at=known_at))
    return tuple(found)


@pytest.mark.figure("span matchings and scores equal to those of trying every matching", CASES)
def test_matching_agrees_with_trying_every_matching() -> None:
    """In 10,000 random cases the matching is one to one, eligible and the best of all; scores and timing are its."""
    draw = random.Random(5)
    matched = 0
    for case in range(CASES):
        truth, predicted = random_spans(draw), random_spans(draw)
        iou, tolerance = draw.choice([0.1, 0.2, 0.3, 0.5, 0.7]), draw.randint(0, 2)
        matches = match_spans(truth, predicted, iou, tolerance)
        overlaps = [eligible_overlap(truth[m.truth], predicted[m.predicted], iou, tolerance) for m in matches]
        assert [m.overlap for m in matches] == overlaps
        assert len({m.truth for m in matches}) == len({m.predicted for m in matches}) == len(matches)
        scored, number, total = best_value(truth, predicted, iou, tolerance)
        assert (sum(truth[m.truth].scored for m in matches), len(matches)) == (scored, number)
        assert abs(sum(m.overlap for m in matches) - total) < 1e-9
        assert_scores_follow(truth, predicted, iou, tolerance, matches)
        if case % 10 == 0:
            assert_timing_follows(truth, predicted, iou, tolerance, matches)
        matched += number
    assert matched > 9_000


def assert_scores_follow(
    truth: tuple[Span, ...], predicted: tuple[Span, ...], iou: float, tolerance: int, matches: Sequence[SpanMatch]
) -> None:
    """Scores of each label and of all together are those that counting the matches by hand gives, in 0 to 1."""
    level = span_scores([SeriesSpans(truth, predicted)], ("a", "b"), iou, tolerance)
    used = {match.predicted for match in matches}
    for labels, score in (("a", level.per_label["a"]), ("b", level.per_label["b"]), ("ab", level.micro)):
        right = sum(truth[m.truth].scored for m in matches if truth[m.truth].label in labels)
        there = sum(span.scored for span in truth if span.label in labels)
        wrong = sum(s.scored and n not in used for n, s in enumerate(predicted) if s.label in labels)
        assert (score.matched, score.truth, score.predicted) == (right, there, right + wrong)
        assert score.recall == (right / there if there else 0.0)
        assert score.precision == (right / (right + wrong) if right + wrong else 0.0)
        missed = there - right
        assert score.f1_score == (2 * right / (2 * right + wrong + missed) if right + wrong + missed else 0.0)
        assert max(score.precision, score.recall, score.f1_score) <= 1.0


def assert_timing_follows(
    truth: tuple[Span, ...], predicted: tuple[Span, ...], iou: float, tolerance: int, matches: Sequence[SpanMatch]
) -> None:
    """Boundary errors and delays are those of the scored matches, counted candle by candle."""
    timing = span_metrics([SeriesSpans(truth, predicted)], ("a", "b"), iou, tolerance, levels=()).timing
    pairs = [(truth[m.truth], predicted[m.predicted]) for m in matches if truth[m.truth].scored]
    if not pairs:
        assert timing is None
        return
    assert timing is not None
    known = [found.last if found.known_at is None else found.known_at for _, found in pairs]
    errors = {
        "start_error": [len(range(*sorted((true.first, found.first)))) for true, found in pairs],
        "end_error": [len(range(*sorted((true.last, found.last)))) for true, found in pairs],
        "detection_delay": [candle - true.last for candle, (true, _) in zip(known, pairs, strict=True)],
    }
    assert timing.matches == len(pairs)
    for name, values in errors.items():
        spread = getattr(timing, name)
        assert spread.median == statistics.median(values)
        assert spread.p95 == pytest.approx(percentile(values, 0.95))


def percentile(values: Sequence[int], share: float) -> float:
    """The value below which a share lies, on the line between the two nearest in order."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_greedy_choice_would_lose_a_match() -> None:
    """The closest pair is given up where that lets two truths be matched instead of one."""
    truth = spans(("flag", 0, 9), ("flag", 4, 13))
    predicted = spans(("flag", 1, 10), ("flag", 0, 5))
    assert match_spans(truth, predicted, 0.5) == (SpanMatch(0, 1, 0.6), SpanMatch(1, 0, 7 / 13))


def test_of_two_full_matchings_the_closer_one_is_taken() -> None:
    """Where the number of matches is the same, the sum of IoU decides."""
    truth = spans(("flag", 0, 9), ("flag", 2, 11))
    predicted = spans(("flag", 2, 11), ("flag", 0, 9))
    assert match_spans(truth, predicted, 0.5) == (SpanMatch(0, 1, 1.0), SpanMatch(1, 0, 1.0))


def test_labels_are_never_mixed() -> None:
    """Equal extents of different labels are no match."""
    assert match_spans(spans(("flag", 0, 9)), spans(("wedge", 0, 9)), 0.3) == ()


def test_iou_at_the_threshold_matches() -> None:
    """Three shared of ten covered candles are an IoU of 0.3, which is enough at 0.3 and not at 0.31."""
    truth, predicted = spans(("flag", 0, 6)), spans(("flag", 4, 9))
    assert match_spans(truth, predicted, 0.3) == (SpanMatch(0, 0, 0.3),)
    assert match_spans(truth, predicted, 0.31) == ()


@pytest.mark.parametrize(("first", "last", "expected"), [(10, 10, True), (9, 11, True), (8, 8, True), (7, 7, False)])
def test_a_point_matches_within_its_tolerance(first: int, last: int, expected: bool) -> None:
    """A one-candle truth at 10 with tolerance 2 matches predictions whose ends lie within 8..12."""
    assert bool(match_spans(spans(("top", 10, 10)), spans(("top", first, last)), 0.7, 2)) is expected


def test_a_long_span_over_a_point_is_no_match() -> None:
    """A prediction that covers a point but reaches beyond its tolerance does not find it."""
    assert match_spans(spans(("top", 10, 10)), spans(("top", 5, 15)), 0.3, 2) == ()


def test_unscored_spans_are_matched_but_not_counted() -> None:
    """A prediction of a truth outside the scored candles is neither right nor wrong; an unscored claim can be right."""
    truth = (Span("flag", 0, 9, scored=False), Span("flag", 20, 29))
    predicted = (Span("flag", 0, 9), Span("flag", 19, 28, scored=False), Span("flag", 40, 49, scored=False))
    compared = compare_spans(SeriesSpans(truth, predicted), 0.5, 0)
    assert compared.matched == ((truth[1], predicted[1]),)
    assert compared.false_positives == compared.missed == ()


@pytest.mark.parametrize("iou", [0.0, -0.1, 1.01])
def test_impossible_iou_is_refused(iou: float) -> None:
    """An IoU threshold outside (0, 1] names itself and what would do."""
    with pytest.raises(DataError) as error:
        match_spans((), (), iou)
    assert str(error.value) == f"iou: {iou}; a number above 0, at most 1"


def test_negative_tolerance_is_refused() -> None:
    """A negative tolerance names itself and what would do."""
    with pytest.raises(DataError) as error:
        match_spans((), (), 0.5, -1)
    assert str(error.value) == "tolerance: -1; a number of candles, 0 or more"


def test_reversed_span_is_refused() -> None:
    """A span that ends before it starts names its label and both ends."""
    with pytest.raises(DataError) as error:
        Span("flag", 5, 3)
    assert str(error.value) == "span 'flag': last 3 before first 5; first to last"


def test_scores_of_a_hand_made_case() -> None:
    """Two of three flags are found among four claims; the wedge is missed; the top was never there."""
    series = [
        SeriesSpans(
            spans(("flag", 0, 9), ("flag", 20, 29), ("wedge", 50, 59)),
            spans(("flag", 0, 9), ("flag", 22, 31), ("flag", 70, 79), ("top", 50, 59)),
        ),
        SeriesSpans(spans(("flag", 0, 9)), spans(("flag", 30, 39))),
    ]
    level = span_scores(series, ("flag", "wedge", "top"), 0.5)
    flag, wedge, top = (level.per_label[label] for label in ("flag", "wedge", "top"))
    assert (flag.truth, flag.predicted, flag.matched) == (3, 4, 2)
    assert (flag.precision, flag.recall, flag.f1_score) == (2 / 4, 2 / 3, 4 / 7)
    assert (wedge.precision, wedge.recall, wedge.f1_score) == (0.0, 0.0, 0.0)
    assert (top.truth, top.predicted, top.precision) == (0, 1, 0.0)
    assert (level.macro.precision, level.macro.recall, level.macro.f1_score) == (1 / 4, 1 / 3, 2 / 7)
    assert level.macro.labels == 2
    assert (level.micro.truth, level.micro.predicted, level.micro.matched) == (4, 5, 2)
    assert level.micro.f1_score == 4 / 9


def test_perfect_prediction_scores_one_at_every_level() -> None:
    """Predictions equal to the truth have precision, recall and F1 of 1, and no error in candles."""
    truth = spans(("flag", 0, 9), ("flag", 20, 20), ("wedge", 30, 44))
    metrics = span_metrics([SeriesSpans(truth, truth)], ("flag", "wedge"))
    assert [level.iou for level in metrics.levels] == [0.3, 0.5, 0.7]
    for level in metrics.levels:
        assert level.macro.f1_score == level.micro.f1_score == level.micro.precision == level.micro.recall == 1.0
    assert metrics.timing is not None
    assert metrics.timing.start_error.p95 == metrics.timing.end_error.p95 == metrics.timing.detection_delay.p95 == 0


def test_stricter_levels_find_no_more() -> None:
    """A claim that shares half of the candles is right at 0.3 and 0.5 and wrong at 0.7."""
    metrics = span_metrics([SeriesSpans(spans(("flag", 0, 9)), spans(("flag", 0, 4)))], ("flag",))
    assert [metrics.at(iou).micro.f1_score for iou in (0.3, 0.5, 0.7)] == [1.0, 1.0, 0.0]


def test_nothing_there_and_nothing_claimed_scores_zero_with_zero_counts() -> None:
    """Without any span every score is 0.0, the counts say why, and there is no timing."""
    metrics = span_metrics([SeriesSpans((), ())], ("flag",))
    score = metrics.at(0.5).per_label["flag"]
    assert (score.precision, score.recall, score.f1_score, score.truth, score.predicted) == (0.0, 0.0, 0.0, 0, 0)
    assert metrics.at(0.5).macro.labels == 0
    assert metrics.timing is None
    assert metrics.timing_by_label == {}


def test_timing_counts_candles_from_the_truth() -> None:
    """Ends are off by absolute distances; the delay runs from the truth's end to known_at and can be negative."""
    truth = spans(("flag", 10, 19), ("flag", 40, 49), ("wedge", 70, 79))
    predicted = (
        Span("flag", 11, 19, known_at=22),
        Span("flag", 37, 47, known_at=47),
        Span("wedge", 70, 80),
    )
    metrics = span_metrics([SeriesSpans(truth, predicted)], ("flag", "wedge"))
    timing = metrics.timing
    assert timing is not None
    assert timing.matches == 3
    assert (timing.start_error.median, timing.end_error.median, timing.detection_delay.median) == (1, 1, 1)
    assert timing.start_error.p95 == pytest.approx(2.8)
    assert timing.detection_delay.p95 == pytest.approx(2.8)
    assert metrics.timing_by_label["wedge"].detection_delay.median == 1
    assert metrics.timing_by_label["flag"].detection_delay.median == 0.5


def test_a_level_that_was_not_evaluated_is_refused() -> None:
    """Asking for another IoU names those that there are."""
    metrics = span_metrics([], ("flag",), iou=0.6, levels=(0.3,))
    with pytest.raises(DataError) as error:
        metrics.at(0.5)
    assert str(error.value) == "iou: 0.5; one of 0.3, 0.6"

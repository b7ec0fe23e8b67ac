"""True labels, metrics and baselines of candles."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, precision_recall_fscore_support

from candle_ml.annotations import Annotation
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError
from candle_ml.evaluation.candles import (
    baselines,
    candle_metrics,
    confusion_counts,
    ranked,
    true_codes,
)

KEY = SeriesKey("EURUSD", "1m")
LABELS = ("O", "flag", "wedge")


def candles(count: int) -> Candles:
    prices = np.full(count, 10.0)
    return Candles.from_columns(KEY, np.arange(count, dtype=np.int64) * 60, prices, prices, prices, prices)


def annotation(identifier: str, first: int, last: int, label: str) -> Annotation:
    return Annotation(identifier, KEY, first * 60, last * 60, label)


def test_shorter_annotation_wins_over_a_longer_one() -> None:
    """A wedge of two candles inside a flag of six keeps its two candles, in whatever order they are given."""
    flag, wedge = annotation("span:9", 1, 6, "flag"), annotation("span:1", 3, 4, "wedge")
    for given in ([flag, wedge], [wedge, flag]):
        assert true_codes(candles(8), given, LABELS).tolist() == [0, 1, 1, 2, 2, 1, 1, 0]


def test_of_two_as_long_the_more_believed_wins() -> None:
    """Where two annotations of four candles overlap, the first in the order of belief keeps its candles."""
    flag, wedge = annotation("span:9", 0, 3, "flag"), annotation("span:10", 1, 4, "wedge")
    assert true_codes(candles(6), [wedge, flag], LABELS).tolist() == [1, 2, 2, 2, 2, 0]
    assert true_codes(candles(6), [flag, wedge], LABELS).tolist() == [1, 1, 1, 1, 2, 0]


def test_a_denial_is_no_pattern() -> None:
    """A short `O` annotation inside a flag makes its candles `O`."""
    given = [annotation("span:1", 0, 4, "flag"), annotation("span:2", 2, 2, "O")]
    assert true_codes(candles(5), given, LABELS).tolist() == [1, 1, 0, 1, 1]


def test_annotation_without_a_candle_labels_nothing() -> None:
    """An annotation that lies between two candles or after the last one labels no candle."""
    between = Annotation("span:1", KEY, 61, 119, "flag")
    after = annotation("span:2", 50, 60, "wedge")
    assert true_codes(candles(4), [between, after], LABELS).tolist() == [0, 0, 0, 0]


def test_metrics_equal_scikit_learns() -> None:
    """Every score equals what scikit-learn computes from the candles one by one."""
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 3, 500).astype(np.int32)
    predicted = np.where(draw.random(500) < 0.6, truth, draw.integers(0, 3, 500)).astype(np.int32)
    metrics = candle_metrics(confusion_counts(truth, predicted, 3), LABELS, {})
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=[0, 1, 2])
    for code, label in enumerate(LABELS):
        own = metrics.per_class[label]
        expected = (precision[code], recall[code], f1[code], support[code])
        assert (own.precision, own.recall, own.f1_score, own.support) == pytest.approx(expected)
    assert metrics.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert metrics.f1_macro == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics.f1_weighted == pytest.approx(f1_score(truth, predicted, average="weighted"))
    assert metrics.f1_macro_patterns == pytest.approx(f1[1:].mean())


def test_metrics_of_a_hand_made_case() -> None:
    """Ten candles with exact scores; a class that is claimed but never true is not part of the macro mean."""
    truth = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], dtype=np.int32)
    predicted = np.array([0, 0, 0, 0, 1, 2, 1, 1, 1, 0], dtype=np.int32)
    metrics = candle_metrics(confusion_counts(truth, predicted, 3), LABELS, {})
    assert metrics.confusion == ((4, 1, 1), (1, 3, 0), (0, 0, 0))
    assert metrics.per_class["flag"].precision == 3 / 4
    assert metrics.per_class["O"].recall == pytest.approx(4 / 6)
    assert metrics.per_class["wedge"].support == 0
    assert metrics.accuracy == pytest.approx(0.7)
    assert metrics.f1_macro == pytest.approx((8 / 11 + 6 / 8) / 2)
    assert metrics.f1_macro_patterns == pytest.approx(6 / 8)
    assert metrics.f1_weighted == pytest.approx(0.6 * 8 / 11 + 0.4 * 6 / 8)


def test_no_candle_scores_zero() -> None:
    """Without a candle every score is 0.0 and every support 0."""
    empty = np.empty(0, dtype=np.int32)
    metrics = candle_metrics(confusion_counts(empty, empty, 3), LABELS, {})
    assert (metrics.accuracy, metrics.f1_macro, metrics.f1_macro_patterns, metrics.f1_weighted) == (0, 0, 0, 0)
    assert [score.support for score in metrics.per_class.values()] == [0, 0, 0]


def test_average_precision_is_the_sum_of_steps() -> None:
    """Ranks right, wrong, right give (1 + 2/3) / 2."""
    truth = np.array([True, False, True, False])
    assert ranked(truth, np.array([0.9, 0.8, 0.7, 0.1]))[0] == pytest.approx((1 + 2 / 3) / 2)


def test_curve_rises_in_recall_and_is_thinned() -> None:
    """The curve runs from recall 0 to recall 1 in 101 points that keep the PR-AUC, which is scikit-learn's."""
    draw = np.random.default_rng(2)
    truth = draw.random(3000) < 0.3
    probability = np.clip(truth * 0.3 + draw.random(3000) * 0.7, 0, 1)
    average, points = ranked(truth, probability)
    assert average == pytest.approx(average_precision_score(truth, probability))
    assert len(points.recall) == len(points.precision) == 101
    assert points.recall[0] == 0.0
    assert points.recall[-1] == 1.0
    assert list(points.recall) == sorted(points.recall)
    area = np.trapezoid(points.precision, points.recall)
    assert area == pytest.approx(average, abs=0.01)


def test_majority_baseline_says_the_most_frequent_training_class() -> None:
    """With `flag` most frequent in training, every candle is called `flag`."""
    majority = baselines(
        np.array([6.0, 4.0, 0.0]), LABELS, {"O": 0.3, "flag": 0.6, "wedge": 0.1}, {"flag": 0.4}
    ).majority
    assert majority.accuracy == pytest.approx(0.4)
    assert majority.per_class["flag"].f1_score == pytest.approx(8 / 14)
    assert majority.per_class["O"].recall == 0.0
    assert majority.f1_macro == pytest.approx(4 / 14)
    assert majority.average_precision == {"flag": 0.4}


def test_stratified_baseline_is_the_expected_confusion() -> None:
    """Counts times training shares; a repeated drawing comes to the same scores."""
    support, share = np.array([600.0, 300.0, 100.0]), np.array([0.5, 0.3, 0.2])
    stratified = baselines(support, LABELS, dict(zip(LABELS, share.tolist(), strict=True)), {}).stratified
    assert stratified.confusion[1] == pytest.approx((150, 90, 60))
    truth = np.repeat([0, 1, 2], support.astype(int))
    draw = np.random.default_rng(0)
    drawn = [f1_score(truth, draw.choice(3, len(truth), p=share), average="macro") for _ in range(300)]
    assert stratified.f1_macro == pytest.approx(np.mean(drawn), abs=0.003)
    assert stratified.accuracy == pytest.approx(0.6 * 0.5 + 0.3 * 0.3 + 0.1 * 0.2)


def test_priors_may_be_counts() -> None:
    """Counts of training samples give the same baselines as their shares."""
    support = np.array([6.0, 4.0, 0.0])
    counts, shares = {"O": 30, "flag": 10}, {"O": 0.75, "flag": 0.25}
    assert baselines(support, LABELS, counts, {}) == baselines(support, LABELS, shares, {})


@pytest.mark.parametrize("priors", [{}, {"O": 0.0}, {"O": -1.0, "flag": 2.0}, {"O": float("nan")}])
def test_priors_that_are_no_shares_are_refused(priors: dict[str, float]) -> None:
    """Empty, zero, negative and NaN priors are named and refused."""
    with pytest.raises(DataError) as error:
        baselines(np.array([6.0, 4.0, 0.0]), LABELS, priors, {})
    assert str(error.value) == f"priors: {priors}; give each class its share of the training data"

"""Evaluating predictions of whole series."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from candle_ml.annotations import Annotation
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError
from candle_ml.evaluation import Evaluation, EvaluationOptions, SeriesCase, evaluate, series_spans
from candle_ml.predictions import PredictedSpan, Prediction

CLASSES = ("O", "flag", "wedge")
THRESHOLDS = {"flag": 0.5, "wedge": 0.5}
PRIORS = {"O": 0.8, "flag": 0.1, "wedge": 0.1}
Claim = tuple[str, int, int, float]


def make_candles(pair: str, count: int) -> Candles:
    close = 100 + np.sin(np.arange(count))
    time = np.arange(count, dtype=np.int64) * 60
    return Candles.from_columns(SeriesKey(pair, "1m"), time, close, close + 1, close - 1, close)


def make_case(
    truth: tuple[tuple[str, int, int], ...] = (),
    claims: tuple[Claim, ...] = (),
    *,
    pair: str = "EURUSD",
    count: int = 100,
    ranges: tuple[tuple[int, int], ...] = ((0, 99),),
    history: int = 0,
) -> SeriesCase:
    """A case by candle index; each claim is as probable on its candles as it is confident and known a candle later."""
    candles = make_candles(pair, count)
    probabilities = np.tile([0.9, 0.05, 0.05], (count, 1))
    for label, first, last, confidence in claims:
        probabilities[first : last + 1] = (1 - confidence) / 2
        probabilities[first : last + 1, CLASSES.index(label)] = confidence
    sufficient = np.arange(count) >= history
    probabilities[~sufficient] = np.nan
    spans = tuple(
        PredictedSpan(label, first * 60, last * 60, confidence, last - first + 1, (last + 1) * 60, False)
        for label, first, last, confidence in claims
    )
    prediction = Prediction(
        candles.key, CLASSES, candles.time, probabilities, sufficient, np.zeros(count, dtype=bool), spans
    )
    annotations = tuple(
        Annotation(f"span:{number}", candles.key, first * 60, last * 60, label)
        for number, (label, first, last) in enumerate(truth)
    )
    return SeriesCase(candles, prediction, annotations, tuple((first * 60, last * 60) for first, last in ranges))


def score(*cases: SeriesCase, options: EvaluationOptions | None = None, seed: int = 0) -> Evaluation:
    return evaluate(cases, CLASSES, THRESHOLDS, options or EvaluationOptions(), PRIORS, seed)


TYPICAL = make_case(
    truth=(("flag", 10, 19), ("flag", 40, 49), ("wedge", 70, 79)),
    claims=(("flag", 10, 19, 0.9), ("wedge", 41, 50, 0.8), ("flag", 90, 94, 0.3)),
)


def test_candles_are_counted_by_true_and_predicted_class() -> None:
    """A found flag, a flag called wedge, a missed wedge and a claim below its threshold, candle by candle."""
    found = score(TYPICAL)
    assert found.labels == CLASSES
    assert found.confusion == ((69, 0, 1), (1, 10, 9), (10, 0, 0))
    assert found.candles == 100
    assert found.accuracy == pytest.approx(0.79)
    assert (found.per_class["flag"].precision, found.per_class["flag"].recall) == (1.0, 0.5)
    assert found.per_class["wedge"].f1_score == 0.0
    assert found.f1_macro == pytest.approx((138 / 150 + 20 / 30 + 0) / 3)


def test_spans_are_counted_at_the_headline_level() -> None:
    """One of three true spans is found by one of two claims; the claim below its threshold does not count."""
    level = score(TYPICAL).spans.at(0.5)
    assert (level.micro.truth, level.micro.predicted, level.micro.matched) == (3, 2, 1)
    assert score(TYPICAL).spans.timing_by_label["flag"].detection_delay.median == 1


def test_perfect_prediction_scores_one_everywhere() -> None:
    """A prediction equal to the truth has every score and both ends of every interval at 1."""
    spans = (("flag", 10, 19), ("wedge", 40, 49), ("flag", 70, 79))
    found = score(make_case(spans, tuple((*span, 0.9) for span in spans)))
    assert (found.accuracy, found.f1_macro, found.f1_macro_patterns, found.f1_weighted) == (1.0, 1.0, 1.0, 1.0)
    assert set(found.average_precision.values()) == {1.0}
    assert [level.macro.f1_score for level in found.spans.levels] == [1.0, 1.0, 1.0]
    for interval in (found.intervals.f1_macro, found.intervals.span_f1_macro, found.intervals.span_f1_micro):
        assert interval is not None
        assert interval.high == 1.0
    assert found.mistakes == ()
    assert found.notes == ()


def test_only_reviewed_candles_with_history_are_scored() -> None:
    """Candles outside the ranges are ignored, reviewed ones without history are counted apart."""
    case = make_case((("flag", 30, 39),), (("flag", 30, 39, 0.9),), ranges=((0, 19), (25, 50)), history=10)
    found = score(case)
    assert (found.candles, found.insufficient) == (36, 10)
    assert found.per_class["O"].support == 26


def test_overlapping_ranges_count_a_candle_once() -> None:
    """Two ranges that share candles are as good as one."""
    one, two = make_case(ranges=((0, 60),)), make_case(ranges=((0, 40), (30, 60)))
    assert score(one).candles == score(two).candles == 61


def test_spans_that_reach_out_of_the_range_are_left_out() -> None:
    """A truth across the border is neither found nor missed, a claim on it neither right nor wrong; a note says so."""
    case = make_case(
        truth=(("flag", 10, 19), ("wedge", 55, 62)),
        claims=(("flag", 10, 19, 0.9), ("wedge", 54, 59, 0.9)),
        ranges=((0, 59),),
    )
    found = score(case)
    assert (found.spans.at(0.5).micro.truth, found.spans.at(0.5).micro.predicted) == (1, 1)
    assert found.spans_left_out == 1
    assert "1 true spans reach out of the scored candles and are neither found nor missed" in found.notes


def test_claim_across_the_border_can_still_be_right() -> None:
    """A claim that begins before the range finds the truth inside it, and is not wrong where there is none."""
    right = make_case((("flag", 50, 59),), (("flag", 49, 58, 0.9),), ranges=((50, 99),))
    nothing = make_case((), (("flag", 45, 54, 0.9),), ranges=((50, 99),))
    assert score(right).spans.at(0.5).micro.f1_score == 1.0
    assert score(nothing).spans.at(0.5).micro.predicted == 0


def test_denials_and_duplicates_are_no_spans_of_their_own() -> None:
    """An `O` annotation is no span to find, and two annotations of one extent and label are one."""
    case = make_case((("O", 30, 35), ("flag", 10, 19), ("flag", 10, 19)), (("flag", 10, 19, 0.9),))
    assert len(series_spans(case).truth) == 1
    assert score(case).spans.at(0.5).micro.f1_score == 1.0


def test_truth_unknown_to_the_model_counts_as_missed() -> None:
    """A label that the model has no class for is scored with recall 0 and named in a note."""
    found = score(make_case((("flag", 10, 19), ("cup", 40, 49)), (("flag", 10, 19, 0.9),)))
    assert found.labels == (*CLASSES, "cup")
    assert (found.per_class["cup"].recall, found.per_class["cup"].support) == (0.0, 10)
    assert found.spans.at(0.5).per_label["cup"].truth == 1
    assert "cup" not in found.average_precision
    assert "annotated, but unknown to the model (always missed): cup" in found.notes
    assert "no true span to score by: wedge" in found.notes


def test_worst_mistakes_come_first() -> None:
    """Wrong claims are ordered by confidence, missed spans by how little the model believed in them."""
    one = make_case(
        truth=(("flag", 10, 19), ("flag", 40, 49), ("wedge", 70, 79)),
        claims=(("wedge", 10, 19, 0.7), ("flag", 60, 64, 0.9), ("flag", 42, 43, 0.4)),
    )
    other = make_case((), (("wedge", 5, 9, 0.8),), pair="GBPUSD")
    wrong = [m for m in score(one, other).mistakes if m.kind == "false positive"]
    missed = [m for m in score(one, other).mistakes if m.kind == "missed"]
    assert [(m.pair, m.label, m.start_time, m.confidence, m.instead) for m in wrong] == [
        ("EURUSD", "flag", 3600, 0.9, None),
        ("GBPUSD", "wedge", 300, 0.8, None),
        ("EURUSD", "wedge", 600, 0.7, "flag"),
    ]
    assert [(m.label, m.start_time, m.end_time, m.confidence, m.instead) for m in missed] == [
        ("wedge", 4200, 4740, 0.05, None),
        ("flag", 600, 1140, pytest.approx(0.15), "wedge"),
        ("flag", 2400, 2940, 0.4, None),
    ]
    assert len(score(one, other, options=EvaluationOptions(mistakes=1)).mistakes) == 2


def test_baselines_score_the_same_candles() -> None:
    """Both baselines are measured on the supports of the model's own candles."""
    found = score(TYPICAL)
    for baseline in (found.baselines.majority, found.baselines.stratified):
        assert {k: v.support for k, v in baseline.per_class.items()} == {"O": 70, "flag": 20, "wedge": 10}
        assert baseline.average_precision == {"O": 0.7, "flag": 0.2, "wedge": 0.1}
    assert found.baselines.majority.accuracy == pytest.approx(0.7)
    assert found.baselines.stratified.accuracy == pytest.approx(0.7 * 0.8 + 0.2 * 0.1 + 0.1 * 0.1)


def test_calibration_compares_confidence_with_what_was_right() -> None:
    """Of 100 candles called with 0.9 exactly 90 are right: one bin on the diagonal and no error."""
    found = score(make_case((("flag", 10, 19), ("flag", 40, 49)), (("flag", 10, 19, 0.9),)))
    assert found.calibration is not None
    assert found.calibration.expected_calibration_error == pytest.approx(0.0)
    assert [(part.count, part.accuracy) for part in found.calibration.bins] == [(100, 0.9)]


def test_calibration_counts_truth_unknown_to_the_model_as_wrong() -> None:
    """Where every candle is truly of a class without a probability, what is said with 0.9 is off by 0.9."""
    found = score(make_case((("cup", 0, 99),)))
    assert found.calibration is not None
    assert found.calibration.expected_calibration_error == pytest.approx(0.9)


@pytest.mark.parametrize(
    "cases",
    [
        (),
        (make_case(ranges=()),),
        (make_case((("flag", 1, 5),), history=100),),
        (make_case(count=0, ranges=((0, 9),)),),
    ],
    ids=["no series", "no range", "all insufficient", "no candle"],
)
def test_nothing_to_score_is_a_note(cases: tuple[SeriesCase, ...]) -> None:
    """Without a scored candle every score is 0, there is no interval or calibration, and a note says why."""
    found = score(*cases)
    assert (found.candles, found.accuracy, found.f1_macro, found.spans.at(0.5).micro.f1_score) == (0, 0.0, 0.0, 0.0)
    assert found.calibration is None
    assert found.intervals.f1_macro is None
    assert found.curves == found.average_precision == {}
    note = "no candle could be scored: none was reviewed with sufficient history before it; every score is 0"
    assert found.notes[0] == note
    assert Evaluation.from_json(found.to_json()) == found


def test_truth_of_one_class_only_is_scored() -> None:
    """A block without any pattern scores the model by its silence."""
    found = score(make_case())
    assert (found.accuracy, found.f1_macro, found.f1_macro_patterns) == (1.0, 1.0, 0.0)
    assert found.notes == ("no true span to score by: flag, wedge",)


def test_label_set_hash_names_the_truth_alone() -> None:
    """The hash ignores the prediction and the order of annotations, and changes with labels, ranges and series."""
    base = make_case((("flag", 10, 19), ("wedge", 40, 49)))
    same = make_case((("wedge", 40, 49), ("flag", 10, 19)), (("flag", 3, 9, 0.9),), history=5)
    assert score(base).label_set_hash == score(same).label_set_hash
    assert re.fullmatch("[0-9a-f]{64}", score(base).label_set_hash)
    others = (
        make_case((("flag", 10, 19), ("flag", 40, 49))),
        make_case((("flag", 10, 18), ("wedge", 40, 49))),
        make_case((("flag", 10, 19), ("wedge", 40, 49)), ranges=((0, 98),)),
        make_case((("flag", 10, 19), ("wedge", 40, 49)), pair="GBPUSD"),
    )
    assert len({score(case).label_set_hash for case in (base, *others)}) == 5


def test_order_of_series_does_not_matter() -> None:
    """Two series give the same evaluation in either order."""
    other = make_case((("wedge", 30, 39),), (("wedge", 31, 39, 0.8),), pair="GBPUSD")
    assert score(TYPICAL, other) == score(other, TYPICAL)


def test_evaluation_survives_json() -> None:
    """What comes back from JSON is equal to what went in."""
    found = score(TYPICAL)
    assert Evaluation.from_json(found.to_json()) == found


def test_damaged_json_names_the_field() -> None:
    """A missing field and text that is no JSON are named."""
    text = score(TYPICAL).to_json()
    with pytest.raises(DataError) as missing:
        Evaluation.from_json(text.replace('"accuracy":', '"acuracy":', 1))
    assert str(missing.value) == "evaluation: accuracy: Field required; give what to_json wrote"
    with pytest.raises(DataError) as broken:
        Evaluation.from_json("{")
    assert str(broken.value) == (
        "evaluation: text: Invalid JSON: EOF while parsing an object at line 1 column 1; give what to_json wrote"
    )


def test_flat_metrics_are_accepted_by_mlflow() -> None:
    """Every name passes MLflow's own check and every value is a finite float, whatever users call their labels."""
    from mlflow.utils.validation import _validate_metric_name

    labels = ("O", "flag", "bull flag", "bull/flag", "../x", "флаг", "😀", "a" * 300, "<b>", "bull_flag")
    case = make_case((("flag", 10, 19),), (("flag", 10, 19, 0.9),))
    probabilities = np.full((100, len(labels)), 0.1)
    prediction = replace(case.prediction, classes=labels, probabilities=probabilities)
    annotations = tuple(
        Annotation(f"span:{n}", case.candles.key, n * 600, n * 600 + 300, name) for n, name in enumerate(labels[1:])
    )
    case = replace(case, prediction=prediction, annotations=annotations)
    metrics = evaluate([case], labels, {}, EvaluationOptions(), {"O": 1.0}).flat_metrics()
    for name, value in metrics.items():
        _validate_metric_name(name)
        assert isinstance(value, float)
        assert np.isfinite(value)
    assert sum(name.startswith("f1_score/") for name in metrics) == len(labels)


def test_flat_metrics_of_a_typical_case() -> None:
    """The names that a reader looks for are there with the values of the evaluation."""
    found = score(TYPICAL)
    metrics = found.flat_metrics()
    assert metrics["f1_macro"] == found.f1_macro
    assert metrics["baseline_majority_f1_macro"] == found.baselines.majority.f1_macro
    assert metrics["recall/flag"] == 0.5
    assert metrics["support/flag"] == 20.0
    assert metrics["span_f1_micro_iou50"] == 2 / 5
    assert metrics["span_f1_iou30/flag"] == 2 / 3
    assert metrics["detection_delay_median"] == 1.0
    assert metrics["candles_scored"] == 100.0


@pytest.mark.parametrize("classes", [(), ("O",), ("flag", "O"), ("O", "flag", "flag")])
def test_classes_need_o_first_and_a_pattern(classes: tuple[str, ...]) -> None:
    """Classes without `O` first, without a pattern or with one twice are refused."""
    with pytest.raises(DataError) as error:
        evaluate([], classes, {}, EvaluationOptions(), PRIORS)
    assert str(error.value) == f"classes: {list(classes)}; O first, then at least one pattern, each once"


def test_prediction_of_other_classes_is_refused() -> None:
    """A prediction whose classes are not those evaluated is named with both."""
    with pytest.raises(DataError) as error:
        evaluate([TYPICAL], ("O", "flag"), THRESHOLDS, EvaluationOptions(), PRIORS)
    expected = "EURUSD 1m: evaluation: a prediction of the classes ['O', 'flag', 'wedge']; predict ['O', 'flag']"
    assert str(error.value) == expected


def test_one_series_twice_is_refused() -> None:
    """Two cases of one series are refused."""
    with pytest.raises(DataError) as error:
        score(TYPICAL, TYPICAL)
    assert str(error.value) == "EURUSD 1m: evaluation: the series a second time; one case a series"


def test_parts_of_a_case_must_belong_together() -> None:
    """Another series, other candles, an annotation of another series and a reversed range are each refused."""
    other = make_case(pair="GBPUSD")
    with pytest.raises(DataError) as series:
        SeriesCase(TYPICAL.candles, other.prediction, (), ())
    assert str(series.value) == (
        "EURUSD 1m: evaluation: a prediction of GBPUSD 1m; predict the series that is evaluated"
    )
    with pytest.raises(DataError) as candles:
        SeriesCase(TYPICAL.candles[:90], TYPICAL.prediction, (), ())
    assert str(candles.value) == (
        "EURUSD 1m: evaluation: a prediction of 100 candles beside 90 candles; "
        "predict the candles that are evaluated, each once"
    )
    stray = Annotation("span:7", other.candles.key, 0, 60, "flag")
    with pytest.raises(DataError) as annotation:
        SeriesCase(TYPICAL.candles, TYPICAL.prediction, (stray,), ())
    assert str(annotation.value) == "EURUSD 1m: evaluation: span:7 of GBPUSD 1m; annotations of this series"
    with pytest.raises(DataError) as reversed_range:
        SeriesCase(TYPICAL.candles, TYPICAL.prediction, (), ((600, 0),))
    assert str(reversed_range.value) == "EURUSD 1m: evaluation: range end 0 before range start 600; start first"

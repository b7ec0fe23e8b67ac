"""Confidence can be taken at its word: how reliable it is, is logged and shown, and what is served is calibrated."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from candle_ml.audit.fixture import fixture_dataset
from candle_ml.calibration import Calibrator
from candle_ml.cli import main
from candle_ml.inference import load_model
from candle_ml.tracking import TrackingPlace
from candle_ml.training import fit, prepare

from .conftest import Configs, Registered

EQUAL_BINS = 10


def said_and_right(registered: Registered) -> tuple[np.ndarray, np.ndarray]:
    """How sure the model was of each scored candle's most probable class, and whether it was that class."""
    evaluation = registered.result.evaluation
    assert evaluation is not None
    (case,) = registered.result.measured.cases
    scored = case.scored()
    codes = np.zeros(len(case.candles), dtype=int)
    for item in reversed(case.annotations):
        inside = (case.candles.time >= item.start_time) & (case.candles.time <= item.end_time)
        codes[inside] = evaluation.labels.index(item.label)
    probabilities = case.prediction.probabilities[scored]
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes[scored]


def test_the_calibration_error_is_a_metric_of_the_run(registered: Registered) -> None:
    """MLflow holds the mean distance between confidence and accuracy in ten equal bins of the test block's candles."""
    said, right = said_and_right(registered)
    bins = np.minimum((said * EQUAL_BINS).astype(int), EQUAL_BINS - 1)
    expected = sum(abs(said[bins == b].sum() - right[bins == b].sum()) for b in range(EQUAL_BINS)) / len(said)
    client = TrackingPlace.of(None, registered.root).client()
    (run_there,) = client.search_runs(["1"], f"tags.`candle_ml.run_id` = '{registered.result.run_id}'")
    metrics = run_there.data.metrics
    assert metrics["expected_calibration_error"] == pytest.approx(expected)
    assert 0 < expected < 1


def test_the_report_shows_the_reliability_curve(registered: Registered) -> None:
    """The chart has a dot for each bin that has candles; together they hold every scored candle."""
    said, _ = said_and_right(registered)
    assert registered.result.report is not None
    report = registered.result.report.read_text("utf-8")
    assert "Reliability: share of right predictions over confidence" in report
    assert "Expected calibration error" in report
    dots = re.findall(r"confidence ([0-9.]+): [0-9.]+ right of ([0-9,]+) candles", report)
    assert len(dots) == len(np.unique(np.minimum((said * EQUAL_BINS).astype(int), EQUAL_BINS - 1)))
    assert sum(int(count.replace(",", "")) for _, count in dots) == len(said)


def test_what_predict_says_is_calibrated(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """`candle-ml predict` gives the confidences of the calibrated model, which are not the model's own."""
    loaded = load_model(registered.bundle)
    (key,) = registered.result.dataset.series
    candles = registered.result.dataset.series[key].candles
    predictor = loaded.predictor
    assert predictor.calibrator.method == "temperature"
    own = type(predictor)(predictor.recipe, predictor.model, Calibrator.none(predictor.classes), predictor.params)
    calibrated, raw = predictor.predict(candles), own.predict(candles)
    monkeypatch.chdir(registered.root)
    told = CliRunner().invoke(main, ["predict", "data/candles/AAPL_1d.csv", "--json"])
    assert told.exit_code == 0, told.output
    (answer,) = json.loads(told.stdout)
    shown = {(span["start_time"], span["label"]): span["confidence"] for span in answer["spans"]}
    of_calibrated = {(span.start_time, span.label): span.confidence for span in calibrated.spans}
    of_raw = {(span.start_time, span.label): span.confidence for span in raw.spans}
    assert shown
    assert shown == pytest.approx({name: of_calibrated[name] for name in shown})
    assert all(abs(value - of_raw.get(name, 0.0)) > 1e-6 for name, value in shown.items())


def test_given_thresholds_hold_without_calibration(configs: Configs) -> None:
    """Where nothing is calibrated, a label's threshold is the given one, and that of others the default."""
    dataset = fixture_dataset(800, 12)
    given = ("labels.window=12", "calibration.enabled=false", "calibration.thresholds={audit_flag: 0.8}")
    config = configs("candle-shape", "windowed", *given)
    trained = fit(prepare(dataset, config), config)
    assert trained.predictor.params.thresholds == {"audit_flag": 0.8, "audit_top": 0.5, "audit_wedge": 0.5}
    assert trained.predictor.calibrator.method == "none"


def test_the_run_names_the_labels_that_its_scores_belong_to(registered: Registered) -> None:
    """The hash of the evaluated truth is a tag of the run and stands in bundle and report."""
    evaluation = registered.result.evaluation
    assert evaluation is not None
    assert registered.result.report is not None
    client = TrackingPlace.of(None, registered.root).client()
    (run_there,) = client.search_runs(
        [str(number) for number in range(3)], f"tags.label_set_hash = '{evaluation.label_set_hash}'"
    )
    assert run_there.data.metrics["f1_macro"] == evaluation.f1_macro
    assert load_model(registered.bundle).info.label_set_hash == evaluation.label_set_hash
    assert evaluation.label_set_hash in registered.result.report.read_text("utf-8").replace("<wbr>", "")

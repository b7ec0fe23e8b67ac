"""What the report page says of folds and of the audit."""

from __future__ import annotations

import re

import numpy as np

from candle_ml.candles import Candles
from candle_ml.evaluation import EvaluationOptions, ReportInput, SeriesCase, evaluate, render_report
from candle_ml.evaluation.markup import DASH
from candle_ml.evaluation.report_input import FoldScore
from candle_ml.predictions import Prediction
from candle_ml.testing.examples import example_candles

DAY = 86_400


def case(candles: Candles, sure: float) -> SeriesCase:
    """A prediction of nothing, over candles of which nobody marked any."""
    count = len(candles)
    probabilities = np.tile([sure, 1 - sure], (count, 1))
    flags = probabilities[:, 0] > 0
    prediction = Prediction(candles.key, ("O", "flag"), candles.time, probabilities, flags, ~flags, ())
    return SeriesCase(candles, prediction, (), ((int(candles.time[0]), int(candles.time[-1])),))


def page(folds: tuple[FoldScore, ...], audit: str | None) -> str:
    report = ReportInput(
        title="folds",
        model="xgboost",
        created_at=0,
        config_hash="c",
        data_hash="d",
        pipeline_yaml="name: folds",
        evaluation=None,
        folds=folds,
        audit=audit,
    )
    return " ".join(re.sub(r"<[^>]+>", " ", render_report(report)).split())


def test_every_fold_has_a_row_and_the_mean_is_of_those_with_scores() -> None:
    """A fold without truth shows dashes and does not count."""
    candles = example_candles(60)
    scored = evaluate([case(candles, 0.9)], ("O", "flag"), {"flag": 0.5}, EvaluationOptions(), {"O": 1.0})
    text = page((FoldScore(1, 0, 9 * DAY, None), FoldScore(2, 9 * DAY, 20 * DAY, scored)), None)
    assert "Walking forward" in text
    assert f"1 1970-01-01 1970-01-10 {' '.join([DASH] * 4)}" in text
    assert "2 1970-01-10 1970-01-21 60 1.000 1.000 0.000" in text
    assert "mean 1.000 1.000 0.000" in text


def test_without_folds_and_audit_nothing_is_said_of_them() -> None:
    """The section and the line are left out."""
    text = page((), None)
    assert "Walking forward" not in text
    assert "Leak audit" not in text


def test_the_audit_stands_among_the_facts() -> None:
    """What the audit found is told as it is, escaped."""
    assert "Leak audit no leak in 3 checks &lt;b&gt;" in page((), "no leak in 3 checks <b>")

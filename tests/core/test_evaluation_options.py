"""What an evaluation is asked for, and what its scores are called."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from candle_ml.evaluation import EvaluationOptions, metric_label


def test_changed_labels_stay_distinct_in_metric_names() -> None:
    """A label that cannot stand in a metric name gets a part of its hash, so that no two share a name."""
    assert metric_label("bull_flag") == "bull_flag"
    assert metric_label("bull flag") == f"bull_flag-{hashlib.sha256(b'bull flag').hexdigest()[:6]}"
    assert metric_label("bull flag") != metric_label("bull/flag")
    assert len(metric_label("x" * 500)) == 87


def test_headline_level_is_one_half_where_it_is_asked_for() -> None:
    """Timing, mistakes and intervals are at IoU 0.5, or at the middle level where 0.5 is not one."""
    assert EvaluationOptions().headline_iou == 0.5
    assert EvaluationOptions(iou=(0.6, 0.2, 0.9)).headline_iou == 0.6
    assert EvaluationOptions(iou=(0.4,)).headline_iou == 0.4


@pytest.mark.parametrize("wrong", [{"iou": (0.0,)}, {"iou": ()}, {"point_tolerance": -1}, {"blocks": 3}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    """Options out of range and unknown options are refused by name."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EvaluationOptions.model_validate(wrong)

"""Reliability: what was said against what happened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_ml.calibration import expected_calibration_error, reliability


def test_reliability_compares_what_was_said_with_what_happened():
    """Two bins, three samples: mean confidence, share of right answers and counts are those worked out by hand."""
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.95, 0.05], [0.5, 0.5]])
    curve = reliability(probabilities, np.array([0, 0, 0, -1], dtype=np.int32), bins=5)
    np.testing.assert_allclose(curve.edges, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_array_equal(curve.count, [0, 0, 0, 2, 1])
    np.testing.assert_allclose(curve.confidence, [np.nan, np.nan, np.nan, 0.65, 0.95])
    np.testing.assert_allclose(curve.accuracy, [np.nan, np.nan, np.nan, 0.5, 1.0])
    assert curve.expected_calibration_error == pytest.approx((2 * 0.15 + 1 * 0.05) / 3)
    assert expected_calibration_error(probabilities[:3], np.zeros(3, dtype=np.int32), bins=5) == pytest.approx(0.35 / 3)


def test_reliability_of_one_class_is_against_the_rest():
    """With a class given, its probability is compared with how often it occurs."""
    probabilities = np.tile([0.8, 0.2], (10, 1))
    curve = reliability(probabilities, np.array([1, 1, 1] + [0] * 7, dtype=np.int32), code=1)
    assert curve.count[2] == 10
    assert curve.confidence[2] == pytest.approx(0.2)
    assert curve.accuracy[2] == pytest.approx(0.3)


def test_certainty_falls_into_the_last_bin():
    """A confidence of exactly 1 is counted."""
    assert reliability(np.eye(2), np.array([0, 1], dtype=np.int32)).count[-1] == 2


def test_no_sample_has_no_calibration_error():
    """Without any labelled sample the error is not a number, and no warning is raised."""
    assert np.isnan(expected_calibration_error(np.empty((0, 3)), np.empty(0, dtype=np.int32)))


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(-1, 1)), max_size=40), st.integers(1, 20))
def test_the_calibration_error_is_a_share(samples, bins):
    """Every labelled sample is in one bin, and the error lies between 0 and 1."""
    raw = np.array([[said, 1.0 - said] for said, _ in samples]).reshape(-1, 2)
    codes = np.array([code for _, code in samples], dtype=np.int32)
    found = reliability(raw, codes, bins)
    assert found.count.sum() == (codes >= 0).sum()
    if found.count.sum():
        assert 0.0 <= found.expected_calibration_error <= 1.0

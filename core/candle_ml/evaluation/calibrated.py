"""Calibration of the candle probabilities, as results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.calibration import reliability
from candle_ml.evaluation.results import Calibration, ReliabilityBin


def calibration(probabilities: NDArray[np.float64], truth: NDArray[np.int32]) -> Calibration | None:
    """Reliability of the most probable class in bins of confidence, empty ones left out; None without a candle.

    `probabilities` is `(n, classes)`, `truth` `(n,)`; a true class beyond those of the model is given the probability 0
    that the model gives it.
    """
    if not len(truth):
        return None
    unknown = max(int(truth.max()) + 1 - probabilities.shape[1], 0)
    curve = reliability(np.pad(probabilities, ((0, 0), (0, unknown))), truth)
    filled = np.flatnonzero(curve.count)
    parts = (curve.confidence[filled].tolist(), curve.accuracy[filled].tolist(), curve.count[filled].tolist())
    return Calibration(
        expected_calibration_error=curve.expected_calibration_error,
        bins=tuple(ReliabilityBin(confidence=c, accuracy=a, count=n) for c, a, n in zip(*parts, strict=True)),
    )

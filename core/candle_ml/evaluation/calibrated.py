"""Calibration of the candle probabilities, as results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from candle_ml.calibration import expected_calibration_error, reliability
from candle_ml.evaluation.results import Calibration, ReliabilityBin


def calibration(probabilities: NDArray[np.float64], truth: NDArray[np.int32]) -> Calibration | None:
    """Reliability curve and expected calibration error of the most probable class; None without a candle.

    `probabilities` is `(n, classes)`, `truth` `(n,)`; a true class that the model does not know is never right.
    """
    if not len(truth):
        return None
    return Calibration(
        expected_calibration_error=expected_calibration_error(probabilities, truth),
        bins=tuple(
            ReliabilityBin(confidence=part.confidence, accuracy=part.accuracy, count=part.count)
            for part in reliability(probabilities, truth)
        ),
    )

"""The service answers with calibrated confidences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from candle_ml.calibration import Calibrator


def test_the_served_confidence_is_the_calibrated_one(client: Any, project: Any, to_rows: Any) -> None:
    """Probabilities and span confidences are those of model and calibrator together, not of the model alone."""
    predictor = project.loaded(1).predictor
    assert predictor.calibrator.method == "temperature"
    candles = project.candles[-300:]
    calibrated = predictor.predict(candles)
    own = replace(predictor, calibrator=Calibrator.none(predictor.classes)).predict(candles)
    request = {"pair": "AAPL", "timeframe": "1d", "candles": to_rows(candles), "include": ["probabilities"]}
    answer = client.post("/predict", {**request, "threshold": 0.0}).json
    rows = [row["probabilities"] for row in answer["candles"] if row["probabilities"] is not None]
    served = np.array([[row[name] for name in predictor.classes] for row in rows])
    known = calibrated.sufficient
    np.testing.assert_allclose(served, calibrated.probabilities[known], rtol=0, atol=1e-6)
    assert np.abs(served - own.probabilities[known]).max() > 0.01
    confidences = sorted(span["avg_confidence"] for span in answer["spans"])
    np.testing.assert_allclose(confidences, sorted(span.confidence for span in calibrated.spans), rtol=0, atol=1e-6)

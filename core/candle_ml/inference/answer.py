"""What is said to a user about candles: labels at a threshold, and how far each can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.bundle import BundleInfo
from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import PipelineConfig
from candle_ml.errors import DataError
from candle_ml.inference.loading import LoadedModel
from candle_ml.predictions import PredictedSpan, Prediction, uniform_thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The prediction of `n` candles at a threshold, as columns.

    `label` and `confidence` are None where `status` is `insufficient_history`; that comes before `in_sample` (the
    model was fitted or chosen on this candle), and that before `ok`. `spans` reached their threshold.
    """

    prediction: Prediction
    label: list[str | None]
    confidence: list[float | None]
    status: list[str]
    spans: tuple[PredictedSpan, ...]
    required_history: int
    insufficient_history: int

    @property
    def key(self) -> SeriesKey:
        """The series."""
        return self.prediction.key


def answer(
    loaded: LoadedModel, candles: Candles, threshold: float | None = None, predict_from: int | None = None
) -> Answer:
    """Predict candles; those before `predict_from` (Unix seconds) are context only.

    `threshold` (0..1) is for every label; without it each has its own, from the bundle. Raises `DataError` where volume
    is needed and missing.
    """
    prediction = loaded.predictor.predict(candles)
    if predict_from is not None:
        prediction = prediction.since(predict_from)
    return answer_of(loaded.info, prediction, threshold)


def answer_of(info: BundleInfo, prediction: Prediction, threshold: float | None = None) -> Answer:
    """What a prediction says at a threshold (0..1), or without one at the bundle's own of each label."""
    thresholds = _thresholds(info, prediction.classes, threshold)
    codes, confidence = prediction.labels(thresholds)
    names: list[str | None] = [*prediction.classes, None]
    return Answer(
        prediction=prediction,
        label=[names[code] for code in codes.tolist()],
        confidence=[value if known else None for value, known in _pairs(confidence, prediction.sufficient)],
        status=_status(prediction, in_sample(info, prediction.key, prediction.time)),
        spans=prediction.spans_above(thresholds),
        required_history=info.required_history,
        insufficient_history=int(np.count_nonzero(~prediction.sufficient)),
    )


def check_timeframes(info: BundleInfo, keys: Sequence[SeriesKey], config: PipelineConfig) -> None:
    """Raise `DataError` for a timeframe that the model was not trained on, unless the configuration allows others."""
    other = [key for key in keys if key.timeframe not in info.timeframes]
    if other and not config.inference.allow_other_timeframes:
        known = f"{', '.join(info.timeframes)}, which the model was trained on"
        expected = f"{known}; inference.allow_other_timeframes allows others"
        raise DataError.at(str(other[0]), f"timeframe {other[0].timeframe}", expected)


def in_sample(info: BundleInfo, key: SeriesKey, time: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the ascending candle times lie in what the model was fitted or chosen on."""
    seen = np.zeros(len(time), dtype=bool)
    for covered in info.coverage:
        if (covered.pair, covered.timeframe) == (key.pair, key.timeframe):
            for start, end in covered.ranges:
                seen[np.searchsorted(time, start) : np.searchsorted(time, end, side="right")] = True
    return seen


def _thresholds(info: BundleInfo, classes: tuple[str, ...], threshold: float | None) -> Mapping[str, float]:
    return info.thresholds if threshold is None else uniform_thresholds(classes, threshold)


def _pairs(values: NDArray[np.float64], known: NDArray[np.bool_]) -> list[tuple[float, bool]]:
    return list(zip(values.tolist(), known.tolist(), strict=True))


def _status(prediction: Prediction, seen: NDArray[np.bool_]) -> list[str]:
    names = ("ok", "in_sample", "insufficient_history")
    return [names[code] for code in np.where(prediction.sufficient, seen.astype(np.int64), 2).tolist()]

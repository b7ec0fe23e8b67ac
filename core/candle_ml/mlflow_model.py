"""The code of the MLflow model: `mlflow.pyfunc.load_model` reads a bundle through the same inference as everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.inference import load_model


class CandleModel(PythonModel):  # type: ignore[misc]
    """Takes a frame of candles of one series and returns one row a candle."""

    def load_context(self, context: PythonModelContext) -> None:
        """Prove and load the bundle."""
        self.loaded = load_model(Path(context.artifacts["bundle"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Columns `time, open, high, low, close` and maybe `volume` in; `time, label, confidence` out.

        `time` is Unix seconds, ISO text or a timestamp; it comes out as Unix seconds.
        `params` may name `pair` and `timeframe`; the label is missing where too little history stands before a candle.
        """
        prediction = self.loaded.predictor.predict(_candles(model_input, params or {}, self.loaded.info.timeframes[0]))
        codes, confidence = prediction.labels(self.loaded.info.thresholds)
        names = np.array([*prediction.classes, None], dtype=object)
        return pd.DataFrame({"time": prediction.time, "label": names[codes], "confidence": confidence})


def _candles(frame: pd.DataFrame, params: dict[str, Any], timeframe: str) -> Candles:
    key = SeriesKey(str(params.get("pair", "series")), str(params.get("timeframe", timeframe)))
    open_, high, low, close = (frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close"))
    volume = frame["volume"].to_numpy(np.float64) if "volume" in frame else None
    return Candles.from_columns(key, _seconds(frame["time"]), open_, high, low, close, volume)


def _seconds(times: pd.Series[Any]) -> NDArray[np.int64]:
    """Unix seconds of numbers, ISO texts or timestamps (UTC where no offset stands)."""
    if pd.api.types.is_numeric_dtype(times):
        return times.to_numpy(np.int64)
    seconds = pd.to_datetime(times, utc=True).astype("datetime64[s, UTC]").astype("int64")
    return np.asarray(seconds, dtype=np.int64)


mlflow.models.set_model(CandleModel())

"""What a user writes who has pandas, TA-Lib and a fitted model: features, windows and the answer for each candle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import talib

PATTERNS = talib.get_function_groups()["Pattern Recognition"]
WINDOW = 24
WARM_UP = 14  # TA-Lib says 0 until its longest pattern function has enough candles.
ON_ARRAYS = "PEER_ARRAYS" in os.environ


def features(frame: pd.DataFrame) -> np.ndarray:
    """The 61 pattern functions of a frame of candles, `float32` `(n, 61)`.

    TA-Lib takes the frame's own columns; whoever has measured gives it arrays, which takes about a fifth of the time.
    """
    prices = [frame[name].to_numpy() if ON_ARRAYS else frame[name] for name in ("open", "high", "low", "close")]
    columns = {}
    for name in PATTERNS:
        function = getattr(talib, name)
        columns[name] = function(*prices) / 100
    return pd.DataFrame(columns).to_numpy(np.float32)


def windows(matrix: np.ndarray) -> np.ndarray:
    """Each candle with the 23 before it as one row, oldest first, from the first candle that has them."""
    known = matrix[WARM_UP:]
    every = np.lib.stride_tricks.sliding_window_view(known, WINDOW, axis=0)
    return every.transpose(0, 2, 1).reshape(len(every), -1)


def load_model() -> tuple[Any, list[str]]:
    """The fitted model that the environment names, and its classes."""
    file = Path(os.environ["PEER_MODEL"])
    return _forest(file) if file.suffix == ".skops" else _booster(file), os.environ["PEER_CLASSES"].split(",")


def _booster(file: Path) -> Any:
    import xgboost

    model = xgboost.XGBClassifier()
    model.load_model(file)
    return model


def _forest(file: Path) -> Any:
    import skops.io

    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))


def predicted(model: Any, classes: list[str], frame: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Time, label and confidence of each candle that has a window: its best pattern, or "O" below the threshold."""
    rows = windows(features(frame))
    probabilities = model.predict_proba(rows)
    best = 1 + probabilities[:, 1:].argmax(axis=1)
    best[probabilities[np.arange(len(best)), best] < threshold] = 0
    return pd.DataFrame(
        {
            "time": frame["time"].to_numpy()[-len(rows) :],
            "label": [classes[code] for code in best],
            "confidence": probabilities[np.arange(len(best)), best].astype(float),
        }
    )

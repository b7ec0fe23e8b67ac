"""The usual few lines: `python -m benchmarks.speed.trainings.script WINDOWS ROUNDS THREADS FOLDER`."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import talib
import xgboost
from benchmarks.speed.trainings.problem import LOOKBACK, ROWS_TOLD, WINDOW, Telling, asked, candles_of, codes_of

PARAMETERS = {
    "objective": "multi:softprob",
    "num_class": 2,
    "eval_metric": "mlogloss",
    "tree_method": "hist",
    "learning_rate": 0.1,
    "max_depth": 4,
    "colsample_bytree": 0.3,
    "max_bin": 64,
    "seed": 0,
}


def main() -> None:
    """Train, and tell."""
    given = asked()
    candles = candles_of(given.windows)
    codes = codes_of(candles)
    telling = Telling()
    frame = pd.DataFrame({name: getattr(candles, name) for name in ("open", "high", "low", "close")})
    columns = {}
    for name in talib.get_function_groups()["Pattern Recognition"]:
        columns[name] = getattr(talib, name)(frame["open"], frame["high"], frame["low"], frame["close"]) / 100
    columns["RSI"] = talib.RSI(frame["close"], 14)
    columns["WILLR"] = talib.WILLR(frame["high"], frame["low"], frame["close"], 14)
    columns["ROC"] = talib.ROC(frame["close"], 10)
    known = pd.DataFrame(columns).to_numpy(np.float32)[LOOKBACK:]
    every = np.lib.stride_tricks.sliding_window_view(known, WINDOW, axis=0).transpose(0, 2, 1)
    rows = every.reshape(len(every), -1)
    telling.features_done()
    data = xgboost.QuantileDMatrix(rows, codes, max_bin=64, nthread=given.threads)
    booster = xgboost.train(PARAMETERS | {"nthread": given.threads}, data, given.rounds)
    total = time.perf_counter() - telling.started
    np.save(given.folder / "script.npy", booster.inplace_predict(rows[:ROWS_TOLD]))
    telling.done(total, *rows.shape)


if __name__ == "__main__":
    main()

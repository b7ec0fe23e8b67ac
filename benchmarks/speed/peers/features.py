"""Feature libraries on one series: `python -m benchmarks.speed.peers.features NAME CANDLES.npz OUTPUT.npz`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_TURNS = 5
_OWN_FUNCTIONS = {"cdl_doji", "cdl_inside"}
"""Of pandas-ta-classic: other rules than TA-Lib's under the same name, and one that TA-Lib does not have."""


def pandas_ta(prices: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Every pattern, as a data frame."""
    import pandas as pd
    import pandas_ta_classic as ta

    frame = pd.DataFrame(dict(prices))
    return lambda: ta.cdl_pattern(frame["open"], frame["high"], frame["low"], frame["close"], name="all")


def pandas_columns(frame: Any) -> dict[str, np.ndarray]:
    """Its columns by TA-Lib's names."""
    named = {name.lower().replace("cdl_", "", 1).partition("_10_")[0]: name for name in frame.columns}
    every = {f"cdl_{short}": frame[name].to_numpy(float) for short, name in named.items()}
    return {name: values for name, values in every.items() if name not in _OWN_FUNCTIONS}


def polars_ta(prices: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Every pattern in one query, as polars divides it among its threads."""
    import polars as pl
    import polars_talib

    frame = pl.DataFrame(dict(prices))
    names = [name for name in dir(polars_talib) if name.startswith("cdl")]
    columns = [pl.col(name) for name in ("open", "high", "low", "close")]
    query = [getattr(polars_talib, name)(*columns).alias(f"cdl_{name[3:]}") for name in names]
    return lambda: frame.select(query)


def polars_columns(frame: Any) -> dict[str, np.ndarray]:
    """Its columns."""
    return {name: frame[name].to_numpy().astype(float) for name in frame.columns}


def main() -> None:
    """Write the columns and print the seconds of the quickest turn."""
    name, source, output = sys.argv[1:]
    with np.load(source) as arrays:
        prices = {key: arrays[key] for key in arrays.files}
    make, columns = {
        "pandas-ta-classic": (pandas_ta, pandas_columns),
        "polars_talib": (polars_ta, polars_columns),
    }[name]
    work = make(prices)
    found = work()
    seconds = []
    for _ in range(_TURNS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    np.savez(output, **columns(found))
    print(json.dumps({"seconds": min(seconds)}))


if __name__ == "__main__":
    main()

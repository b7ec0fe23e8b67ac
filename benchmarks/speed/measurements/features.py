"""The 61 candle patterns as one `float32` matrix, against the bare calls of TA-Lib that it consists of.

The floor calls the same 61 C functions on arrays, past the layer of TA-Lib's Python package that looks for data frames,
and throws each result away. candle-ml also scales, masks the warm-up and keeps everything. Both run in one thread on
one core, and the time of that thread is taken; the row of two cores lets candle-ml use both, and takes the time on the
wall. `writing alone` is the matrix of results that are there already. `checked, by candle` is the matrix that windows
are cut from: checked for values that are not finite, the features of a candle side by side.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from inspect import unwrap

import numpy as np
import talib
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import long_series
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import both_cores, by_turns, first_core, on_cores, ratio
from numpy.typing import NDArray

from candle_ml.candles import Candles
from candle_ml.components import CandleFeatures
from candle_ml.features import FeaturePlan, candle_features, plan
from candle_ml_features_talib.cdl import CdlFeatures
from candle_ml_features_talib.options import CdlOptions

NAME = "features"
ONE_THREAD, TWO_THREADS = Goal(1.10), Goal(0.6)
_LONG_ENOUGH = 30_000  # candles, to be timed at once
_FUNCTIONS = [unwrap(getattr(talib, name)) for name in talib.get_function_groups()["Pattern Recognition"]]


def measure(bench: Bench) -> Iterator[Row]:
    """Short series on one core, long ones on one and on two."""
    extractor = CdlFeatures(CdlOptions())
    for count in (*bench.sizes.short, *bench.sizes.long):
        candles = long_series(count)
        _check(extractor, candles)
        yield from _one_core(extractor, candles, bench)
        if count in bench.sizes.long:
            yield _two_cores(extractor, candles, bench)


def bare(candles: Candles) -> None:
    """The 61 calls."""
    prices = (candles.open, candles.high, candles.low, candles.close)
    for function in _FUNCTIONS:
        function(*prices)


def _check(extractor: CandleFeatures, candles: Candles) -> None:
    """Raises where a column is not TA-Lib's."""
    prices = (candles.open, candles.high, candles.low, candles.close)
    expected = np.stack([function(*prices) for function in _FUNCTIONS], axis=1).astype(np.float32) / np.float32(100)
    after = slice(extractor.lookback, None)
    np.testing.assert_array_equal(extractor.extract(candles)[after], expected[after])


def _one_core(extractor: CandleFeatures, candles: Candles, bench: Bench) -> Iterator[Row]:
    features: FeaturePlan = plan([extractor])
    times = max(1, _LONG_ENOUGH // len(candles))
    prices = (candles.open, candles.high, candles.low, candles.close)
    results = [function(*prices) for function in _FUNCTIONS]
    works = {
        "bare": partial(_again, partial(bare, candles), times),
        "matrix": partial(_again, partial(extractor.extract, candles), times),
        "writing": partial(_again, partial(_written, results), times),
        "checked": partial(_again, partial(candle_features, features, candles), times),
    }
    with on_cores(first_core()):
        found = by_turns(works, 3 * bench.sizes.repeats, time.thread_time)
    seconds = {name: [1000 * each / times for each in all_] for name, all_ in found.items()}
    label = f"61 patterns of {len(candles):,} candles ÷ bare TA-Lib calls"
    yield ratio(NAME, label, seconds["matrix"], seconds["bare"], "ms", ONE_THREAD)
    yield ratio(NAME, f"{label}: writing alone", seconds["writing"], seconds["bare"], "ms")
    yield ratio(NAME, f"{label}: checked, by candle", seconds["checked"], seconds["bare"], "ms")


def _written(results: list[NDArray[np.int32]]) -> None:
    """One `float32` matrix of whole numbers that are there."""
    matrix = np.empty((len(results), len(results[0])), dtype=np.float32)
    for row, result in zip(matrix, results, strict=True):
        np.divide(result, np.float32(100), out=row, dtype=np.float32, casting="unsafe")


def _two_cores(extractor: CandleFeatures, candles: Candles, bench: Bench) -> Row:
    def ours() -> None:
        with on_cores(both_cores()):
            extractor.extract(candles)

    def floor() -> None:
        with on_cores(first_core()):
            bare(candles)

    seconds = by_turns({"ours": ours, "floor": floor}, 3 * bench.sizes.repeats)
    label = f"61 patterns of {len(candles):,} candles on two cores ÷ bare TA-Lib calls on one"
    return ratio(NAME, label, _ms(seconds["ours"]), _ms(seconds["floor"]), "ms", TWO_THREADS)


def _ms(seconds: list[float]) -> list[float]:
    return [each * 1000 for each in seconds]


def _again(work: partial[object], times: int) -> None:
    for _ in range(times):
        work()

"""How cost grows with the number of candles: the exponent of the power law through the measured times.

The features are TA-Lib's 61 patterns; predicting is all that the default model needs for every candle of a series:
features, windows, model, decoder. The exponent is the slope of a straight line through the logarithms, so that 1 means
that twice as many candles take twice as long. Time of one thread on one core, for each length the least of its
repeats, so that there is one exponent. Beyond 16,000 candles the same ones come again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import long_series
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import by_turns, first_core, on_cores

from candle_ml.candles import Candles
from candle_ml.features import candle_features

NAME = "growth"


def measure(bench: Bench) -> Iterator[Row]:
    """Features and prediction."""
    predictor = bench.project("xgboost").loaded.predictor
    features = partial(candle_features, predictor.recipe.plan)
    yield _row("features", features, bench.sizes.growth, bench)
    yield _row("prediction", predictor.predict, bench.sizes.predicted, bench)


def _row(name: str, work: Callable[[Candles], object], counts: tuple[int, ...], bench: Bench) -> Row:
    microseconds = [1e6 * _seconds(work, count, bench) for count in counts]
    slope, _ = np.polyfit(np.log(counts), np.log(microseconds), 1)
    label = f"growth exponent of {name}, {counts[0]:,} to {counts[-1]:,} candles"
    per_candle = [time / count for time, count in zip(microseconds, counts, strict=True)]
    exponent = float(slope)
    return Row(NAME, label, exponent, exponent, exponent, per_candle[-1], per_candle[0], "µs a candle", 1, Goal(1.05))


def _seconds(work: Callable[[Candles], object], count: int, bench: Bench) -> float:
    candles = long_series(count)
    repeats = max(1, min(bench.sizes.repeats, 100_000 // count))
    with on_cores(first_core()):
        return min(by_turns({"work": partial(work, candles)}, repeats, time.thread_time)["work"])

"""Whether features look ahead in the data at hand, which has what made candles lack: years, gaps, names of its own.

Each series is cut at up to 64 candles, half of them spread evenly and half just before what stands out in it, and the
values of the last 256 candles (or windows) before the cut are compared with those of the whole series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from candle_ml.audit.features import Differences, columns_of, scales, values_of
from candle_ml.audit.results import AuditRow, row
from candle_ml.candles import Candles
from candle_ml.components import FeatureExtractor, LabelEncoder, Progress
from candle_ml.features import FeaturePlan, plan

NO_LATER_CANDLE_AT_HAND = "a value of the data needs no later candle"

_CUTS = 64
_FEWEST_CUTS = 4
_MOST_COMPUTED = 4_000_000
"""Candles that an extractor computes in all, so that long data takes no longer than seconds to cut; it is cut less."""
_ROWS = 256


def at_hand_row(
    name: str,
    build: Callable[[], FeatureExtractor],
    encoder: LabelEncoder,
    every: Sequence[Candles],
    progress: Progress,
) -> AuditRow:
    """Audit one extractor on the series that are learned from."""
    differences = Differences("before later candles came", columns_of(plan([build()], [name])))
    most = _cuts_each(sum(map(len, every)))
    for number, candles in enumerate(every):
        progress(f"auditing {name} on the data", number, len(every))
        _compare(plan([build()], [name]), encoder, candles, most, differences)
    progress(f"auditing {name} on the data", len(every), len(every))
    return row(NO_LATER_CANDLE_AT_HAND, name, differences.compared, "candles", differences.told())


def _cuts_each(candles: int) -> int:
    """In how many places each series is cut, where there are so many candles in all."""
    return int(np.clip(2 * _MOST_COMPUTED // max(candles, 1), _FEWEST_CUTS, _CUTS))


def _compare(plan: FeaturePlan, encoder: LabelEncoder, candles: Candles, most: int, differences: Differences) -> None:
    first, last = _windows(plan, encoder, candles)
    cuts = _cuts(candles, most)
    ends = np.searchsorted(last, cuts, side="right")
    starts = np.maximum(ends - _ROWS, 0)
    needed = np.zeros(len(last), dtype=bool)
    for start, end in zip(starts, ends, strict=True):
        needed[start:end] = True
    values = np.full((len(last), len(columns_of(plan))), np.nan, dtype=np.float32)
    values[needed] = values_of(plan, candles, first[needed], last[needed])
    scale = scales([values])
    for cut, start, end in zip(cuts.tolist(), starts, ends, strict=True):
        part = values_of(plan, candles[: cut + 1], first[start:end], last[start:end])
        differences.add(candles.key, last[start:end], part, values[start:end], scale)


def _windows(plan: FeaturePlan, encoder: LabelEncoder, candles: Candles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What has a value: candles, or candidate windows by their last candle, with the lookback before them."""
    first = last = np.arange(len(candles), dtype=np.int64)
    if plan.window_columns:
        samples = encoder.candidates(candles)
        order = np.argsort(samples.last, kind="stable")
        first, last = samples.first[order], samples.last[order]
    warm = first >= plan.lookback
    return first[warm], last[warm]


def _cuts(candles: Candles, most: int) -> NDArray[np.int64]:
    """The candles after which a series is cut, ordered: evenly spread ones, and those before what stands out."""
    if len(candles) < 2:
        return np.empty(0, dtype=np.int64)
    spread = np.linspace(0, len(candles) - 2, most // 2).astype(np.int64)
    standing_out = [np.argsort(step, kind="stable")[-max(1, most // 8) :] for step in _steps(candles)]
    return np.unique(np.concatenate((spread, *standing_out)))


def _steps(candles: Candles) -> list[NDArray[np.float64]]:
    """How far each candle is from the one before it: in time, over the gap, from close to close and in volume."""
    close = np.log(candles.close)
    steps = [np.diff(candles.time).astype(np.float64), np.abs(np.log(candles.open[1:]) - close[:-1])]
    steps.append(np.abs(np.diff(close)))
    if candles.volume is not None:
        steps.append(np.abs(np.diff(np.log1p(candles.volume))))
    return steps

"""Whether features look ahead: every candle is poked with what stood before it, and with its lookback alone.

The series of the fixture are cut at the close of each candle in turn, in the order of time, as live candles would
arrive; so an extractor that carries something from one series or call to the next knows no more than a live one. The
values that it gives there are compared with those it gives once it has seen every series whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candle_ml.audit.fixture import fixture_candles
from candle_ml.audit.results import AuditRow, row
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import FeatureExtractor, LabelEncoder, Progress
from candle_ml.features import FeaturePlan, agreeing, candle_features, plan, window_features

NO_LATER_CANDLE = "a value needs no later candle"
LOOKBACK_SUFFICES = "the declared lookback suffices"
_POKED = 480
_MOST_COLUMNS_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where a series is poked: windows `[first, last]` in the order of `last`; of candle features, single candles."""

    candles: Candles
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def ending_at(self, candle: int) -> slice:
        """The rows of the windows that end at a candle."""
        return slice(*np.searchsorted(self.last, (candle, candle + 1)).tolist())


def feature_rows(
    name: str, build: Callable[[], FeatureExtractor], encoder: LabelEncoder, progress: Progress
) -> tuple[AuditRow, AuditRow]:
    """Audit one extractor at every candle of series that go on for 480 after its lookback.

    Of a window extractor every candidate window is poked. Raises `PluginError` where the extractor raises.
    """
    cut, whole, short = (plan([build()], [name]) for _ in range(3))
    every = _places(whole, encoder)
    total = 2 * sum(len(np.unique(places.last)) for places in every)
    steps = _Steps(f"auditing {name}", total, progress)
    from_past = _as_they_arrive(cut, every, steps)
    full = _with_everything(whole, every)
    from_lookback = [_from_lookback(short, places, steps) for places in every]
    scale = scales(full)
    columns = columns_of(whole)
    ahead = Differences("from the candles up to it", columns)
    forgotten = Differences(f"from {whole.lookback} candles before it", columns)
    for places, values, past, (rows, recent) in zip(every, full, from_past, from_lookback, strict=True):
        ahead.add(places.candles.key, places.last, past, values, scale)
        forgotten.add(places.candles.key, places.last[rows], recent, values[rows], scale)
    looked_at = total // 2
    return (
        row(NO_LATER_CANDLE, name, looked_at, "candles", ahead.told()),
        row(LOOKBACK_SUFFICES, name, looked_at, "candles", forgotten.told()),
    )


class _Steps:
    """Reports progress over several loops."""

    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self._what, self._total, self._progress = what, total, progress
        self._done = 0
        progress(what, 0, total)

    def step(self) -> None:
        self._done += 1
        self._progress(self._what, self._done, self._total)


def _places(plan: FeaturePlan, encoder: LabelEncoder) -> list[Places]:
    """Every candle (or candidate window) with enough history, of each series that has what the extractor needs."""
    window = encoder.longest_window if plan.window_columns else 1
    longest_ends = plan.lookback + window - 1
    places = []
    for candles in fixture_candles(longest_ends + _POKED):
        if candles.volume is None and plan.needs_volume:
            continue
        last = np.arange(len(candles), dtype=np.int64)
        first = last
        if plan.window_columns:
            samples = encoder.candidates(candles)
            order = np.argsort(samples.last, kind="stable")
            first, last = samples.first[order], samples.last[order]
        warm = first >= plan.lookback
        places.append(Places(candles, first[warm], last[warm]))
    return places


def _as_they_arrive(plan: FeaturePlan, every: Sequence[Places], steps: _Steps) -> list[NDArray[np.float32]]:
    """The values at each place when nothing after its last candle has happened yet in any series."""
    values = [_empty(plan, len(places.last)) for places in every]
    events = [
        (int(places.candles.time[last]) + places.candles.key.seconds, -places.candles.key.seconds, number, int(last))
        for number, places in enumerate(every)
        for last in np.unique(places.last)
    ]
    for _, _, number, last in sorted(events):
        places = every[number]
        rows = places.ending_at(last)
        known = places.candles[: last + 1]
        values[number][rows] = values_of(plan, known, places.first[rows], places.last[rows])
        steps.step()
    return values


def _with_everything(plan: FeaturePlan, every: Sequence[Places]) -> list[NDArray[np.float32]]:
    """The values of the whole series, once the extractor has seen each of them."""
    for places in every:
        values_of(plan, places.candles, places.first, places.last)
    return [values_of(plan, places.candles, places.first, places.last) for places in every]


def _from_lookback(plan: FeaturePlan, places: Places, steps: _Steps) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The values from the declared lookback alone, and the rows of `places` they belong to.

    At each candle one window is taken, of the lengths in turn.
    """
    ends = np.unique(places.last)
    rows = np.empty(len(ends), dtype=np.int64)
    values = _empty(plan, len(ends))
    for number, last in enumerate(ends.tolist()):
        ending = places.ending_at(last)
        rows[number] = ending.start + number % (ending.stop - ending.start)
        start = int(places.first[rows[number]]) - plan.lookback
        first = np.array([plan.lookback], dtype=np.int64)
        values[number] = values_of(plan, places.candles[start : last + 1], first, np.array([last - start]))[0]
        steps.step()
    return rows, values


def values_of(
    plan: FeaturePlan, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The features of windows `(n, n_columns)`, of candles those of the last, from a copy of these candles alone."""
    alone = candles.detached()
    return window_features(plan, alone, first, last) if plan.window_columns else candle_features(plan, alone)[last]


def columns_of(plan: FeaturePlan) -> tuple[str, ...]:
    """The columns of a plan of one extractor."""
    return plan.candle_columns + plan.window_columns


def _empty(plan: FeaturePlan, rows: int) -> NDArray[np.float32]:
    return np.empty((rows, len(columns_of(plan))), dtype=np.float32)


def scales(full: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The standard deviation of each column over what is finite."""
    joined = np.concatenate(full).astype(np.float64)
    known = np.isfinite(joined)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, joined, 0.0).sum(axis=0) / count
    return np.asarray(np.sqrt((np.where(known, joined - mean, 0.0) ** 2).sum(axis=0) / count))


class Differences:
    """Counts values that differ, and remembers the first."""

    def __init__(self, how: str, columns: tuple[str, ...]) -> None:
        self._how, self._columns = how, columns
        self.compared = 0
        self._first = ""
        self._candles = 0
        self._named: dict[str, None] = {}

    def add(
        self,
        key: SeriesKey,
        last: NDArray[np.int64],
        part: NDArray[np.float32],
        full: NDArray[np.float32],
        scale: NDArray[np.float64],
    ) -> None:
        """Compare the values at these candles of a series, in columns of these deviations."""
        different = ~agreeing(part, full, scale)
        self.compared += len(np.unique(last))
        if not different.any():
            return
        self._candles += len(np.unique(last[different.any(axis=1)]))
        self._named |= dict.fromkeys(self._columns[column] for column in np.flatnonzero(different.any(axis=0)))
        if not self._first:
            place, column = np.argwhere(different)[0].tolist()
            where = f"{self._columns[column]} at candle {last[place]} of {key}"
            self._first = (
                f"{where} is {part[place, column]:.6g} {self._how}, {full[place, column]:.6g} in the whole series"
            )

    def told(self) -> str:
        """What was found; nothing where all agree."""
        if not self._first:
            return ""
        names = list(self._named)
        more = f" and {len(names) - _MOST_COLUMNS_NAMED} more" if len(names) > _MOST_COLUMNS_NAMED else ""
        named = f"{', '.join(names[:_MOST_COLUMNS_NAMED])}{more}"
        return f"{self._first}; {self._candles} of {self.compared} candles differ ({named})"

"""Whether blocks of samples keep apart: no candle, no future and no sample of one stands in another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from candle_ml.audit.results import AuditRow, row
from candle_ml.candles import Candles, SeriesKey
from candle_ml.dataset import Dataset, iso_time
from candle_ml.scores import Samples
from candle_ml.split import Fold, Split, close_times

APART = "blocks share no candle and no future"
LABELS_INSIDE = "labels end inside their block"
ONCE = "no sample stands in two blocks"

_CONTEXT = 64
"""Candles that end with a sample and must not be found in another block; chance does not repeat so many."""
_LEAST_CLOSES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The samples of one block and the time at which it ends (Unix seconds)."""

    name: str
    samples: Samples
    end: int


def parts_of_split(split: Split) -> list[Part]:
    """The blocks of a split that have samples, in order of time."""
    samples = split.parts()
    return [Part(block.name, samples[block.name], block.end) for block in split.blocks if len(samples[block.name])]


def parts_of_fold(fold: Fold) -> list[Part]:
    """Train and test of a fold."""
    return [Part("train", fold.train, fold.train_block.end), Part("test", fold.test, fold.test_block.end)]


def block_rows(subject: str, arrangements: Sequence[Sequence[Part]], dataset: Dataset) -> Iterator[AuditRow]:
    """Audit blocks that claim to follow each other in time: those of a split, or of each of several folds."""
    candles = {key: data.candles for key, data in dataset.series.items()}
    looked_at = sum(len(part.samples) for parts in arrangements for part in parts)
    checks: tuple[tuple[str, Callable[[Sequence[Part]], str]], ...] = (
        (APART, lambda parts: _shared(parts, candles)),
        (LABELS_INSIDE, lambda parts: _reaching_out(parts, dataset)),
        (ONCE, lambda parts: _repeated(parts, candles)),
    )
    for check, look in checks:
        found = next((told for told in map(look, arrangements) if told), "")
        yield row(check, subject, looked_at, "samples", found)


def _shared(parts: Sequence[Part], candles: Mapping[SeriesKey, Candles]) -> str:
    """The first two blocks that are not apart, and how many samples of the later one are to blame."""
    for earlier, later in combinations(parts, 2):
        shared = _touching(earlier.samples, later.samples, candles)
        if shared.any():
            where = _place(later.samples, int(np.flatnonzero(shared)[0]), candles)
            return f"{int(shared.sum())} {later.name} samples share candles with {earlier.name}, such as {where}"
        known = int(close_times(earlier.samples).max())
        early = _opens(later.samples, candles) < known
        if early.any():
            what = f"before {iso_time(known)}, when the last {earlier.name} sample is known"
            return f"{int(early.sum())} {later.name} samples start {what}"
    return ""


def _touching(earlier: Samples, later: Samples, candles: Mapping[SeriesKey, Candles]) -> NDArray[np.bool_]:
    """The later samples that share a candle with an earlier one, its label's candles included."""
    shared = np.zeros(len(later), dtype=bool)
    for code, key in enumerate(later.series):
        if key not in earlier.series:
            continue
        time = candles[key].time
        own = earlier.take(earlier.series_code == earlier.series.index(key))
        last = np.maximum(own.last, np.searchsorted(time, own.known_at))
        used = np.zeros(len(time) + 1, dtype=np.int64)
        np.add.at(used, own.first, 1)
        np.add.at(used, last + 1, -1)
        total = np.concatenate(([0], np.cumsum(np.cumsum(used)[:-1] > 0)))
        rows = later.series_code == code
        shared[rows] = total[later.last[rows] + 1] > total[later.first[rows]]
    return shared


def _opens(samples: Samples, candles: Mapping[SeriesKey, Candles]) -> NDArray[np.int64]:
    opens = np.empty(len(samples), dtype=np.int64)
    for code, key in enumerate(samples.series):
        rows = samples.series_code == code
        opens[rows] = candles[key].time[samples.first[rows]]
    return opens


def _place(samples: Samples, number: int, candles: Mapping[SeriesKey, Candles]) -> str:
    key = samples.series[samples.series_code[number]]
    return f"that of {key} from {iso_time(int(candles[key].time[samples.first[number]]))}"


def _reaching_out(parts: Sequence[Part], dataset: Dataset) -> str:
    """The first block with a sample whose annotation ends after the block does."""
    ends = {
        f"{key} {annotation.id}": annotation.end_time + key.seconds
        for key, data in dataset.series.items()
        for annotation in data.annotations
    }
    for part in parts:
        samples = part.samples
        named = [samples.annotation_ids[number] for number in samples.annotation[samples.annotation >= 0].tolist()]
        late = [name for name in named if ends.get(name, 0) > part.end]
        if late:
            return (
                f"{len(late)} {part.name} samples have a label that ends after {iso_time(part.end)}, such as {late[0]}"
            )
    return ""


def _repeated(parts: Sequence[Part], candles: Mapping[SeriesKey, Candles]) -> str:
    """The first two blocks with a sample of the same candles, under whatever name and time."""
    digests = [_digests(part.samples, candles) for part in parts]
    for (earlier, before), (later, after) in combinations(zip(parts, digests, strict=True), 2):
        twice = sorted(set(before.values()) & set(after.values()))
        if twice:
            first, second = (
                _place(part.samples, next(n for n, d in found.items() if d == twice[0]), candles)
                for part, found in ((earlier, before), (later, after))
            )
            count = sum(digest in set(twice) for digest in after.values())
            return f"{count} {later.name} samples stand in {earlier.name} too, such as {first} and {second}"
    return ""


def _digests(samples: Samples, candles: Mapping[SeriesKey, Candles]) -> dict[int, bytes]:
    """A digest of the prices up to each sample's last candle, by sample; none where history or movement lacks."""
    found: dict[int, bytes] = {}
    for number, (code, first, last) in enumerate(zip(samples.series_code, samples.first, samples.last, strict=True)):
        series = candles[samples.series[code]]
        start = min(int(first), int(last) + 1 - _CONTEXT)
        if start >= 0 and len(np.unique(series.close[start : last + 1])) >= _LEAST_CLOSES:
            digest = hashlib.blake2b(digest_size=16)
            for column in (series.open, series.high, series.low, series.close):
                digest.update(np.ascontiguousarray(column[start : last + 1]).tobytes())
            found[number] = digest.digest()
    return found

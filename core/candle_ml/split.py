"""Blocks of samples that share no candle and no future: by time, as growing folds, or, when asked for, at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.dataset import iso_time
from candle_ml.errors import Problem, TrainingError
from candle_ml.scores import UNLABELLED, Samples

BlockName = Literal["train", "validation", "calibration", "test"]

LEAKS = (
    "split.method is random: windows that share candles stand in different blocks, so every score is too good; "
    "use temporal for numbers to believe"
)
_WANTED: Mapping[str, tuple[int, str]] = {
    "train": (5, "to learn from"),
    "validation": (1, "to stop by"),
    "calibration": (1, "to set a threshold by"),
    "test": (5, "to judge by"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A time range `[start, end]`, Unix seconds, and how many candles of each series after `start` stay unused."""

    name: BlockName
    start: int
    end: int
    embargo: int = 0

    def contains(self, samples: Samples, candles: Mapping[SeriesKey, Candles]) -> NDArray[np.bool_]:
        """The samples that start in this block, after the embargo, and whose `known_at` candle closes in it.

        The embargo counts candles of each sample's own series.
        """
        starts = [np.searchsorted(candles[key].time, self.start) + self.embargo for key in samples.series]
        inside: NDArray[np.bool_] = samples.first >= np.array(starts, dtype=np.int64)[samples.series_code]
        return inside & (close_times(samples) <= self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The samples of each block, over the classes that stand in `train`; a block without a share is empty.

    `blocks` are the time ranges of those with a share, in order of time; `removed` counts the samples that each rule
    has taken out; `warnings` say what to annotate so that scores can be believed.
    """

    train: Samples
    validation: Samples
    calibration: Samples
    test: Samples
    blocks: tuple[Block, ...]
    removed: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def block(self, name: BlockName) -> Block | None:
        """The time range of a block; None where it has no share."""
        return next((block for block in self.blocks if block.name == name), None)

    def parts(self) -> dict[BlockName, Samples]:
        """The samples of every block, by its name, in order of time."""
        return {
            "train": self.train,
            "validation": self.validation,
            "calibration": self.calibration,
            "test": self.test,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One step of walking forward: everything before a border to train on, the next stretch to test on."""

    train: Samples
    test: Samples
    train_block: Block
    test_block: Block
    removed: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """What is divided."""

    samples: Samples
    candles: Mapping[SeriesKey, Candles]

    def within(self, block: Block) -> str:
        """How much there is in the time of a block, whatever has become of it."""
        opens = sum(int(((one.time >= block.start) & (one.time < block.end)).sum()) for one in self.candles.values())
        closes = close_times(self.samples)
        inside = (closes > block.start) & (closes <= block.end)
        patterns = _count(self.samples.take(inside), range(1, len(self.samples.classes)))
        return f"(candles: {opens}, patterns that end there: {patterns})"


def split(
    samples: Samples,
    candles: Mapping[SeriesKey, Candles],
    *,
    method: Literal["temporal", "walk_forward", "random"] = "temporal",
    train: float = 0.6,
    validation: float = 0.1,
    calibration: float = 0.1,
    test: float = 0.2,
    embargo: int = 10,
    seed: int = 0,
) -> Split:
    """Divide the samples of all series into four blocks.

    `temporal` (and `walk_forward`, whose folds come from `walk_forward`): the borders stand where the given shares of
    the patterns have closed; a sample belongs to a block only if it starts `embargo` candles after the block does and
    everything it needs has closed by its end. `random` draws samples by `seed` and warns. Raises `TrainingError` where
    there is no pattern, a block has no sample, or `train` has one class only.
    """
    shares: dict[BlockName, float] = {
        "train": train,
        "validation": validation,
        "calibration": calibration,
        "test": test,
    }
    _refuse_no_pattern(samples)
    shares = {name: share for name, share in shares.items() if share > 0}
    if method == "random":
        start, end = _extent(candles)
        blocks = tuple(Block(name, start, end) for name in shares)
        parts = _drawn(samples, list(shares.values()), seed)
        return _finished(_Whole(samples, candles), parts, blocks, Counter(), (LEAKS,))
    borders = _borders(samples, candles, np.cumsum(list(shares.values()))[:-1])
    blocks = _blocks(list(shares), borders, embargo)
    parts, removed = _assign(samples, candles, blocks)
    return _finished(_Whole(samples, candles), parts, blocks, removed)


def walk_forward(
    samples: Samples,
    candles: Mapping[SeriesKey, Candles],
    *,
    folds: int = 5,
    embargo: int = 10,
    borders: Sequence[int] | None = None,
) -> tuple[Fold, ...]:
    """`folds` folds: the patterns are cut by time into `folds + 1` equal parts; fold k trains on the first k.

    With the `borders` of other samples' folds they are cut there instead. Purged and embargoed as `split` does. Raises
    `TrainingError` as it does.
    """
    _refuse_no_pattern(samples)
    borders = borders or _borders(samples, candles, np.arange(1, folds + 1) / (folds + 1))
    walked = []
    for end in range(2, len(borders)):
        blocks = _blocks(["train", "test"], [borders[0], borders[end - 1], borders[end]], embargo)
        parts, removed = _assign(samples.take(close_times(samples) <= borders[end]), candles, blocks)
        done = _finished(_Whole(samples, candles), parts, blocks, removed, where=f"fold {end - 1}: ")
        walked.append(Fold(done.train, done.test, blocks[0], blocks[1], done.removed, done.warnings))
    return tuple(walked)


def cross_folds(
    samples: Samples, candles: Mapping[SeriesKey, Candles], block: Block, *, folds: int, embargo: int
) -> tuple[Fold, ...]:
    """Each of `folds` stretches of a block, with equally many of its patterns, beside the samples before and after it.

    Nothing to train on ends in the stretch, or starts in it or in the `embargo` candles after it.
    """
    inner = _borders(samples, candles, np.arange(1, folds) / folds)[1:-1]
    folded = []
    for start, end in pairwise((block.start, *inner, block.end)):
        test = Block("test", start, end, embargo)
        after = Block("train", end, block.end, embargo)
        train = samples.take((close_times(samples) <= start) | after.contains(samples, candles))
        tested = samples.take(test.contains(samples, candles))
        removed = {"shared with the test": len(samples) - len(train) - len(tested)}
        folded.append(Fold(train, tested, block, test, removed, ()))
    return tuple(folded)


def everything_in_train(samples: Samples, candles: Mapping[SeriesKey, Candles]) -> Split:
    """The split of a disabled stage: one block of all candles. Raises `TrainingError` as `split` does."""
    _refuse_no_pattern(samples)
    return _finished(_Whole(samples, candles), [samples], (Block("train", *_extent(candles)),), Counter())


def close_times(samples: Samples) -> NDArray[np.int64]:
    """When each sample is known: the close of its `known_at` candle, Unix seconds."""
    seconds = np.array([key.seconds for key in samples.series], dtype=np.int64)
    return samples.known_at + seconds[samples.series_code]


def _open_times(samples: Samples, candles: Mapping[SeriesKey, Candles]) -> NDArray[np.int64]:
    """The open of each sample's first candle."""
    opens = np.empty(len(samples), dtype=np.int64)
    for number, key in enumerate(samples.series):
        rows = samples.series_code == number
        opens[rows] = candles[key].time[samples.first[rows]]
    return opens


def _extent(candles: Mapping[SeriesKey, Candles]) -> tuple[int, int]:
    """From the first open to the last close of any series."""
    filled = [one for one in candles.values() if len(one)]
    return min(int(one.time[0]) for one in filled), max(int(one.time[-1]) + one.key.seconds for one in filled)


def _borders(samples: Samples, candles: Mapping[SeriesKey, Candles], shares: NDArray[np.float64]) -> list[int]:
    """First open, the times at which these shares of the patterns have closed, last close."""
    closes = np.sort(close_times(samples)[_is_code(samples, range(1, len(samples.classes)))])
    # Rounded, so that 0.6 + 0.1 of ten patterns are seven.
    position = np.ceil(np.round(shares * len(closes), 6)).astype(np.int64) - 1
    start, end = _extent(candles)
    return [start, *closes[position].tolist(), end]


def _blocks(names: Sequence[BlockName], borders: Sequence[int], embargo: int) -> tuple[Block, ...]:
    return tuple(
        Block(name, borders[number], borders[number + 1], embargo if number else 0) for number, name in enumerate(names)
    )


def _assign(
    samples: Samples, candles: Mapping[SeriesKey, Candles], blocks: Sequence[Block]
) -> tuple[list[Samples], Counter[str]]:
    """The samples of each block; those of none are counted by the border they reach across, else as embargo."""
    inside = [block.contains(samples, candles) for block in blocks]
    homeless = ~np.logical_or.reduce(inside)
    opens, closes = _open_times(samples, candles), close_times(samples)
    removed = Counter[str]()
    for before, after in pairwise(blocks):
        across = homeless & (opens < after.start) & (closes > after.start)
        removed[f"purged at {before.name}|{after.name}"] = int(across.sum())
        homeless &= ~across
    removed["embargo"] = int(homeless.sum())
    return [samples.take(mask) for mask in inside], removed


def _drawn(samples: Samples, shares: Sequence[float], seed: int) -> list[Samples]:
    """Random parts of these shares; PCG64's raw numbers are the same in every version of numpy."""
    order = np.argsort(np.random.PCG64(seed).random_raw(len(samples)), kind="stable")
    cuts = np.round(np.cumsum(shares)[:-1] * len(samples)).astype(np.int64)
    return [samples.take(np.sort(rows)) for rows in np.split(order, cuts)]


def _finished(
    whole: _Whole,
    parts: Sequence[Samples],
    blocks: tuple[Block, ...],
    removed: Counter[str],
    warnings: Sequence[str] = (),
    where: str = "",
) -> Split:
    """Check the parts and keep the classes of train."""
    _refuse(whole, parts, blocks, where)
    advice = [text for part, block in zip(parts, blocks, strict=True) for text in _few(part, block, where)]
    known = _present(parts[0])
    kept = [_only(part, known) for part in parts]
    removed["label not in train"] = sum(len(part) for part in parts) - sum(len(part) for part in kept)
    by_name = {block.name: part for block, part in zip(blocks, kept, strict=True)}
    empty = kept[0].take(np.zeros(len(kept[0]), dtype=bool))
    validation, calibration, test = (by_name.get(name, empty) for name in ("validation", "calibration", "test"))
    return Split(kept[0], validation, calibration, test, blocks, dict(+removed), (*warnings, *advice))


def _refuse_no_pattern(samples: Samples) -> None:
    if not _is_code(samples, range(1, len(samples.classes))).any():
        expected = "annotate at least 5 patterns of each label, or lower what labels.minimum_confidence asks for"
        raise TrainingError.at("split", f"no pattern among {len(samples)} samples", expected)


def _refuse(whole: _Whole, parts: Sequence[Samples], blocks: Sequence[Block], where: str) -> None:
    problems = [
        Problem(
            f"{where}{block.name} block",
            f"no samples {_range(block)} {whole.within(block)}",
            _more_needed(block),
        )
        for part, block in zip(parts, blocks, strict=True)
        if not len(part)
    ]
    present = _present(parts[0])
    if len(parts[0]) and len(present) < 2:
        found = f"one class only ({', '.join(present) or 'nothing labelled'}) {_range(blocks[0])}"
        expected = (
            "annotate at least 5 patterns" if present == ("O",) else "say which ranges were reviewed, or mark 5 as O,"
        )
        problems.append(Problem(f"{where}train block", found, f"{expected} before {iso_time(blocks[0].end)}"))
    if problems:
        raise TrainingError(*problems)


def _more_needed(block: Block) -> str:
    wanted, _ = _WANTED[block.name]
    more = f"annotate at least {wanted} more of each label there"
    return f"{more}, shorten the embargo of {block.embargo} candles, or give the block a larger share"


def _few(part: Samples, block: Block, where: str) -> Iterable[str]:
    """What to annotate so that the block has enough of every label."""
    wanted, purpose = _WANTED[block.name]
    counts = {name: _count(part, [code]) for code, name in enumerate(part.classes) if code}
    few = [f"{count} {name} (annotate {wanted - count} more)" for name, count in counts.items() if count < wanted]
    if few:
        yield f"{where}{block.name} block, {_range(block)}: too few {purpose}: {', '.join(few)}"


def _range(block: Block) -> str:
    return f"from {iso_time(block.start)} to {iso_time(block.end)}"


def _is_code(samples: Samples, codes: Iterable[int]) -> NDArray[np.bool_]:
    """Samples with one of these codes; of a sequence, anywhere in it."""
    beyond_rows = tuple(range(1, samples.codes.ndim))
    return np.asarray(np.isin(samples.codes, list(codes)).any(axis=beyond_rows))


def _count(samples: Samples, codes: Iterable[int]) -> int:
    """Patterns with one of these codes, each once however many samples it has."""
    annotation = samples.annotation[_is_code(samples, codes)]
    return len(np.unique(annotation[annotation >= 0])) + int((annotation < 0).sum())


def _present(samples: Samples) -> tuple[str, ...]:
    """The classes that some sample has."""
    return tuple(name for code, name in enumerate(samples.classes) if _is_code(samples, [code]).any())


def _only(samples: Samples, classes: tuple[str, ...]) -> Samples:
    """The samples without a label outside `classes`, coded by these and `O`."""
    others = [code for code, name in enumerate(samples.classes) if name not in classes and code]
    kept = samples.take(~_is_code(samples, others))
    names = (samples.classes[0], *(name for name in samples.classes[1:] if name in classes))
    table = [names.index(name) if name in names else UNLABELLED for name in samples.classes]
    return kept.replace(classes=names, codes=np.array([*table, UNLABELLED], dtype=np.int32)[kept.codes])

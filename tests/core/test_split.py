"""Blocks of samples: nothing shared across a border, everything that is taken out counted, advice where data lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import TrainingError
from candle_ml.scores import Samples
from candle_ml.split import LEAKS, Block, Split, close_times, everything_in_train, split, walk_forward

from .split_samples import DAY, START, Row, make_candles, make_samples

HOUR = SeriesKey("EURUSD", "1h")


DAYS = {DAY: make_candles(DAY, 1000)}


def every_tenth(labels: Sequence[str], count: int = 100, length: int = 4) -> Samples:
    """A sample that ends at each tenth day, its labels in turn."""
    rows = [Row(10 * i + 10 - length, 10 * i + 9, labels[i % len(labels)]) for i in range(count)]
    return make_samples(rows, DAYS)


def sizes(parts: Split) -> list[int]:
    return [len(part) for part in (parts.train, parts.validation, parts.calibration, parts.test)]


def at(day: int) -> int:
    return START + day * DAY.seconds


def test_blocks_hold_their_shares_of_the_patterns_in_order_of_time() -> None:
    """Borders stand where 60, 70 and 80 % of the patterns have closed, whatever lies between them."""
    parts = split(every_tenth(["flag", "O"]), DAYS, embargo=0)
    assert [(block.name, block.start, block.end) for block in parts.blocks] == [
        ("train", at(0), at(590)),
        ("validation", at(590), at(690)),
        ("calibration", at(690), at(790)),
        ("test", at(790), at(1000)),
    ]
    assert sizes(parts) == [59, 10, 10, 21]
    assert parts.removed == {}
    assert parts.warnings == ()
    assert parts.block("test") == Block("test", at(790), at(1000), 0)


def test_samples_across_a_border_and_in_the_embargo_are_removed_and_counted() -> None:
    """Windows of 12 days that end every ten overlap each border; an embargo of 15 days takes the next ones."""
    rows = [Row(10 * i + 10, 10 * i + 21, "flag" if i % 2 == 0 else "O") for i in range(97)]
    parts = split(make_samples(rows, DAYS), DAYS, embargo=15)
    assert parts.removed == {
        "purged at train|validation": 1,
        "purged at validation|calibration": 1,
        "purged at calibration|test": 1,
        "embargo": 3,
    }
    assert sum(sizes(parts)) == 97 - 6


def test_a_sample_known_later_than_its_window_is_purged() -> None:
    """A window that ends before the border, but whose label needs candles after it, belongs to neither block."""
    samples = every_tenth(["flag", "O"])
    late = samples.known_at.copy()
    late[57] = at(590)
    parts = split(samples.replace(known_at=late), DAYS, embargo=0)
    assert parts.removed == {"purged at train|validation": 1}
    assert 57 * 10 + 9 not in parts.train.last


def test_the_embargo_counts_candles_of_each_series_own() -> None:
    """After a border the first ten candles of a series stay unused: ten days of one, ten hours of another."""
    candles = {**DAYS, HOUR: make_candles(HOUR, 1000 * 24)}
    block = Block("test", at(500), at(1000), 10)
    rows = [Row(509, 512, "O"), Row(510, 512, "O"), Row(12009, 12012, "O", HOUR), Row(12010, 12012, "O", HOUR)]
    assert block.contains(make_samples(rows, candles), candles).tolist() == [False, True, False, True]


def test_the_embargo_does_not_count_days_without_candles() -> None:
    """Across a weekend the embargo waits for candles, not for time to pass."""
    whole = make_candles(DAY, 30)
    workdays = Candles(DAY, *(column[np.arange(30) % 7 < 5] for column in (whole.time, *[whole.open] * 4)))
    rows = [Row(first, first, "O") for first in range(len(workdays))]
    inside = Block("test", at(4), at(30), 2).contains(make_samples(rows, {DAY: workdays}), {DAY: workdays})
    assert (workdays.time[inside][0] - START) // DAY.seconds == 8


def test_a_block_ends_with_the_close_of_a_candle_whatever_the_timeframe() -> None:
    """A day that opened before the border closes after it, an hour before it closes at it."""
    candles = {**DAYS, HOUR: make_candles(HOUR, 1000 * 24)}
    rows = [Row(9, 9, "O"), Row(10, 10, "O"), Row(251, 251, "O", HOUR), Row(252, 252, "O", HOUR)]
    block = Block("train", at(0), at(10) + 12 * 3600)
    assert block.contains(make_samples(rows, candles), candles).tolist() == [True, False, True, False]


def test_a_block_without_a_share_is_left_out() -> None:
    """With no share for validation and calibration, train borders on test and the others are empty."""
    parts = split(every_tenth(["flag", "O"]), DAYS, train=0.8, validation=0, calibration=0, test=0.2, embargo=0)
    assert [block.name for block in parts.blocks] == ["train", "test"]
    assert sizes(parts) == [79, 0, 0, 21]
    assert parts.block("validation") is None


def test_a_label_that_train_lacks_is_removed_and_named() -> None:
    """A label that stands only in later blocks is taken out, counted, and the advice says what to annotate."""
    samples = every_tenth(["flag", "O"])
    rows = [Row(int(a), int(b), "wedge" if b > 900 and b % 20 == 9 else label)
            for a, b, label in zip(samples.first, samples.last, ["flag", "O"] * 50, strict=True)]  # fmt: skip
    parts = split(make_samples(rows, DAYS), DAYS, embargo=0)
    assert parts.train.classes == parts.test.classes == ("O", "flag")
    assert parts.removed == {"label not in train": 5}
    assert set(parts.test.codes.tolist()) == {0, 1}
    assert parts.warnings == (
        "train block, from 2024-01-01T00:00:00Z to 2025-08-13T00:00:00Z: too few to learn from: "
        "0 wedge (annotate 5 more)",
        "validation block, from 2025-08-13T00:00:00Z to 2025-11-21T00:00:00Z: too few to stop by: "
        "0 wedge (annotate 1 more)",
        "calibration block, from 2025-11-21T00:00:00Z to 2026-03-01T00:00:00Z: too few to set a threshold by: "
        "0 wedge (annotate 1 more)",
    )


def test_a_label_that_test_lacks_is_named() -> None:
    """Where the test block has too few of a label, the advice says how many more would do, and when."""
    rows = [Row(10 * i, 10 * i + 3, ("wedge" if i < 50 else "flag") if i % 2 else "O") for i in range(100)]
    parts = split(make_samples(rows, DAYS), DAYS, validation=0, calibration=0, train=0.7, test=0.3, embargo=0)
    assert parts.warnings == (
        "test block, from 2025-11-25T00:00:00Z to 2026-09-27T00:00:00Z: too few to judge by: 0 wedge (annotate 5 more)",
    )
    assert parts.removed == {}


def test_no_pattern_at_all_is_an_error() -> None:
    """Samples without a single pattern cannot be split."""
    for refused in (split, walk_forward, everything_in_train):
        with pytest.raises(TrainingError) as caught:
            refused(every_tenth(["O"]), DAYS)
        assert str(caught.value) == (
            "split: no pattern among 100 samples; "
            "annotate at least 5 patterns of each label, or lower what labels.minimum_confidence asks for"
        )


def test_an_empty_block_is_an_error_that_says_what_to_annotate() -> None:
    """Three patterns cannot fill four blocks: both empty ones are named with their dates."""
    with pytest.raises(TrainingError) as caught:
        split(every_tenth(["flag", "O"], count=5), DAYS, embargo=3)
    advice = "of each label there, shorten the embargo of 3 candles, or give the block a larger share"
    assert str(caught.value).split("\n") == [
        "calibration block: no samples from 2024-02-20T00:00:00Z to 2024-02-20T00:00:00Z "
        f"(candles: 0, patterns that end there: 0); annotate at least 1 more {advice}",
        "test block: no samples from 2024-02-20T00:00:00Z to 2026-09-27T00:00:00Z "
        f"(candles: 950, patterns that end there: 0); annotate at least 5 more {advice}",
    ]


def test_a_block_that_the_embargo_empties_says_how_many_patterns_it_has() -> None:
    """Candles and patterns of the block's time are counted, those included that stand in no block."""
    with pytest.raises(TrainingError) as caught:
        split(every_tenth(["flag", "O"], count=20), DAYS, embargo=900)
    assert "2024-05-10T00:00:00Z (candles: 20, patterns that end there: 1); annotate" in str(caught.value)


def test_patterns_alone_are_an_error_that_asks_for_reviewed_ranges() -> None:
    """Where train has no negative, the error says that somebody must say what was looked at."""
    with pytest.raises(TrainingError) as caught:
        split(every_tenth(["flag"]), DAYS, embargo=0)
    assert str(caught.value) == (
        "train block: one class only (flag) from 2024-01-01T00:00:00Z to 2025-08-23T00:00:00Z; "
        "say which ranges were reviewed, or mark 5 as O, before 2025-08-23T00:00:00Z"
    )


def test_negatives_alone_are_an_error_that_asks_for_patterns() -> None:
    """Where the one pattern was drawn into another block, the error asks for patterns to train on."""
    rows = [Row(10 * i, 10 * i + 3, "flag" if i == 50 else "O") for i in range(100)]
    with pytest.raises(TrainingError) as caught:
        split(make_samples(rows, DAYS), DAYS, method="random", train=0.1, validation=0, calibration=0, test=0.9)
    assert str(caught.value) == (
        "train block: one class only (O) from 2024-01-01T00:00:00Z to 2026-09-27T00:00:00Z; "
        "annotate at least 5 patterns before 2026-09-27T00:00:00Z"
    )


def test_random_draws_by_seed_and_warns_that_it_leaks() -> None:
    """A random split has the shares of the samples, one draw for one seed, and a warning first of all."""
    samples = every_tenth(["flag", "O"])
    parts, again, other = (split(samples, DAYS, method="random", seed=seed) for seed in (0, 0, 1))
    assert sizes(parts) == [60, 10, 10, 20]
    assert parts.warnings[0] == LEAKS
    assert [len(np.unique(np.concatenate([part.last for part in (parts.train, parts.validation)])))] == [70]
    assert parts.train.last.tolist() == again.train.last.tolist() != other.train.last.tolist()
    assert {(block.start, block.end) for block in parts.blocks} == {(at(0), at(1000))}


def test_a_disabled_split_trains_on_everything() -> None:
    """Without a split every sample is in train, and train is all candles."""
    samples = every_tenth(["flag", "O"])
    parts = everything_in_train(samples, DAYS)
    assert sizes(parts) == [100, 0, 0, 0]
    assert parts.blocks == (Block("train", at(0), at(1000)),)


def test_walking_forward_trains_on_ever_more_and_tests_on_the_next() -> None:
    """Each of four folds trains on everything before its border, purged, and tests on the next fifth."""
    folds = walk_forward(every_tenth(["flag", "O"], length=12).take(np.arange(1, 100)), DAYS, folds=4, embargo=0)
    assert [fold.train_block.end for fold in folds] == [fold.test_block.start for fold in folds]
    assert [(fold.test_block.start, fold.test_block.end) for fold in folds] == [
        (at(210), at(410)),
        (at(410), at(610)),
        (at(610), at(810)),
        (at(810), at(1000)),
    ]
    assert [(len(fold.train), len(fold.test)) for fold in folds] == [(20, 19), (40, 19), (60, 19), (80, 18)]
    assert [fold.removed for fold in folds] == [{"purged at train|test": 1}] * 4


def test_a_fold_without_samples_is_named() -> None:
    """Fewer patterns than folds leave a fold empty, and the error says which."""
    with pytest.raises(TrainingError, match=r"^fold 1: test block: no samples from "):
        walk_forward(every_tenth(["flag", "O"], count=4), DAYS, folds=5, embargo=0)


def test_a_sequence_counts_for_every_label_in_it() -> None:
    """A sequence sample is a pattern where any of its steps is one."""
    samples = every_tenth(["flag", "O"])
    codes = np.zeros((100, 4), dtype=np.int32)
    codes[::2, 2] = 1
    parts = split(samples.replace(kind="sequence", codes=codes), DAYS, embargo=0)
    assert sizes(parts) == [59, 10, 10, 21]
    assert parts.warnings == ()


@st.composite
def random_samples(draw: st.DrawFn) -> tuple[Samples, dict[SeriesKey, Candles]]:
    candles = {DAY: make_candles(DAY, 60, START + draw(st.integers(-5, 5)) * 3600), HOUR: make_candles(HOUR, 700)}
    row = st.tuples(
        st.integers(0, 45), st.integers(1, 8), st.sampled_from(["flag", "wedge", "O", "O"]),
        st.sampled_from([DAY, HOUR]), st.integers(0, 3),
    )  # fmt: skip
    drawn = draw(st.lists(row, min_size=20, max_size=60))
    stretch = {DAY: 1, HOUR: 15}
    rows = [Row(first * stretch[key], first * stretch[key] + n - 1, label, key, later)
            for first, n, label, key, later in drawn]  # fmt: skip
    return make_samples(rows, candles), candles


def spans_of_time(samples: Samples, candles: Mapping[SeriesKey, Candles]) -> list[tuple[int, int]]:
    """From the open of the first candle to the close of the last one that a sample needs."""
    keys = [samples.series[code] for code in samples.series_code]
    opens = [int(candles[key].time[first]) for key, first in zip(keys, samples.first, strict=True)]
    return list(zip(opens, close_times(samples).tolist(), strict=True))


@settings(max_examples=80, deadline=None)
@given(drawn=random_samples(), embargo=st.integers(0, 3), folds=st.integers(2, 4))
def test_no_two_blocks_share_a_candle_or_its_future(
    drawn: tuple[Samples, dict[SeriesKey, Candles]], embargo: int, folds: int
) -> None:
    """Everything that a sample needs has closed before any sample of a later block starts, of whatever series."""
    samples, candles = drawn
    pairs = []
    try:
        parts = split(samples, candles, embargo=embargo)
        ordered = [parts.train, parts.validation, parts.calibration, parts.test]
        pairs += [(ordered[a], ordered[b]) for a in range(4) for b in range(a + 1, 4)]
        assert sum(map(len, ordered)) + sum(parts.removed.values()) == len(samples)
        pairs += [(fold.train, fold.test) for fold in walk_forward(samples, candles, folds=folds, embargo=embargo)]
    except TrainingError:
        assume(bool(pairs))
    for earlier, later in pairs:
        closes = [close for _, close in spans_of_time(earlier, candles)]
        opens = [start for start, _ in spans_of_time(later, candles)]
        assert max(closes, default=0) <= min(opens, default=max(closes, default=0))


@settings(max_examples=80, deadline=None)
@given(drawn=random_samples(), border=st.integers(0, 60 * 24), length=st.integers(0, 900), embargo=st.integers(0, 3))
def test_a_block_contains_what_looking_at_every_sample_finds(
    drawn: tuple[Samples, dict[SeriesKey, Candles]], border: int, length: int, embargo: int
) -> None:
    """One sample at a time: enough candles of its series since the start of the block, closed by its end."""
    samples, candles = drawn
    block = Block("test", START + border * 3600, START + (border + length) * 3600, embargo)
    expected = []
    for row, (opened, closed) in enumerate(spans_of_time(samples, candles)):
        time = candles[samples.series[samples.series_code[row]]].time
        since = np.count_nonzero((block.start <= time) & (time < opened))
        expected.append(opened >= block.start and since >= embargo and closed <= block.end)
    assert block.contains(samples, candles).tolist() == expected

"""Samples of several series as one set, and the matrix that windows of any length become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.dataset import Dataset, SeriesData
from candle_ml.errors import PluginError, TrainingError
from candle_ml.features import FeaturePlan, candle_features, plan
from candle_ml.samples import HeldFeatures, SeriesFeatures, WindowMatrix, build_samples, concatenate, with_history
from candle_ml.scores import Samples
from candle_ml_labels_windowed.options import NegativeOptions, WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

GOLD, SILVER = SeriesKey("XAUUSD", "1d"), SeriesKey("XAGUSD", "1h")


class Closes:
    """The close of this candle and the close before it."""

    scope: Literal["candle"] = "candle"
    columns = ("close", "before")
    lookback = 1
    needs_volume = False

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        before = np.concatenate(([np.nan], candles.close[:-1]))
        return np.stack((candles.close, before), axis=1).astype(np.float32)


class Extent:
    """The highest high and the length of a window."""

    scope: Literal["window"] = "window"
    columns = ("highest", "length")
    lookback = 0
    needs_volume = False

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = [(candles.high[a : b + 1].max(), b - a + 1) for a, b in zip(first, last, strict=True)]
        return np.array(rows, dtype=np.float32).reshape(len(first), 2)


def make_candles(key: SeriesKey, count: int, seed: int = 0) -> Candles:
    close = 100 + np.random.default_rng(seed).integers(1, 90, count).astype(float)
    time = np.arange(count, dtype=np.int64) * key.seconds
    return Candles(key, time, close, close + 1, close - 1, close)


def make_samples(
    key: SeriesKey,
    windows: Sequence[tuple[int, int]],
    labels: Sequence[str | None],
    width: int = 3,
    ids: Sequence[str] = (),
) -> Samples:
    first, last = (np.array([window[side] for window in windows], dtype=np.int64) for side in (0, 1))
    classes = ("O", *sorted({label for label in labels if label} - {"O"}))
    ids = ids or tuple(f"span:{number}" for number in range(len(windows)))
    return Samples(
        kind="window",
        width=width,
        series=(key,),
        classes=classes,
        series_code=np.zeros(len(windows), dtype=np.int32),
        first=first,
        last=last,
        scale=(last - first + 1).astype(np.int32),
        known_at=last * key.seconds,
        codes=np.array([classes.index(label) if label else -1 for label in labels], dtype=np.int32),
        weight=np.arange(1, len(windows) + 1, dtype=np.float32),
        annotation=np.array([i if labels[i] else -1 for i in range(len(windows))], dtype=np.int64),
        span_length=last - first + 1,
        annotation_ids=tuple(ids),
    )


@pytest.fixture
def both_scopes() -> FeaturePlan:
    return plan([Closes(), Extent()])


def features_of(feature_plan: FeaturePlan, *series: Candles) -> dict[SeriesKey, SeriesFeatures]:
    return {one.key: HeldFeatures(one, candle_features(feature_plan, one)) for one in series}


def test_concatenated_samples_keep_label_series_and_annotation() -> None:
    """Every sample names the same series, label and annotation after concatenation as before."""
    gold = make_samples(GOLD, [(1, 3), (2, 4)], ["wedge", "O"], ids=["span:1", "span:2"])
    silver = make_samples(SILVER, [(0, 2), (5, 7), (6, 8)], ["flag", "wedge", None], ids=["span:2", "point:9", "x"])
    joined = concatenate([gold, silver])
    assert joined.classes == ("O", "flag", "wedge")
    assert [joined.series[code].pair for code in joined.series_code] == ["XAUUSD"] * 2 + ["XAGUSD"] * 3
    assert [None if c < 0 else joined.classes[c] for c in joined.codes] == ["wedge", "O", "flag", "wedge", None]
    named = [None if a < 0 else joined.annotation_ids[a] for a in joined.annotation]
    assert named == ["span:1", "span:2", "span:2", "point:9", None]
    assert joined.first.tolist() == [1, 2, 0, 5, 6]
    assert joined.weight.tolist() == [1, 2, 1, 2, 3]


def test_concatenating_one_series_with_itself_keeps_one_name() -> None:
    """A series that stands in two parts stands once in the union."""
    part = make_samples(GOLD, [(1, 3)], ["wedge"])
    joined = concatenate([part, part])
    assert joined.series == (GOLD,)
    assert joined.series_code.tolist() == [0, 0]


def test_nothing_to_concatenate_is_an_error() -> None:
    """No series at all is an error that says what to add."""
    with pytest.raises(TrainingError) as caught:
        concatenate([])
    assert str(caught.value) == "samples: no series; add a source that has candles"


def test_samples_of_different_widths_are_not_concatenated() -> None:
    """Parts of different width are refused with both forms."""
    parts = [make_samples(GOLD, [(1, 3)], ["wedge"], width=width) for width in (3, 4)]
    with pytest.raises(PluginError) as caught:
        concatenate(parts)
    expected = "samples: kind window of width 3 and kind window of width 4; one kind and width for all series"
    assert str(caught.value) == expected


def test_samples_without_history_are_left_out(both_scopes: FeaturePlan) -> None:
    """A sample whose first candle is still in the warm-up is left out, and the others have no NaN."""
    samples = make_samples(GOLD, [(0, 2), (1, 3)], ["wedge", "O"])
    kept = with_history(samples, both_scopes)
    assert kept.first.tolist() == [1]
    matrix = WindowMatrix(both_scopes, features_of(both_scopes, make_candles(GOLD, 10)), kept)
    assert np.isfinite(matrix.dense()).all()


def test_flat_columns_are_named_by_their_distance_from_the_last_candle(both_scopes: FeaturePlan) -> None:
    """Columns of a flat row run from the oldest candle to the newest, then come the window's own."""
    samples = make_samples(GOLD, [(1, 3)], ["wedge"])
    matrix = WindowMatrix(both_scopes, features_of(both_scopes, make_candles(GOLD, 10)), samples)
    assert matrix.columns == (
        "close[-2]", "before[-2]", "close[-1]", "before[-1]", "close[0]", "before[0]", "highest", "length",
    )  # fmt: skip
    assert matrix.shape == (1, 8)


def test_a_window_as_long_as_the_row_stands_unchanged_in_it(both_scopes: FeaturePlan) -> None:
    """A window of exactly the width is its candles' features, oldest first, then the window's."""
    candles = make_candles(GOLD, 10)
    matrix = WindowMatrix(both_scopes, features_of(both_scopes, candles), make_samples(GOLD, [(4, 6)], ["wedge"]))
    c = candles.close
    expected = [c[4], c[3], c[5], c[4], c[6], c[5], candles.high[4:7].max(), 3]
    assert matrix.dense()[0].tolist() == expected


def test_a_longer_window_is_averaged_and_a_shorter_one_repeats_candles(both_scopes: FeaturePlan) -> None:
    """Seven candles become three steps of 2, 2 and 3 candles; two candles become the first twice and the second."""
    candles = make_candles(GOLD, 20)
    samples = make_samples(GOLD, [(4, 10), (4, 5)], ["wedge", "O"])
    dense = WindowMatrix(both_scopes, features_of(both_scopes, candles), samples).dense()
    c = candles.close
    assert dense[0, 0:6:2].tolist() == np.float32([c[4:6].mean(), c[6:8].mean(), c[8:11].mean()]).tolist()
    assert dense[1, 0:6:2].tolist() == [c[4], c[4], c[5]]


def test_a_sequence_repeats_window_features_at_every_step(both_scopes: FeaturePlan) -> None:
    """The sequence layout holds the flat row's candle features by step, and the window features at each."""
    feature_plan = both_scopes
    series = features_of(feature_plan, make_candles(GOLD, 30))
    samples = make_samples(GOLD, [(1, 3), (2, 9), (5, 6)], ["wedge", "O", "O"])
    flat = WindowMatrix(feature_plan, series, samples).dense()
    matrix = WindowMatrix(feature_plan, series, samples, "sequence")
    dense = matrix.dense()
    assert matrix.columns == ("close", "before", "highest", "length")
    assert matrix.shape == dense.shape == (3, 3, 4)
    assert np.array_equal(dense[:, :, :2].reshape(3, -1), flat[:, :6])
    assert all(np.array_equal(dense[:, step, 2:], flat[:, 6:]) for step in range(3))


def test_window_features_alone_make_a_matrix() -> None:
    """Without candle features a row holds the window features only."""
    feature_plan = plan([Extent()])
    series = features_of(feature_plan, make_candles(GOLD, 10))
    matrix = WindowMatrix(feature_plan, series, make_samples(GOLD, [(1, 3), (2, 6)], ["wedge", "O"]))
    assert matrix.columns == ("highest", "length")
    assert matrix.dense()[:, 1].tolist() == [3, 5]


def test_no_samples_make_an_empty_matrix(both_scopes: FeaturePlan) -> None:
    """A matrix of no samples has its columns and no rows, and gives no batch."""
    matrix = WindowMatrix(both_scopes, {}, make_samples(GOLD, [], []))
    assert matrix.dense().shape == matrix.shape == (0, 8)
    assert list(matrix.batches(5)) == []


def series_data(key: SeriesKey, label: str, looked_for: frozenset[str] | None) -> SeriesData:
    annotation = Annotation(f"span:{label}", key, 20 * key.seconds, 24 * key.seconds, label)
    review = ReviewedRange(key, 0, 39 * key.seconds, labels=looked_for)
    return SeriesData(make_candles(key, 40), (annotation,), (review,))


def test_negatives_come_from_where_every_label_of_the_data_set_was_looked_for() -> None:
    """A series that was looked at for its own label only gives positives; another, looked at for all, negatives too."""
    series = {
        SILVER: series_data(SILVER, "flag", frozenset({"flag"})),
        GOLD: series_data(GOLD, "wedge", None),
    }
    encoder = WindowedEncoder(WindowedOptions(window=5, negatives=NegativeOptions(ratio=3, minimum=0)))
    encoded = build_samples(Dataset(series, {}, (), (), ""), encoder)
    samples = encoded.samples
    rows = zip(samples.series_code.tolist(), samples.codes.tolist(), strict=True)
    found = sorted((samples.series[code].pair, samples.classes[label]) for code, label in rows)
    assert found == [("XAGUSD", "flag"), *[("XAUUSD", "O")] * 3, ("XAUUSD", "wedge")]
    assert encoded.left_out == {
        "window beyond the ratio": 18, "window near an annotation": 15, "window not reviewed": 36,
    }  # fmt: skip


windows = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 25), st.integers(1, 14)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(windows=windows, width=st.integers(1, 7), rows=st.integers(1, 9), layout=st.sampled_from(["flat", "sequence"]))
def test_batches_are_the_rows_of_the_whole_matrix(
    windows: list[tuple[int, int, int]], width: int, rows: int, layout: Literal["flat", "sequence"]
) -> None:
    """Batches are C-contiguous, bit-equal to the dense matrix, and each row is the mean over its steps' candles."""
    feature_plan = plan([Closes(), Extent()])
    candles = (make_candles(GOLD, 40, seed=1), make_candles(SILVER, 40, seed=2))
    parts = [
        make_samples(
            one.key,
            [(a, a + n - 1) for s, a, n in windows if s == side],
            ["O"] * sum(s == side for s, _, _ in windows),
            width,
        )
        for side, one in enumerate(candles)
    ]
    samples = concatenate(parts).take(np.random.default_rng(3).permutation(len(windows)))
    matrix = WindowMatrix(feature_plan, features_of(feature_plan, *candles), samples, layout)
    blocks = list(matrix.batches(rows))
    assert all(block.flags.c_contiguous and block.dtype == np.float32 and len(block) <= rows for block in blocks)
    dense = matrix.dense()
    assert np.array_equal(np.concatenate(blocks), dense)
    for number, row in enumerate(dense):
        close = candles[[one.key for one in candles].index(samples.series[samples.series_code[number]])].close
        first, length = samples.first[number], samples.last[number] - samples.first[number] + 1
        for step in range(width):
            low, high = step * length // width, (step + 1) * length // width
            expected = np.float32(close[first + low : first + max(high, low + 1)].mean())
            found = row[step, 0] if layout == "sequence" else row[2 * step]
            assert found == pytest.approx(expected, rel=1e-6)

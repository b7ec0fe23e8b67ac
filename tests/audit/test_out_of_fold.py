"""Stored out-of-fold predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from candle_ml.candles import SeriesKey
from candle_ml.errors import BundleError
from candle_ml.inference import OutOfFold
from candle_ml.predictions import PredictedSpan, Prediction

KEY, OTHER = SeriesKey("AAPL", "1d"), SeriesKey("IBM", "1d")
DAY = 86_400


def made(key: SeriesKey, first: int, count: int, classes: tuple[str, ...] = ("O", "flag")) -> Prediction:
    """`count` days from day `first` on, the first of them insufficient, with one span over the last two."""
    time = DAY * np.arange(first, first + count, dtype=np.int64)
    probabilities = np.linspace(0.1, 0.9, count * len(classes)).reshape(count, -1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    sufficient = np.arange(count) > 0
    probabilities[0] = np.nan
    span = PredictedSpan(classes[-1], int(time[-2]), int(time[-1]), 0.75, 2, int(time[-1]), provisional=True)
    return Prediction(key, classes, time, probabilities, sufficient, ~sufficient, (span,))


@pytest.fixture
def stored() -> OutOfFold:
    """Two stretches of one series and one of another."""
    return OutOfFold.of("folds", [made(OTHER, 0, 3), made(KEY, 20, 4), made(KEY, 10, 5)], ("O", "flag"))


def test_stretches_of_a_series_are_joined_in_time(stored: OutOfFold) -> None:
    """Whatever their order; nothing is provisional any more."""
    joined = stored.series[KEY]
    assert (joined.time // DAY).tolist() == [10, 11, 12, 13, 14, 20, 21, 22, 23]
    assert joined.sufficient.tolist() == [False, True, True, True, True, False, True, True, True]
    assert not joined.provisional.any()
    assert [span.provisional for span in joined.spans] == [False, False]


def test_classes_that_a_stretch_lacks_have_probability_0() -> None:
    """Over the model's classes first, then others in alphabetical order."""
    parts = [made(KEY, 0, 3, ("O", "wedge")), made(KEY, 5, 3, ("O", "flag", "top"))]
    joined = OutOfFold.of("folds", parts, ("O", "top"))
    assert joined.classes == ("O", "top", "flag", "wedge")
    rows = joined.series[KEY].probabilities
    np.testing.assert_array_equal(rows[1:3, 1:3], 0.0)
    np.testing.assert_array_equal(rows[4:, [0, 2, 1]], parts[1].probabilities[1:])
    np.testing.assert_allclose(rows[[1, 2, 4, 5]].sum(axis=1), 1.0)
    assert np.isnan(rows[[0, 3]]).all()


def test_what_is_saved_comes_back(stored: OutOfFold, tmp_path: Path) -> None:
    """Times, sufficiency and spans as they were, probabilities as `float32`."""
    path = tmp_path / "out_of_fold.npz"
    stored.save(path)
    loaded = OutOfFold.load(path)
    assert (loaded.origin, loaded.classes, list(loaded.series)) == ("folds", ("O", "flag"), [KEY, OTHER])
    for key, prediction in stored.series.items():
        again = loaded.series[key]
        np.testing.assert_array_equal(again.time, prediction.time)
        np.testing.assert_array_equal(again.sufficient, prediction.sufficient)
        np.testing.assert_array_equal(again.probabilities, prediction.probabilities.astype(np.float32))
        assert again.spans == prediction.spans


def test_the_same_predictions_are_the_same_bytes(stored: OutOfFold, tmp_path: Path) -> None:
    """Saving twice gives one file."""
    stored.save(tmp_path / "one.npz")
    stored.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_rows_are_those_of_the_time_asked_for(stored: OutOfFold) -> None:
    """Both ends count; spans come along where they touch the time."""
    rows = stored.rows(KEY, 12 * DAY, 14 * DAY)
    assert (rows.time // DAY).tolist() == [12, 13, 14]
    assert len(rows.probabilities) == len(rows.sufficient) == len(rows.provisional) == 3
    assert [span.start_time // DAY for span in rows.spans] == [13]
    assert len(stored.rows(KEY)) == 9
    assert (stored.rows(KEY, start=21 * DAY).time // DAY).tolist() == [21, 22, 23]
    assert len(stored.rows(KEY, end=9 * DAY)) == 0
    assert [span.start_time // DAY for span in stored.rows(KEY, end=14 * DAY).spans] == [13]


def test_a_series_that_was_not_predicted_has_no_rows(stored: OutOfFold) -> None:
    """It is no error to ask."""
    rows = stored.rows(SeriesKey("MSFT", "1h"), 0, DAY)
    assert (len(rows), rows.classes, rows.spans) == (0, ("O", "flag"), ())


def test_nothing_predicted_can_be_stored(tmp_path: Path) -> None:
    """A run without an honest candle has an empty file."""
    path = tmp_path / "out_of_fold.npz"
    OutOfFold.of("test block", [], ("O", "flag")).save(path)
    loaded = OutOfFold.load(path)
    assert (loaded.origin, dict(loaded.series)) == ("test block", {})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"text"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged file is a plain bundle error."""
    path = tmp_path / "out_of_fold.npz"
    path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        OutOfFold.load(path)
    assert str(caught.value) == "out_of_fold.npz: not out-of-fold predictions; a bundle written by candle-ml"


def test_arrays_that_do_not_fit_together_are_refused(stored: OutOfFold, tmp_path: Path) -> None:
    """Fewer probabilities than candles, an unknown origin or class, shares that are none and times out of order."""
    path = tmp_path / "out_of_fold.npz"
    stored.save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    about = content["about"].tobytes()
    for change in (
        {"0.probabilities": content["0.probabilities"][1:]},
        {"0.span_classes": content["0.span_classes"] + 7},
        {"about": np.frombuffer(about.replace(b'"folds"', b'"dream"'), dtype=np.uint8)},
        {"0.probabilities": content["0.probabilities"] * np.float32("nan")},
        {"0.probabilities": content["0.probabilities"] + 1},
        {"0.time": content["0.time"][::-1]},
        {"0.span_confidence": content["0.span_confidence"] - 2},
        {"0.time": content["0.time"] - 10**12},
        {"0.span_times": content["0.span_times"] + 10**12},
        {"0.span_times": np.repeat(content["0.span_times"], 99, axis=0)},
    ):
        np.savez(path, **{**content, **change})
        with pytest.raises(BundleError, match="not out-of-fold predictions"):
            OutOfFold.load(path)

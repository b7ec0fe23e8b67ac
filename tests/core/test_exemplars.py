"""Shapes of spans, and which annotated spans are most like another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from candle_ml.annotations import Annotation
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import BundleError
from candle_ml.inference import Exemplars
from candle_ml.inference.exemplars import MOST_OF_LABEL
from candle_ml.inference.shapes import WIDTH, distances, shapes
from candle_ml.predictions import PredictedSpan

KEY, DAY = SeriesKey("AAPL", "1d"), 86_400


def made(count: int = 200, seed: int = 0, key: SeriesKey = KEY) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 1, count))
    open_ = np.append(100, close[:-1])
    high, low = np.maximum(open_, close) + 0.25, np.minimum(open_, close) - 0.25
    return Candles(key, np.arange(count) * DAY, open_, high, low, close)


def mark(first: int, last: int, label: str = "flag", key: SeriesKey = KEY) -> Annotation:
    return Annotation(f"span:{first}", key, first * DAY, last * DAY, label)


def shape_of(candles: Candles, first: int, last: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return shapes(candles, np.array([first]), np.array([last]))[0]


def spans(*ends: tuple[int, int], label: str = "flag") -> list[PredictedSpan]:
    return [PredictedSpan(label, a * DAY, b * DAY, 0.5, b - a + 1, b * DAY, False) for a, b in ends]


def test_a_shape_knows_neither_level_nor_scale_nor_what_stands_around() -> None:
    """Prices times two, or plus something, or the span cut out of its series, give the same shape."""
    candles = made()
    prices = ("open", "high", "low", "close")
    higher = replace(candles, **{name: getattr(candles, name) * 4 for name in prices})
    moved = replace(candles, **{name: getattr(candles, name) + 1024 for name in prices})
    shape = shape_of(candles, 50, 80)
    assert shape.shape == (WIDTH,)
    assert np.array_equal(shape, shape_of(higher, 50, 80))
    assert np.array_equal(shape, shape_of(candles[50:81], 0, 30))
    np.testing.assert_allclose(shape, shape_of(moved, 50, 80), atol=1e-5)


def test_a_shape_knows_little_of_the_number_of_candles() -> None:
    """A straight rise over 10 candles and one over 40 are nearly the same, and far from a fall."""
    rise = [shape_of(_line(count, 1), 0, count - 1) for count in (10, 40)]
    fall = shape_of(_line(40, -1), 0, 39)
    near, far = (float(distances(rise[0], one[np.newaxis])[0]) for one in (rise[1], fall))
    assert near < 0.1 < 0.5 < far


def _line(count: int, slope: int) -> Candles:
    close = 1000.0 + slope * np.arange(count)
    return Candles(KEY, np.arange(count) * DAY, close, close, close, close)


def test_candles_without_a_range_have_a_shape() -> None:
    """A span that does not move is 0 everywhere, and one candle is a span."""
    still = replace(made(5), **dict.fromkeys(("open", "high", "low", "close"), np.full(5, 7.0)))
    assert not shape_of(still, 0, 4).any()
    assert np.isfinite(shape_of(made(5), 2, 2)).all()


def test_the_nearest_of_a_label_come_first() -> None:
    """An annotated span is nearest to itself, at a distance of 0; other labels do not count."""
    candles = made()
    marks = [mark(10, 30), mark(40, 60), mark(70, 90), mark(100, 120), mark(40, 61, "wedge")]
    exemplars = Exemplars.of([(candles, marks)])
    (found,) = exemplars.like(candles, spans((40, 60)))
    assert [one.label for one in found] == ["flag"] * 3
    assert (found[0].id, found[0].distance) == ("span:40", 0.0)
    assert (found[0].pair, found[0].timeframe, found[0].start_time) == ("AAPL", "1d", 40 * DAY)
    assert [one.distance for one in found] == sorted(one.distance for one in found)
    assert exemplars.like(candles, spans((40, 60), label="unknown")) == [()]
    assert exemplars.like(candles, []) == []


def test_what_is_no_pattern_or_has_no_candle_is_no_exemplar() -> None:
    """`O` and a span between candles are left out."""
    candles = made()
    beside = Annotation("span:x", KEY, 500 * DAY, 501 * DAY, "flag")
    assert Exemplars.of([(candles, [mark(10, 20, "O"), beside])]).annotations == ()


def test_the_latest_of_each_label_are_kept() -> None:
    """Of a label with more than 2,000 the oldest are left out."""
    candles = made(MOST_OF_LABEL + 50)
    marks = [mark(number, number + 1) for number in range(MOST_OF_LABEL + 10)]
    kept = Exemplars.of([(candles, [*marks, mark(0, 5, "wedge")])]).annotations
    assert len(kept) == MOST_OF_LABEL + 1
    assert min(item.start_time for item in kept if item.label == "flag") == 10 * DAY


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """Annotations and shapes are those that were saved; saving twice gives the same bytes."""
    other = SeriesKey("MSFT", "1h")
    exemplars = Exemplars.of([(made(), [mark(10, 30)]), (made(seed=1, key=other), [mark(5, 9, "wedge", other)])])
    paths = [tmp_path / name for name in ("one.npz", "two.npz")]
    for path in paths:
        exemplars.save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded = Exemplars.load(paths[0])
    assert (loaded.annotations, loaded.labels) == (exemplars.annotations, ("flag", "wedge"))
    assert np.array_equal(loaded.shapes, exemplars.shapes)
    empty = Exemplars.of([])
    empty.save(paths[0])
    assert Exemplars.load(paths[0]).annotations == ()


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    """Other shapes, types, values and times than a run can have written are a plain bundle error."""
    path = tmp_path / "exemplars.npz"
    Exemplars.of([(made(), [mark(10, 30)])]).save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    about = json.loads(content["about"].tobytes())
    for change in (
        {"shapes": content["shapes"][:0]},
        {"shapes": content["shapes"][:, 1:]},
        {"shapes": content["shapes"].astype(np.float64)},
        {"shapes": content["shapes"] * np.float32("nan")},
        {"shapes": content["shapes"] + 2},
        {"about": _about(about, end_time=0)},
        {"about": _about(about, start_time=-1)},
        {"about": _about(about, label="a\nb")},
        {"about": _about(about, timeframe="soon")},
        {"about": np.frombuffer(b"[[[[", dtype=np.uint8)},
    ):
        np.savez(path, **{**content, **change})
        with pytest.raises(BundleError) as caught:
            Exemplars.load(path)
        assert str(caught.value) == "exemplars.npz: not annotated spans; a bundle written by candle-ml"


def _about(
    about: dict[str, list[dict[str, object]]], **change: object
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    changed = {"annotations": [{**about["annotations"][0], **change}]}
    return np.frombuffer(json.dumps(changed).encode(), dtype=np.uint8)

"""The contract kit finds each broken promise of extractors and encoders that are good but for one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from candle_ml.candles import Candles
from candle_ml.components import Component, ComponentKind, Truth

Alter = Callable[[ComponentKind, str, dict[str, Any]], Component]
Find = Callable[..., str]
RANDOM = np.random.default_rng(0)


def close_of_the_future(extractor: Any, candles: Candles) -> Any:
    return extractor.extract(candles) + (candles.close[-1] if len(candles) else 0)


def running_total(extractor: Any, candles: Candles) -> Any:
    return extractor.extract(candles) + np.cumsum(candles.close)[:, np.newaxis].astype(np.float32)


def writes(extractor: Any, candles: Candles) -> Any:
    if len(candles):
        candles.close[0] = 1
    return extractor.extract(candles)


def in_the_last_bit(extractor: Any, candles: Candles) -> Any:
    rises = np.append(candles.close[1:] > candles.close[:-1], False)[:, np.newaxis]
    told = np.where(rises, np.nextafter(np.float32(1), np.float32(2)), np.float32(1))
    return extractor.extract(candles) * 0 + told


def through_the_base(extractor: Any, candles: Candles) -> Any:
    whole = candles.close if candles.close.base is None else candles.close.base
    return extractor.extract(candles) + np.float32(whole[-1] if len(candles) else 0)


def leaves(extractor: Any, candles: Candles) -> Any:
    raise SystemExit(0)


def without_words(extractor: Any, candles: Candles) -> Any:
    raise ValueError


def no_empty(extractor: Any, candles: Candles) -> Any:
    return extractor.extract(candles) + np.float32(candles.close[0] * 0)


EXTRACTORS: list[tuple[str, dict[str, Any], str]] = [
    ("declares itself", {"scope": "day"}, "scope is 'day'"),
    ("declares itself", {"lookback": True}, "lookback is True"),
    ("declares itself", {"columns": ()}, "columns is ()"),
    ("declares itself", {"columns": ("a", "b", "a")}, "columns is ('a', 'b', 'a')"),
    ("declares itself", {"lookback": 5.0, "columns": None}, "lookback is 5.0; columns is None"),
    ("gives one float32 row each", {"extract": lambda e, c: e.extract(c).astype(float)}, "EXAMPLE 1h: float64"),
    ("gives one float32 row each", {"columns": ("a",)}, "EXAMPLE 1h: shape ("),
    (
        "warms up with nan then is finite",
        {"extract": lambda e, c: np.nan_to_num(e.extract(c))},
        "EXAMPLE 1h: not NaN within the lookback: body_size, ",
    ),
    (
        "warms up with nan then is finite",
        {"extract": lambda e, c: np.where(e.extract(c) > 2, np.nan, e.extract(c)).astype(np.float32)},
        "EXAMPLE 1h: not finite after the lookback: body_size, ",
    ),
    ("takes short series", {"extract": no_empty}, "raised IndexError: index 0 is out of bounds for axis 0 with size 0"),
    ("takes short series", {"extract": leaves}, "raised SystemExit: 0"),
    ("is deterministic", {"extract": without_words}, "raised ValueError"),
    (
        "is deterministic",
        {"extract": lambda e, c: e.extract(c) + np.float32(RANDOM.standard_normal())},
        "EXAMPLE 1h: ",
    ),
    ("leaves its input alone", {"extract": writes}, "raised ValueError: assignment destination is read-only"),
    ("is causal", {"extract": close_of_the_future}, "EXAMPLE 1h cut after "),
    ("is causal", {"extract": through_the_base}, "EXAMPLE 1h cut after "),
    ("is causal", {"extract": in_the_last_bit}, "EXAMPLE 1h cut after "),
    ("lookback is enough", {"extract": running_total}, "EXAMPLE 1h candle "),
    (
        "says whether it needs volume",
        {"needs_volume": True},
        "needs_volume is true, yet volume changes nothing",
    ),
]


@pytest.mark.parametrize(("check", "changes", "words"), EXTRACTORS)
def test_a_broken_promise_of_an_extractor_is_found(
    altered: Alter, found: Find, check: str, changes: dict[str, Any], words: str
) -> None:
    """An extractor that is good but for one thing fails the check of that thing, which says what was found."""
    assert found(altered("feature-extractor", "candle-shape", changes), check).startswith(words)


def shifted(column: str, by: int) -> Callable[..., Any]:
    """Encodes with one column moved."""

    def encode(encoder: Any, *claims: Any) -> Any:
        encoded = encoder.encode(*claims)
        return replace(encoded, samples=encoded.samples.replace(**{column: getattr(encoded.samples, column) + by}))

    return encode


def backwards(encoder: Any, candles: Candles) -> Any:
    samples = encoder.candidates(candles)
    return samples.take(np.arange(len(samples))[::-1])


def every_third(encoder: Any, candles: Candles) -> Any:
    samples = encoder.candidates(candles)
    return samples.take(np.flatnonzero((len(candles) - 1 - samples.last) % 3 == 0))


def from_the_start(encoder: Any, candles: Candles) -> Any:
    samples = encoder.candidates(candles)
    return samples.take(np.flatnonzero((samples.last % 3 == 2) | (samples.last == len(candles) - 1)))


def unseen(encoder: Any, candles: Candles, annotations: Any, reviewed: Any) -> Any:
    every = [replace(item, start_time=int(candles.time[0]), end_time=int(candles.time[-1])) for item in reviewed]
    return encoder.encode(candles, annotations, every)


def neighbours(encoder: Any, samples: Any, *rest: Any) -> Any:
    labelled = encoder.label(samples, *rest)
    return labelled.replace(codes=np.where(np.arange(len(samples)) % 5 == 0, np.int32(0), labelled.codes))


ENCODERS: list[tuple[str, dict[str, Any], str]] = [
    ("declares itself", {"kind": "picture"}, "kind is 'picture'"),
    ("declares itself", {"width": 0}, "width is 0"),
    ("declares itself", {"reach": lambda e, p: -1}, "reach is -1"),
    ("encodes well formed samples", {"longest_window": 3}, "windows longer than longest_window"),
    ("encodes well formed samples", {"encode": shifted("codes", 9)}, "codes without a class"),
    ("encodes well formed samples", {"encode": shifted("annotation", 999)}, "annotations without an id"),
    ("encodes well formed samples", {"encode": shifted("first", -900)}, "windows outside the series"),
    ("scans well formed candidates", {"candidates": backwards}, "candidates out of order"),
    (
        "scans well formed candidates",
        {"candidates": lambda e, c: e.candidates(c[:-1])},
        "the last window ends at candle 598",
    ),
    ("knows nothing before it happened", {"encode": shifted("known_at", -3600)}, "known_at before the last candle"),
    ("knows nothing before it happened", {"encode": shifted("known_at", 60)}, "known_at at which no candle opens"),
    ("takes negatives where somebody looked", {"encode": unseen}, "a negative at candles "),
    (
        "takes negatives where somebody looked",
        {"encode": lambda e, c, a, r: e.encode(c, a, r or e.ranges)},
        "raised AttributeError: 'WindowedEncoder' object has no attribute 'ranges'",
    ),
    ("learns from what it believes", {"truth": lambda e, c, a: Truth(())}, "no annotation is believed"),
    ("learns from what it believes", {"truth": lambda e, c, a: Truth(a, a[:1])}, "an annotation twice"),
    (
        "learns from what it believes",
        {"truth": lambda e, c, a: Truth((replace(a[0], label="other"),))},
        "an annotation that was not given",
    ),
    (
        "learns from what it believes",
        {"truth": lambda e, c, a: Truth(a[1:])},
        "samples of annotations that are not believed: span:0",
    ),
    (
        "is deterministic",
        {"encode": lambda e, *x: shifted("weight", RANDOM.random())(e, *x)},
        "weight: ",
    ),
    ("counts what it leaves out", {"encode": lambda e, *x: replace(e.encode(*x), left_out={"a": -1})}, "a: -1"),
    ("candidates depend on their window alone", {"candidates": every_third}, "first: "),
    ("candidates depend on their window alone", {"candidates": from_the_start}, "first: shape "),
    ("labels the windows it is given", {"label": neighbours}, "codes: "),
]


@pytest.mark.parametrize(("check", "changes", "words"), ENCODERS)
def test_a_broken_promise_of_an_encoder_is_found(
    altered: Alter, found: Find, check: str, changes: dict[str, Any], words: str
) -> None:
    """An encoder that is good but for one thing fails the check of that thing, which says what was found."""
    assert found(altered("label-encoder", "windowed", changes), check).startswith(words)


def redecoded(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Decodes, then changes the prediction; `change` is given the parameters too."""

    def decode(encoder: Any, candles: Any, samples: Any, scores: Any, params: Any) -> Any:
        return change(encoder.decode(candles, samples, scores, params), params)

    return decode


def spans_changed(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def decode(prediction: Any, params: Any) -> Any:
        return replace(prediction, spans=tuple(change(span, prediction) for span in prediction.spans))

    return redecoded(decode)


def above_thresholds(prediction: Any, params: Any) -> Any:
    return replace(prediction, spans=prediction.spans_above(params.thresholds))


DECODERS: list[tuple[str, dict[str, Any], str]] = [
    (
        "says something of every candle",
        {"decode": redecoded(lambda p, _: replace(p, probabilities=p.probabilities / 2))},
        "a row that does not sum to 1",
    ),
    (
        "says something of every candle",
        {"decode": redecoded(lambda p, _: replace(p, sufficient=p.sufficient & False))},
        "a value without enough history",
    ),
    ("spans are well formed", {"decode": redecoded(lambda p, _: replace(p, spans=()))}, "no span at all"),
    (
        "spans are well formed",
        {"decode": spans_changed(lambda s, p: s._replace(candle_count=s.candle_count + 1))},
        "PredictedSpan(",
    ),
    ("spans are well formed", {"decode": spans_changed(lambda s, p: s._replace(confidence=1.5))}, "PredictedSpan("),
    ("spans are well formed", {"decode": spans_changed(lambda s, p: s._replace(label="O"))}, "PredictedSpan("),
    ("spans are well formed", {"decode": spans_changed(lambda s, p: s._replace(known_at=0))}, "PredictedSpan("),
    ("reach is enough", {"reach": lambda e, p: 0}, "35 candles without enough history from candle 1, not 23"),
    ("delay is enough", {"delay": lambda e, p: 0}, "candle [575] of 599 is provisional"),
    (
        "delay is enough",
        {"decode": redecoded(lambda p, _: replace(p, provisional=p.provisional & False))},
        "final probabilities up to candle ",
    ),
    (
        "delay is enough",
        {"decode": spans_changed(lambda s, p: s._replace(provisional=False))},
        "a final span that later candles change up to candle ",
    ),
    (
        "delay is enough",
        {"decode": spans_changed(lambda s, p: s._replace(known_at=s.end_time, provisional=False))},
        "a final span that later candles change up to candle ",
    ),
    ("thresholds choose no spans", {"decode": redecoded(above_thresholds)}, "2 spans at threshold 0.99, 20 at 0"),
]


@pytest.mark.parametrize(("check", "changes", "words"), DECODERS)
def test_a_broken_promise_of_a_decoder_is_found(
    altered: Alter, found: Find, check: str, changes: dict[str, Any], words: str
) -> None:
    """A decoder that is good but for one thing fails the check of that thing, which says what was found."""
    assert found(altered("label-encoder", "windowed", changes), check).startswith(words)

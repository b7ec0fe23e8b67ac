"""What the core relies on in a label encoder, when it decodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.candles import Candles
from candle_ml.predictions import PredictedSpan, Prediction
from candle_ml.scores import DecodeParams, Samples, Scores
from candle_ml.testing.encoders import Subject
from candle_ml.testing.examples import LABELS
from candle_ml.testing.promises import Promise, require, require_same

_CLASSES = (NO_PATTERN, *LABELS)


def example_scores(samples: Samples, candles: Candles) -> Scores:
    """Probabilities that depend on each window's own candles alone, with runs of candles of one best class."""
    steps = samples.last[:, np.newaxis]
    if samples.kind == "sequence":
        spread = np.linspace(0, 1, samples.width)
        steps = np.round(samples.first[:, np.newaxis] * (1 - spread) + steps * spread).astype(np.int64)
    hours = candles.time[steps] / candles.key.seconds
    phase = np.array([0.37, 1.93, 4.11]) + samples.scale[:, np.newaxis, np.newaxis] / 10
    slow = np.sin(hours[..., np.newaxis] / np.array([9.0, 7.0, 5.0]) + phase)
    wild = np.sin(hours[..., np.newaxis] ** 2 % 1e6 * 0.7 + phase)
    weight = np.exp(3 * slow + 0.5 * wild)
    probabilities = weight / weight.sum(axis=-1, keepdims=True)
    return Scores(_CLASSES, probabilities if samples.kind == "sequence" else probabilities[:, 0])


def decoded(subject: Subject, candles: Candles, params: DecodeParams | None = None, history: int = 0) -> Prediction:
    """What the encoder says of candles, given the scores of candidates that begin at candle `history` or later."""
    samples = subject.encoder.candidates(candles)
    samples = samples.take(samples.first >= history)
    return subject.encoder.decode(candles, samples, example_scores(samples, candles), params or subject.params)


def check_says_something_of_every_candle(subject: Subject) -> None:
    """A prediction has one row a candle: probabilities that sum to 1 where history suffices, NaN where it does not."""
    prediction = decoded(subject, subject.candles)
    count = len(subject.candles)
    require(prediction.key == subject.candles.key, f"key {prediction.key}")
    require(prediction.classes == _CLASSES, f"classes {prediction.classes!r}")
    require_same(prediction.time, subject.candles.time, "time")
    require(prediction.probabilities.shape == (count, len(_CLASSES)), f"shape {prediction.probabilities.shape}")
    for name in ("sufficient", "provisional"):
        column = getattr(prediction, name)
        require(column.dtype == np.bool_ and column.shape == (count,), f"{name} {column.dtype} {column.shape}")
    known = prediction.probabilities[prediction.sufficient]
    require(bool(np.isnan(prediction.probabilities[~prediction.sufficient]).all()), "a value without enough history")
    require(bool((np.abs(known.sum(axis=1) - 1) <= 1e-6).all()), "a row that does not sum to 1")


def check_spans_are_well_formed(subject: Subject) -> None:
    """Spans are runs of candles of this series with a pattern's label, a confidence and a time at which it is known."""
    prediction = decoded(subject, subject.candles)
    require(len(prediction.spans) > 0, "no span at all")
    for span in prediction.spans:
        first, last = subject.candles.index_range(span.start_time, span.end_time)
        opens = span.start_time in subject.candles.time and span.end_time in subject.candles.time
        require(opens and first <= last, f"{span} from no candle to no candle")
        require(span.candle_count == last - first + 1, f"{span} has {last - first + 1} candles")
        require(span.label in LABELS, f"{span} of no known label")
        require(0 <= span.confidence <= 1, f"{span} with a confidence outside 0 to 1")
        require(span.known_at >= span.end_time, f"{span} known before its end")
        require(bool(prediction.sufficient[first : last + 1].all()), f"{span} where history does not suffice")


def check_reach_is_enough(subject: Subject) -> None:
    """With less history, all but the first `longest_window - 1 + reach` candles get what the full series gives them."""
    full = decoded(subject, subject.candles)
    lost = subject.encoder.longest_window - 1 + subject.encoder.reach(subject.params)
    for start in (1, 13, len(subject.candles) // 3):
        part = decoded(subject, subject.candles[start:])
        _require_bounded(part, replace_rows(full, start), lost, f"from candle {start}")
        later = decoded(subject, subject.candles, history=start)
        _require_bounded(later, full, start + lost, f"with candidates from candle {start}")


def check_delay_is_enough(subject: Subject) -> None:
    """What is said of a candle is final after `delay` further candles; until then it is marked provisional."""
    full = decoded(subject, subject.candles)
    delay = subject.encoder.delay(subject.params)
    for end in (len(subject.candles) - 1, len(subject.candles) - 11, len(subject.candles) // 2):
        part = decoded(subject, subject.candles[:end])
        early = np.flatnonzero(part.provisional)
        require(not len(early) or int(early[0]) >= end - delay, f"candle {early[:1]} of {end} is provisional")
        final = ~part.provisional
        what = f"up to candle {end}"
        require_same(part.probabilities[final], full.probabilities[:end][final], f"final probabilities {what}")
        changed = [span for span in part.spans if not span.provisional and span not in full.spans]
        require(not changed, f"a final span that later candles change {what}: {changed[:1]}")
        known = {span for span in full.spans if span.known_at <= int(part.time[-1]) and not span.provisional}
        late = known - {span._replace(provisional=False) for span in part.spans}
        require(not late, f"a span that is known later than it says {what}: {sorted(late, key=_start)[:1]}")


def check_thresholds_choose_no_spans(subject: Subject) -> None:
    """Which spans there are does not depend on the thresholds: they are for the reader."""
    low, high = (replace(subject.params, thresholds=dict.fromkeys(LABELS, each)) for each in (0.0, 0.99))
    few, many = (decoded(subject, subject.candles, params).spans for params in (high, low))
    require(few == many, f"{len(few)} spans at threshold 0.99, {len(many)} at 0")


def check_takes_short_series(subject: Subject) -> None:
    """Too few candles for any window give rows without enough history and no span."""
    for count in (0, 1):
        candles = subject.candles[:count]
        prediction = decoded(subject, candles, history=1)
        require(len(prediction) == count and not prediction.sufficient.any(), f"{count} candles are enough")
        require(prediction.spans == (), f"spans of {count} candles")


def replace_rows(prediction: Prediction, start: int) -> Prediction:
    """The prediction of the candles from `start` on, with every span."""
    rows = slice(start, None)
    columns = ("time", "probabilities", "sufficient", "provisional")
    return replace(prediction, **{name: getattr(prediction, name)[rows] for name in columns})


def _require_bounded(part: Prediction, full: Prediction, lost: int, what: str) -> None:
    known = part.sufficient
    require(int((~known).sum()) <= lost, f"{(~known).sum()} candles without enough history {what}, not {lost}")
    require_same(part.probabilities[known], full.probabilities[known], f"probabilities {what}")
    require_same(part.provisional[known], full.provisional[known], f"provisional candles {what}")
    first = _first_time(part.time, known)
    expected = tuple(span for span in full.spans if span.start_time >= first)
    found = tuple(span for span in part.spans if span.start_time >= first)
    require(part.spans == found, f"a span before history suffices {what}")
    require(found == expected, f"{len(found)} spans instead of {len(expected)} {what}")


def _first_time(time: NDArray[np.int64], known: NDArray[np.bool_]) -> int:
    return int(time[int(known.argmax())]) if known.any() else int(time[-1]) + 1


def _start(span: PredictedSpan) -> int:
    return span.start_time


CHECKS: tuple[Promise, ...] = (
    check_says_something_of_every_candle,
    check_spans_are_well_formed,
    check_reach_is_enough,
    check_delay_is_enough,
    check_thresholds_choose_no_spans,
    check_takes_short_series,
)

"""From scores of windows to spans: against an oracle written from the rule, and with more or fewer candles given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import PluginError
from candle_ml.predictions import PredictedSpan, Prediction
from candle_ml.scores import DecodeParams, Samples, Scores
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.windowed import WindowedEncoder

KEY = SeriesKey("EURUSD", "1h")
CLASSES = ("O", "flag", "wedge", "wick")


def make_candles(count: int) -> Candles:
    price = np.full(count, 100.0)
    return Candles(KEY, np.arange(count, dtype=np.int64) * 3600 + 7200, price, price + 1, price - 1, price)


@dataclass(frozen=True)
class Case:
    """One random decoding: probabilities are drawn from a coarse grid, so that ties are common."""

    options: WindowedOptions
    lengths: dict[str, int]
    lookback: int
    count: int
    seed: int

    @property
    def encoder(self) -> WindowedEncoder:
        return WindowedEncoder(self.options)

    @property
    def params(self) -> DecodeParams:
        return DecodeParams({}, self.lengths)

    def given_windows(self, earlier: int = 0, count: int | None = None) -> tuple[Samples, Scores]:
        """The windows of candles `[earlier, count)`, with the scores that they have in the full series."""
        full = self.encoder.candidates(make_candles(self.count))
        rng = np.random.default_rng(self.seed)
        weights = rng.integers(0, 4, (len(full), len(CLASSES))) + 1e-9
        kept = full.first >= self.lookback + earlier
        if count is not None:
            kept &= full.last < count
        samples = full.take(kept)
        samples = samples.replace(first=samples.first - earlier, last=samples.last - earlier)
        return samples, Scores(CLASSES, (weights / weights.sum(axis=1, keepdims=True))[kept])

    def decode(self, earlier: int = 0, count: int | None = None) -> Prediction:
        """Decode candles `[earlier, count)` of the series."""
        candles = make_candles(self.count)[earlier:count]
        return self.encoder.decode(candles, *self.given_windows(earlier, count), self.params)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    fit = draw(st.sampled_from(["window", "stretch"]))
    scales = draw(st.lists(st.integers(1, 8), min_size=1, max_size=1 if fit == "window" else 3, unique=True))
    options = WindowedOptions(
        window=4,
        scales=scales,
        fit=fit,
        anchor=draw(st.sampled_from(["end", "center"])),
        competition=draw(st.sampled_from(["across_labels", "per_label"])),
        competition_iou=draw(st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 0.9])),
        smoothing=draw(st.sampled_from([0, 0, 1, 3])),
    )
    labels = draw(st.sets(st.sampled_from(CLASSES[1:])))
    lengths = {label: draw(st.integers(1, 10)) for label in sorted(labels)}
    return Case(options, lengths, draw(st.integers(0, 3)), draw(st.integers(1, 45)), draw(st.integers(0, 10_000)))


def oracle_smoothed(case: Case, samples: Samples, scores: Scores) -> Scores:
    """The mean over all windows nearby, found by comparing every two, in the order of their lengths and ends."""
    reach, means = case.options.smoothing, []
    order = np.lexsort((samples.last, samples.scale))
    for row in range(len(samples)):
        distance = np.maximum(abs(samples.first - samples.first[row]), abs(samples.last - samples.last[row]))
        near = [scores.probabilities[other] for other in order if distance[other] <= reach]
        means.append(sum(near[1:], start=near[0]) / len(near) if reach else near[0])
    return Scores(scores.classes, np.array(means).reshape(scores.probabilities.shape))


@dataclass(frozen=True)
class Proposal:
    row: int
    start: int
    end: int
    label: int
    probability: float
    strength: tuple[float, int, int]


def oracle_proposals(case: Case, samples: Samples, scores: Scores) -> list[Proposal]:
    proposals = []
    for row in range(len(samples)):
        first, last = int(samples.first[row]), int(samples.last[row])
        vector = scores.probabilities[row]
        label = max(range(1, len(CLASSES)), key=lambda code: (vector[code], -code))
        start, end = first, last
        if case.options.fit == "window":
            longest = max(samples.scale)
            typical = case.lengths.get(CLASSES[label], max(case.lengths.values(), default=longest))
            length = min(typical, longest)
            centered = -((length - 1 - first - last) // 2)
            start = centered if case.options.anchor == "center" else last - length + 1
            end = start + length - 1
        strength = (-vector[label], last, last - first)
        proposals.append(Proposal(row, start, end, label, vector[label], strength))
    return proposals


def competes(case: Case, one: Proposal, other: Proposal) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start) + 1
    if one is other or shared <= 0 or (case.options.competition == "per_label" and one.label != other.label):
        return False
    union = one.end - one.start + other.end - other.start + 2 - shared
    return shared / union > case.options.competition_iou


def oracle(case: Case) -> tuple[list[Proposal], NDArray[np.float64]]:
    """Survivors by comparing every two proposals, and each candle's probabilities by looking at every proposal."""
    samples, scores = case.given_windows()
    scores = oracle_smoothed(case, samples, scores)
    proposals = oracle_proposals(case, samples, scores)
    survivors = [
        one
        for one in proposals
        if not any(competes(case, one, other) and other.strength < one.strength for other in proposals)
    ]
    vectors = np.full((case.count, len(CLASSES)), np.nan)
    for candle in range(case.count):
        over = [one for one in survivors if one.start <= candle <= one.end]
        claiming = [one for one in proposals if one.start <= candle <= one.end] or proposals[-1:]
        if over:
            vectors[candle] = scores.probabilities[min(over, key=lambda one: one.strength).row]
        elif claiming:
            quietest = min(claiming, key=lambda one: (one.probability, *one.strength[1:]))
            vectors[candle] = scores.probabilities[quietest.row]
    return survivors, vectors


def as_rows(spans: tuple[PredictedSpan, ...]) -> list[tuple[int, int, str, float]]:
    return [(span.start_time, span.end_time, span.label, span.confidence) for span in spans]


@settings(max_examples=120, deadline=None)
@given(case=cases())
def test_decode_equals_the_rule_applied_to_every_pair(case: Case) -> None:
    """Spans and probabilities are those found by comparing every two proposals, from the required history on."""
    survivors, vectors = oracle(case)
    prediction = case.decode()
    enough = case.lookback + case.encoder.longest_window - 1 + case.encoder.reach(case.params)
    if not len(case.given_windows()[0]):
        enough = case.count
    assert prediction.sufficient.tolist() == [candle >= enough for candle in range(case.count)]
    assert np.array_equal(prediction.probabilities[enough:], vectors[enough:])
    assert np.isnan(prediction.probabilities[:enough]).all()
    time = prediction.time
    emitted = sorted((one for one in survivors if one.start >= enough), key=lambda one: (one.start, one.end, one.label))
    assert as_rows(prediction.spans) == [
        (time[one.start], time[one.end], CLASSES[one.label], one.probability) for one in emitted
    ]
    assert all(
        span.candle_count == one.end - one.start + 1 for span, one in zip(prediction.spans, emitted, strict=True)
    )


@settings(max_examples=120, deadline=None)
@given(case=cases(), data=st.data())
def test_later_candles_change_nothing_that_is_final(case: Case, data: st.DataObject) -> None:
    """What is not provisional with fewer candles stands the same with all of them, spans and probabilities."""
    count = data.draw(st.integers(0, case.count))
    now, full = case.decode(count=count), case.decode()
    final = np.flatnonzero(~now.provisional & now.sufficient)
    assert np.array_equal(now.probabilities[final], full.probabilities[final])
    delay = case.encoder.delay(case.params)
    assert now.provisional.tolist() == [candle + delay >= count for candle in range(count)]
    latest = now.time[-1] if count else -1
    assert [span for span in now.spans if not span.provisional] == [
        span for span in full.spans if not span.provisional and span.known_at <= latest
    ]
    assert all(span.known_at == latest for span in now.spans if span.provisional)


@settings(max_examples=120, deadline=None)
@given(case=cases(), data=st.data())
def test_less_history_changes_nothing_that_is_sufficient(case: Case, data: st.DataObject) -> None:
    """What is sufficient with fewer earlier candles is the same with all of them, spans and probabilities."""
    earlier = data.draw(st.integers(0, case.count))
    late, full = case.decode(earlier=earlier), case.decode()
    assert np.array_equal(late.probabilities[late.sufficient], full.probabilities[earlier:][late.sufficient])
    known = late.time[late.sufficient]
    start = known[0] if len(known) else np.inf
    assert late.spans == tuple(span for span in full.spans if span.start_time >= start)


@settings(max_examples=50, deadline=None)
@given(case=cases(), threshold=st.floats(0, 1))
def test_survivors_do_not_depend_on_thresholds(case: Case, threshold: float) -> None:
    """The same spans and probabilities come out whatever the thresholds."""
    samples, scores = case.given_windows()
    thresholds = dict.fromkeys(CLASSES[1:], threshold)
    other = case.encoder.decode(make_candles(case.count), samples, scores, DecodeParams(thresholds, case.lengths))
    assert other.spans == case.decode().spans
    assert np.array_equal(other.probabilities, case.decode().probabilities, equal_nan=True)


FLAG = ("O", "flag")


def score(samples: Samples, sure: dict[int, float]) -> Scores:
    """Probability 0.1 of a flag in every window but those that end at the given candles."""
    flag = np.array([sure.get(last, 0.1) for last in samples.last.tolist()])
    return Scores(FLAG, np.stack((1 - flag, flag), axis=1))


def decode_flags(count: int, sure: dict[int, float], first: int = 0, **options: object) -> Prediction:
    """Decode `count` candles from the windows of 6 candles that start at candle `first` or later; a flag has 4."""
    encoder = WindowedEncoder(WindowedOptions.model_validate({"window": 6, **options}))
    candles = make_candles(count)
    samples = encoder.candidates(candles)
    samples = samples.take(samples.first >= first)
    return encoder.decode(candles, samples, score(samples, sure), DecodeParams({}, {"flag": 4}))


def test_a_span_stands_where_its_window_ends_and_nothing_around_it() -> None:
    """One sure window gives one span of the label's length, and the candles beside it keep their own probability."""
    prediction = decode_flags(40, {20: 0.9})
    span = next(span for span in prediction.spans if span.confidence > 0.5)
    time = prediction.time.tolist()
    assert (span.label, span.candle_count, span.confidence) == ("flag", 4, 0.9)
    assert (span.start_time, span.end_time, span.known_at, span.provisional) == (time[17], time[20], time[23], False)
    assert np.flatnonzero(prediction.probabilities[:, 1] > 0.5).tolist() == [17, 18, 19, 20]


def test_a_centered_span_stands_in_the_middle_of_its_window() -> None:
    """With the window 15 to 20, four candles in its middle are 16 to 19."""
    prediction = decode_flags(40, {20: 0.9}, anchor="center")
    assert np.flatnonzero(prediction.probabilities[:, 1] > 0.5).tolist() == [16, 17, 18, 19]


def test_the_last_candle_of_the_delay_can_still_change_a_prediction() -> None:
    """With spans of 4 candles a prediction waits 6 candles, and the sixth can change it."""
    before, after = (decode_flags(count, {20: 0.6, 23: 0.9}) for count in (23, 24))
    assert (before.probabilities[17, 1], before.provisional[17]) == (0.6, True)
    assert (after.probabilities[17, 1], after.provisional[17]) == (0.1, False)
    assert [span.provisional for span in before.spans if span.confidence == 0.6] == [True]


def test_the_first_window_of_the_reach_can_decide() -> None:
    """With windows of 6 and spans of 4 candles, the window that starts 8 candles before decides about a candle."""
    sure = {17: 0.9, 20: 0.6}
    with_it, without_it = decode_flags(40, sure, first=12), decode_flags(40, sure, first=13)
    assert (with_it.probabilities[20, 1], with_it.sufficient[20]) == (0.1, True)
    assert not without_it.sufficient[20]


def test_smoothing_prefers_what_the_windows_around_agree_on() -> None:
    """One window at 0.9 between windows at 0.1 loses against three in a row at 0.7 once their means are taken."""
    sure = {20: 0.9, 29: 0.7, 30: 0.7, 31: 0.7}
    best = [max(decode_flags(50, sure, smoothing=reach).spans, key=lambda span: span.confidence) for reach in (0, 1)]
    time = make_candles(50).time.tolist()
    assert [(span.end_time, round(span.confidence, 3)) for span in best] == [(time[20], 0.9), (time[30], 0.7)]


def test_two_labels_stand_together_only_where_they_do_not_compete() -> None:
    """Across labels the more probable of two overlapping spans survives; with competition per label both do."""
    candles = make_candles(30)
    for competition, expected in (("across_labels", ["wedge"]), ("per_label", ["flag", "wedge"])):
        encoder = WindowedEncoder(WindowedOptions.model_validate({"window": 6, "competition": competition}))
        samples = encoder.candidates(candles)
        probabilities = np.tile([0.98, 0.01, 0.01], (len(samples), 1))
        probabilities[samples.last == 15] = [0.2, 0.7, 0.1]
        probabilities[samples.last == 16] = [0.1, 0.1, 0.8]
        params = DecodeParams({}, {"flag": 4, "wedge": 4})
        prediction = encoder.decode(candles, samples, Scores(("O", "flag", "wedge"), probabilities), params)
        assert [span.label for span in prediction.spans if span.confidence > 0.5] == expected
        assert prediction.probabilities[14].tolist() == [0.1, 0.1, 0.8]


def test_missing_windows_are_an_error() -> None:
    """Windows that are missing between the first and the last are refused, because they could have decided."""
    encoder = WindowedEncoder(WindowedOptions(window=6))
    candles = make_candles(30)
    samples = encoder.candidates(candles)
    samples = samples.take(samples.last != 15)
    with pytest.raises(PluginError) as caught:
        encoder.decode(candles, samples, score(samples, {}), DecodeParams({}, {}))
    expected = "decode EURUSD 1h: 24 windows from candle 0 on; all 25 candidates, in their order"
    assert str(caught.value) == expected


def test_too_few_candles_give_no_prediction() -> None:
    """With fewer candles than a window nothing is sufficient and everything provisional."""
    prediction = decode_flags(5, {})
    assert not prediction.sufficient.any()
    assert prediction.provisional.all()
    assert np.isnan(prediction.probabilities).all()
    assert prediction.spans == ()


@pytest.mark.parametrize(
    ("options", "lengths", "delay", "reach"),
    [
        ({"window": 24}, {"flag": 24, "wick": 3}, 46, 23),
        ({"window": 24}, {"flag": 40}, 46, 23),
        ({"window": 24}, {"wick": 3}, 4, 2),
        ({"window": 24, "anchor": "center"}, {"wick": 3}, 14, 0),
        ({"window": 24, "competition_iou": 0.5}, {"flag": 12}, 14, 3),
        ({"fit": "stretch", "scales": [6, 12]}, {}, 22, 11),
        ({"fit": "stretch", "scales": [6, 12], "smoothing": 2}, {}, 24, 13),
    ],
)
def test_delay_and_reach_follow_from_window_and_lengths(
    options: dict[str, object], lengths: dict[str, int], delay: int, reach: int
) -> None:
    """Delay and reach have the values that the formulas give by hand."""
    encoder = WindowedEncoder(WindowedOptions.model_validate(options))
    assert (encoder.delay(DecodeParams({}, lengths)), encoder.reach(DecodeParams({}, lengths))) == (delay, reach)

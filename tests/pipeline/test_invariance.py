"""What must not change a prediction does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from candle_ml.candles import Candles
from candle_ml.features import candle_features
from candle_ml.inference import Predictor

from .conftest import Project

SERIES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def predictor_of(project: Project) -> Predictor:
    assert project.result.trained is not None
    return project.result.trained.predictor


def candles_of(project: Project, pair: str) -> Candles:
    return next(data.candles for key, data in project.result.dataset.series.items() if key.pair == pair)


def multiplied(candles: Candles, factor: float) -> Candles:
    prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
    return replace(candles, **prices)


@pytest.mark.parametrize("pair", SERIES)
def test_prices_times_1024_change_no_prediction(default_project: Project, pair: str) -> None:
    """Doubling prices ten times changes no bit of any probability."""
    predictor, candles = predictor_of(default_project), candles_of(default_project, pair)
    before, after = predictor.predict(candles), predictor.predict(multiplied(candles, 1024.0))
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert before.spans == after.spans


@pytest.mark.parametrize("pair", SERIES)
def test_a_shift_by_whole_candles_changes_no_prediction(default_project: Project, pair: str) -> None:
    """Only the times move."""
    predictor, candles = predictor_of(default_project), candles_of(default_project, pair)
    shift = 1234 * candles.key.seconds
    before, after = predictor.predict(candles), predictor.predict(replace(candles, time=candles.time + shift))
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.time + shift, after.time)
    assert [span.start_time + shift for span in before.spans] == [span.start_time for span in after.spans]


@pytest.mark.parametrize("pair", SERIES)
def test_prices_times_1000_change_only_rounding_ties_of_cdl_functions(default_project: Project, pair: str) -> None:
    """Every feature that changes beyond rounding is a CDL column; without such a candle no label changes."""
    predictor, candles = predictor_of(default_project), candles_of(default_project, pair)
    plan, scaled = predictor.recipe.plan, multiplied(candles, 1000.0)
    before, after = candle_features(plan, candles), candle_features(plan, scaled)
    changed = np.argwhere(~np.isclose(before, after, rtol=1e-5, atol=1e-6, equal_nan=True))
    ties = Counter(plan.candle_columns[column] for _, column in changed)
    print(f"{pair}: {len(changed)} ties in {len(candles)} candles: {dict(ties)}")
    assert all(name.startswith("cdl") for name in ties), ties
    labels = [predictor.predict(each).labels(predictor.params.thresholds)[0] for each in (candles, scaled)]
    reach = predictor.required_history + predictor.recipe.encoder.delay(predictor.params)
    for row in np.flatnonzero(labels[0] != labels[1]):
        assert any(abs(int(row) - int(tie)) <= reach for tie in changed[:, 0]), f"{pair} candle {row}"


@pytest.mark.parametrize("pair", SERIES)
def test_a_slice_with_enough_history_predicts_what_the_series_does(demo_project: Project, pair: str) -> None:
    """From `required_history` candles on, a slice gives the same probabilities, spans and labels."""
    predictor, candles = predictor_of(demo_project), candles_of(demo_project, pair)
    history = predictor.required_history
    whole = predictor.predict(candles)
    random = np.random.default_rng(7)
    for _ in range(3 if len(candles) > history + 50 else 0):
        start = int(random.integers(0, len(candles) - history - 50))
        part = predictor.predict(candles[start:])
        np.testing.assert_allclose(
            part.probabilities[history:], whole.probabilities[start + history :], rtol=0, atol=1e-6
        )
        assert part.sufficient[history:].all()
        assert not part.sufficient[: history - 1].any()


@pytest.mark.parametrize("pair", ["AAPL", "IBM"])
def test_no_later_candle_changes_a_final_prediction(demo_project: Project, pair: str) -> None:
    """Candles that are not provisional keep their probabilities when more candles arrive."""
    predictor, candles = predictor_of(demo_project), candles_of(demo_project, pair)
    whole = predictor.predict(candles)
    for end in (1500, 2111, 3000):
        part = predictor.predict(candles[:end])
        final = part.sufficient & ~part.provisional
        assert final.sum() > 500
        np.testing.assert_array_equal(part.probabilities[final], whole.probabilities[:end][final])
        kept = {span for span in part.spans if not span.provisional}
        assert kept <= set(whole.spans)

"""The charts of the detection benchmark: repeatable, without overlaps, and with nothing but shapes to be found."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from benchmarks.detection.charts import Chart, planted_chart
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from candle_ml.candles import Candles, bad_rows
from candle_ml.evaluation import Span

SEED = 7


@pytest.fixture(scope="module")
def chart() -> Chart:
    return planted_chart(SEED, 40)


def columns(candles: Candles) -> NDArray[np.float64]:
    assert candles.volume is not None
    return np.stack([candles.open, candles.high, candles.low, candles.close, candles.volume])


def test_one_seed_gives_one_chart(chart: Chart) -> None:
    """The same seed gives the same candles and spans to the last bit, another seed others."""
    again, other = planted_chart(SEED, 40), planted_chart(SEED + 1, 40)
    assert np.array_equal(columns(chart.candles), columns(again.candles))
    assert (chart.annotations, chart.truth) == (again.annotations, again.truth)
    assert not np.array_equal(columns(chart.candles), columns(other.candles))


def test_fewer_annotations_leave_out_the_oldest(chart: Chart) -> None:
    """A chart with fewer annotations is the end of the one with more: its unseen part is the same."""
    short = planted_chart(SEED, 10)
    cut = len(chart.candles) - len(short.candles)
    seen = slice(short.reviewed[0], None)
    assert np.allclose(columns(chart.candles[cut:][seen]), columns(short.candles[seen]), rtol=1e-9)
    moved = [Span(span.label, span.first + cut, span.last + cut) for span in short.annotations]
    assert moved == list(chart.annotations[-50:])
    assert len(short.candles) - short.border == 4800


def test_every_label_is_there_equally_often(chart: Chart) -> None:
    """Each label is annotated as often as asked, and stands ten times in the unseen part, 14 to 41 candles long."""
    assert set(Counter(span.label for span in chart.annotations).items()) == {(label, 40) for label in chart.labels}
    assert set(Counter(span.label for span in chart.truth).values()) == {10}
    assert {span.last - span.first + 1 for span in chart.truth} <= set(range(14, 42))


def test_no_two_spans_share_a_candle(chart: Chart) -> None:
    """Annotations lie in the reviewed part, true spans after it, and none overlaps another or a lookalike."""
    spans = sorted((*chart.annotations, *chart.truth, *chart.lookalikes), key=lambda span: span.first)
    assert all(before.last < after.first for before, after in pairwise(spans))
    first, last = chart.reviewed
    assert all(first <= span.first and span.last <= last for span in chart.annotations)
    assert all(span.first > last for span in chart.truth)


def test_candles_are_valid_and_behave_like_traded_ones(chart: Chart) -> None:
    """No row is refused; returns have fat tails, and their sizes cluster while their signs do not."""
    candles = chart.candles
    assert bad_rows(candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume) == []
    returns = np.diff(np.log(candles.close))
    assert ((returns / returns.std()) ** 4).mean() > 6
    assert np.corrcoef(np.abs(returns[:-20]), np.abs(returns[20:]))[0, 1] > 0.15
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.15


def stretch_sizes(candles: Candles, first: int, last: int) -> list[float]:
    """How large candles are within a stretch, against those before and after it: means, and at the four borders."""
    returns = np.abs(np.diff(np.log(candles.close), prepend=np.log(candles.close[0])))
    ranges = np.log(candles.high / candles.low)
    gaps = np.abs(np.log(candles.open) - np.log(np.roll(candles.close, 1)))
    around = [slice(first - 15, first), slice(last + 1, last + 16)]
    means = [np.log(size[first : last + 1].mean() / size[part].mean()) for size in (returns, ranges) for part in around]
    scale = returns[first : last + 1].mean()
    return [*means, *(float(size[at] / scale) for size in (returns, gaps) for at in (first - 1, first, last, last + 1))]


def separability(one: list[list[float]], other: list[list[float]]) -> float:
    """Area under the ROC curve of a forest that tells two groups of rows apart, on rows it has not seen."""
    truth = np.repeat([0, 1], [len(one), len(other)])
    forest = RandomForestClassifier(150, min_samples_leaf=10, random_state=0)
    shares = cross_val_predict(forest, np.array([*one, *other]), truth, cv=5, method="predict_proba")
    return float(roc_auc_score(truth, shares[:, 1]))


def free_stretches(chart: Chart, count: int) -> list[tuple[int, int]]:
    """Stretches of candles in which nothing is planted."""
    rng = np.random.default_rng(0)
    planted = np.zeros(len(chart.candles), dtype=bool)
    for span in (*chart.annotations, *chart.truth, *chart.lookalikes):
        planted[span.first - 3 : span.last + 4] = True
    found: list[tuple[int, int]] = []
    while len(found) < count:
        first = int(rng.integers(100, len(chart.candles) - 100))
        last = first + int(rng.integers(14, 42)) - 1
        if not planted[first : last + 1].any():
            found.append((first, last))
    return found


def test_sizes_of_candles_give_no_pattern_away(chart: Chart) -> None:
    """By volatility, and by jumps at its borders, a pattern cannot be told from the market or from a lookalike."""
    truth = [(span.first, span.last) for span in (*chart.annotations, *chart.truth)]
    others = [(span.first, span.last) for span in chart.lookalikes if span.last < len(chart.candles) - 20]
    rows = {
        name: [stretch_sizes(chart.candles, first, last) for first, last in stretches if last < len(chart.candles) - 20]
        for name, stretches in {"truth": truth, "others": others, "free": free_stretches(chart, len(truth))}.items()
    }
    volatility = {name: [row[:4] for row in part] for name, part in rows.items()}
    assert 0.4 < separability(volatility["truth"], volatility["free"]) < 0.6
    assert 0.4 < separability(volatility["truth"], volatility["others"]) < 0.6
    assert 0.4 < separability(rows["truth"], rows["free"]) < 0.63
    assert 0.4 < separability(rows["truth"], rows["others"]) < 0.63

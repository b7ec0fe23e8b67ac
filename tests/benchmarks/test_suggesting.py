"""The benchmark of suggestions: what a look at a stretch tells, and how saved labels are counted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from benchmarks.detection.charts import Chart
from benchmarks.detection.suggesting import Labelled, Saved, dataset, labelling_chart, random_stretches, started


@pytest.fixture(scope="module")
def chart() -> Chart:
    return labelling_chart(7)


def test_the_unseen_part_is_not_labelled(chart: Chart) -> None:
    """Two parts are scored; no annotation and no candle of them is in what can be labelled."""
    assert len(chart.candles) - chart.border == 9600
    assert max(span.last for span in chart.annotations) < chart.border <= min(span.first for span in chart.truth)
    assert len(chart.truth) == 60
    (data,) = dataset(chart, started(chart)).series.values()
    assert len(data.candles) == chart.border


def test_a_look_marks_what_lies_in_the_stretch(chart: Chart) -> None:
    """A pattern whose middle lies in it is marked and reviewed whole; one at its edge is neither."""
    span = chart.annotations[-1]
    nothing = Labelled((), ())
    seen = nothing.after(chart, (span.first + 2, span.last + 5))
    assert seen == Labelled((span,), ((span.first, span.last + 5),))
    assert nothing.after(chart, (span.last - 1, span.last + 5)) == Labelled((), ((span.last + 1, span.last + 5),))
    assert nothing.after(chart, (span.first - 5, span.first + 1)) == Labelled((), ((span.first - 5, span.first - 1),))
    assert seen.after(chart, (span.first + 2, span.last + 5)).marks == (span,)


def test_the_start_cuts_no_pattern(chart: Chart) -> None:
    """Everything that lies in what was reviewed at first is marked, and nothing reaches across its end."""
    ((first, last),) = started(chart).reviewed
    assert not any(span.first <= last < span.last for span in chart.annotations)
    inside = [span for span in chart.annotations if first <= span.first and span.last <= last]
    assert list(started(chart).marks) == inside


def test_random_stretches_do_not_overlap(chart: Chart) -> None:
    """They lie apart from each other, after the start and before the unseen part."""
    found = sorted(random_stretches(chart, 50, np.random.default_rng(0)))
    assert len(found) == 50
    assert all(one[1] < two[0] for one, two in pairwise(found))
    assert found[0][0] > started(chart).reviewed[0][1]
    assert found[-1][1] < chart.border


def test_the_share_is_that_of_the_first_round_as_good_as_random() -> None:
    """It counts looks and marks from the first round on, and is infinite where suggestions are never as good."""
    made = Saved(1, (0.5, 0.2, 0.3, 0.4, 0.1, 0.2), 0.3, (10, 15, 19, 25, 30, 35), 30)
    assert made.share == 0.4
    assert made.share_of_marks == 0.45
    never = Saved(1, (0.0,) * 6, 0.3, (0,) * 6, 0)
    assert never.share == never.share_of_marks == float("inf")

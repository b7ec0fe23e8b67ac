"""However candles are asked for, a candle's answer is the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candle_ml.cli import main
from candle_ml.inference import answer

LARGEST_DIFFERENCE = 1e-6


@pytest.fixture(scope="module")
def whole(project: Any) -> Any:
    """The prediction of the whole series, as evaluation computes it."""
    return answer(project.loaded(1), project.candles)


def assert_same(rows: list[dict[str, Any]], whole: Any, first: int, also_provisional: bool) -> None:
    """Rows that begin at candle `first` say what the whole series says, where they say anything."""
    for number, row in enumerate(rows, first):
        if row["status"] == "insufficient_history" or (row["provisional"] and not also_provisional):
            continue
        assert row["label"] == whole.label[number], number
        given_ = [row["probabilities"][name] for name in whole.prediction.classes]
        np.testing.assert_allclose(given_, whole.prediction.probabilities[number], rtol=0, atol=LARGEST_DIFFERENCE)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_slice_gives_what_the_whole_series_gives(
    client: Any, project: Any, to_rows: Any, whole: Any, data: Any
) -> None:
    """Every candle of a slice that has `required_history` before it, and is not provisional, has its final answer."""
    history = whole.required_history
    first = data.draw(st.integers(0, len(project.candles) - history - 2))
    last = data.draw(st.integers(first + history + 1, min(len(project.candles), first + history + 300)))
    request = {"pair": "AAPL", "timeframe": "1d", "candles": to_rows(project.candles[first:last])}
    rows = client.post("/predict", {**request, "include": ["probabilities"]}).json["candles"]
    statuses = {row["status"] == "insufficient_history" for row in rows[:history]}
    assert statuses == {True}
    assert all(row["status"] != "insufficient_history" for row in rows[history:])
    assert_same(rows, whole, first, also_provisional=False)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_batch_over_stored_candles_gives_what_the_whole_series_gives(
    client: Any, project: Any, whole: Any, data: Any
) -> None:
    """A range by dates has every candle of the whole prediction, provisional ones included."""
    time = project.candles.time.tolist()
    first = data.draw(st.integers(0, len(time) - 1))
    last = data.draw(st.integers(first, min(len(time) - 1, first + 200)))
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": time[first], "end_date": time[last]}
    rows = client.post("/predict/batch", {**request, "include": ["probabilities"]}).json["candles"]
    assert [row["time"] for row in rows] == time[first : last + 1]
    assert_same(rows, whole, first, also_provisional=True)


def test_the_command_gives_what_the_whole_series_gives(project: Any, whole: Any) -> None:
    """`candle-ml predict` has each candle's best pattern at threshold 0 and `O` at 1, with their probabilities."""
    prediction = whole.prediction
    for threshold in ("0", "1"):
        arguments = [
            "predict",
            "-c",
            str(project.root / "config" / "pipeline.yaml"),
            "--json",
            "--threshold",
            threshold,
        ]
        found = CliRunner().invoke(main, [*arguments, "--bundle", str(project.bundles[0])])
        assert found.exit_code == 0, found.output
        (series,) = json.loads(found.stdout)
        assert [row["time"] for row in series["candles"]] == prediction.time.tolist()
        for number, row in enumerate(series["candles"]):
            if row["label"] is None:
                assert not prediction.sufficient[number]
                continue
            expected = prediction.probabilities[number][prediction.classes.index(row["label"])]
            np.testing.assert_allclose(row["confidence"], expected, rtol=0, atol=LARGEST_DIFFERENCE)
            best = 1 + int(np.argmax(prediction.probabilities[number][1:]))
            assert threshold == "1" or row["label"] == prediction.classes[best]


def test_bar_by_bar_never_repaints(client: Any, project: Any, to_rows: Any, whole: Any) -> None:
    """Asked anew at each new candle, what is not provisional never changes, and provisional candles are few."""
    history, count = whole.required_history, 60
    start = 900
    requests = []
    for end in range(start, start + count):
        candles = to_rows(project.candles[end - history - 40 : end])
        requests.append({"pair": "AAPL", "timeframe": "1d", "candles": candles, "include": ["probabilities"]})
    results = client.post("/predict/batch", {"requests": requests}).json["results"]
    delay = project.loaded(1).info.delay
    for number, result in enumerate(results):
        assert_same(result["candles"], whole, start + number - history - 40, also_provisional=False)
        provisional = [row["provisional"] for row in result["candles"]]
        assert not any(provisional[: len(provisional) - delay])

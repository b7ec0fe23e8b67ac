"""`GET /model/out-of-fold`: what models said of candles that they had not been fitted on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from candle_ml.bundle import OUT_OF_FOLD
from candle_ml.candles import SeriesKey
from candle_ml.inference import OutOfFold, answer_of
from candle_ml_server.model_schemas import OutOfFoldResponse

SERIES = {"pair": "AAPL", "timeframe": "1d"}
KEY = SeriesKey("AAPL", "1d")


def ask(client: Any, **query: object) -> Any:
    return client.get(f"/model/out-of-fold?{urlencode({**SERIES, **query}, doseq=True)}")


@pytest.fixture(scope="module")
def stored(project: Any) -> Any:
    """What the run of version 1 wrote into its bundle."""
    return OutOfFold.load(project.bundles[0] / OUT_OF_FOLD)


def day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def test_every_row_is_that_of_the_run(client: Any, project: Any, stored: Any) -> None:
    """Without bounds every stored candle comes, with the file's label and confidence at any threshold."""
    rows = stored.rows(KEY)
    assert len(rows) > 500
    for query in ({}, {"threshold": 0}, {"threshold": 0.4}, {"threshold": 1}):
        found = ask(client, **query)
        OutOfFoldResponse.model_validate_json(found.body)
        expected = answer_of(project.loaded(1).info, rows, query.get("threshold"))
        candles = found.json["candles"]
        assert [row["time"] for row in candles] == rows.time.tolist()
        assert [row["label"] for row in candles] == expected.label
        assert [row["confidence"] for row in candles] == expected.confidence
        assert [span["start_time"] for span in found.json["spans"]] == [span.start_time for span in expected.spans]
        assert not any(row["provisional"] for row in candles)


def test_it_names_the_model_and_where_the_values_come_from(client: Any, project: Any) -> None:
    """Name, version and run id are those of the served version; `origin` tells folds from a test block."""
    found = ask(client).json
    run_id = project.registry.find(version=1).run_id
    named = {name: found[name] for name in ("model_name", "model_version", "run_id", "pair", "timeframe", "origin")}
    assert named == {"model_name": "served", "model_version": "1", "run_id": run_id, **SERIES, "origin": "folds"}


def test_a_row_has_the_shape_of_a_predicted_one(client: Any, body: Any) -> None:
    """Candles and spans have the members of a predict response, in their order; `origin` comes last."""
    found, predicted = ask(client, threshold=0).json, client.post("/predict", {**body, "threshold": 0}).json
    assert list(found) == [*predicted, "origin"]
    assert list(found["candles"][0]) == list(predicted["candles"][0])
    assert list(found["spans"][0]) == list(predicted["spans"][0])


def test_its_status_is_that_of_the_served_model(client: Any, project: Any) -> None:
    """A candle that the served model was fitted on is `in_sample` here, too."""
    start, end = project.loaded(1).info.coverage[0].ranges[-1]
    statuses = {row["status"] for row in ask(client, start=start, end=end).json["candles"]}
    assert "in_sample" in statuses
    assert "ok" not in statuses


def test_dates_and_seconds_bound_the_rows(client: Any, stored: Any) -> None:
    """Both ends are part of the range; each may be left out, a UTC date or Unix seconds."""
    time = stored.rows(KEY).time
    first, last = int(time[10]), int(time[60])
    expected = time[10:61].tolist()
    for query in (
        {"start": first, "end": last},
        {"start": day(first), "end": day(last)},
        {"start": first, "end": day(last)},
    ):
        assert [row["time"] for row in ask(client, **query).json["candles"]] == expected
    assert len(ask(client, end=last).json["candles"]) == 61
    assert ask(client, start=last).json["candles"][0]["time"] == last
    assert ask(client, start=0, end=1).json["candles"] == []


def test_the_test_block_is_what_the_service_says_of_it(start: Any, project: Any) -> None:
    """Where a run has no folds, its stored values are those of its evaluation, and `/predict/batch` gives the same."""
    client = start().client
    assert client.post("/model/load", {"version": 3}).status == 200
    found = ask(client, threshold=0).json
    assert found["origin"] == "test block"
    time = [row["time"] for row in found["candles"]]
    request = {**SERIES, "start_date": time[0], "end_date": time[-1], "threshold": 0, "include": ["probabilities"]}
    served = {row["time"]: row for row in client.post("/predict/batch", request).json["candles"]}
    evaluated = OutOfFold.load(project.bundles[2] / OUT_OF_FOLD).rows(KEY)
    compared = 0
    for number, row in enumerate(found["candles"]):
        if row["label"] is None:
            continue
        beside = served[row["time"]]
        assert row["label"] == beside["label"]
        given = [beside["probabilities"][name] for name in evaluated.classes]
        np.testing.assert_allclose(given, evaluated.probabilities[number], rtol=0, atol=1e-6)
        compared += 1
    assert compared > 50


def test_a_model_without_them_says_so(start: Any) -> None:
    """A version whose run evaluated nothing has none: a 404 that says what would do."""
    client = start().client
    assert client.post("/model/load", {"version": 2}).status == 200
    found = ask(client)
    assert (found.status, found.json["type"]) == (404, "urn:candle-ml:problem:no-out-of-fold")
    expected = "model: version 2 has no out-of-fold predictions; one that was trained with evaluation.enabled"
    assert found.json["detail"] == expected


BAD_QUERIES: dict[str, Any] = {
    "an unknown pair": ({"pair": "EURUSD"}, 404, "pair: nothing stored of EURUSD 1d; one of: AAPL 1d"),
    "a path as pair": (
        {"pair": "../../etc/passwd"},
        404,
        "pair: nothing stored of ../../etc/passwd 1d; one of: AAPL 1d",
    ),
    "another timeframe": ({"timeframe": "1h"}, 404, "pair: nothing stored of AAPL 1h; one of: AAPL 1d"),
    "no timeframe": (
        {"timeframe": "x"},
        422,
        'timeframe: "x"; a number and one of s, m, h, d, w, M, such as 15m or 1d',
    ),
    "a blank pair": ({"pair": ""}, 422, 'pair: ""; a name that does not begin with a blank'),
    "no such day": ({"start": "2012-02-31"}, 422, "start: '2012-02-31'; a date of the calendar such as 2024-01-31"),
    "no such last day": ({"end": "2012-13-01"}, 422, "end: '2012-13-01'; a date of the calendar such as 2024-01-31"),
    "no date": ({"end": "31.12.2012"}, 422, 'end: "31.12.2012"; a date such as 2024-01-31'),
    "a time before 1970": ({"start": -1}, 422, "start: -1; greater than or equal to 0"),
    "a fraction of a second": ({"start": "1.5"}, 422, "start: 1.5; text, or an integer"),
    "backwards": ({"start": "2012-02-01", "end": "2012-01-01"}, 422, "end: before start 2012-02-01; a later time"),
    "NaN": ({"threshold": "NaN"}, 422, 'threshold: "NaN"; a number'),
    "a threshold above one": ({"threshold": 2}, 422, "threshold: 2; less than or equal to 1"),
    "nothing as threshold": ({"threshold": ""}, 422, 'threshold: ""; a number'),
    "a parameter twice": ({"start": [1, 2]}, 422, "start: given 2 times; once"),
    "an unknown parameter": ({"form": 1}, 422, 'form: "1"; no such key'),
}


@pytest.mark.parametrize(("query", "status", "message"), BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_a_bad_query_says_what_would_do(client: Any, query: Any, status: int, message: str) -> None:
    """Each wrong parameter is named with what was found and what would do."""
    found = ask(client, **query)
    assert (found.status, found.json["detail"]) == (status, message)
    assert found.headers["content-type"] == "application/problem+json"


def test_a_query_without_a_series_names_both_parameters(client: Any) -> None:
    """What is wanted and missing is listed."""
    found = client.get("/model/out-of-fold")
    assert (found.status, found.json["detail"]) == (422, "pair: nothing; this key (and 1 more)")


def test_more_rows_than_the_limit_are_refused(start: Any) -> None:
    """The limit of candles is stated."""
    found = ask(start(candle_limit=250).client, end="2012-12-31")
    assert (found.status, found.json["detail"].partition(" ")[0]) == (422, "end:")
    assert found.json["detail"].endswith(" candles in this range; at most 250")

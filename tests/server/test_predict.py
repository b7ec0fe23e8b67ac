"""`POST /predict` as a client sees it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from candle_ml.inference import answer
from candle_ml_server.schemas import PredictResponse


def test_a_response_has_the_fields_of_the_contract_in_their_order(client: Any, body: Any) -> None:
    """The members of a response, of a span and of a candle stand in the documented order."""
    found = client.post("/predict", {**body, "threshold": 0}).json
    assert list(found) == [
        "model_name",
        "model_version",
        "run_id",
        "pair",
        "timeframe",
        "spans",
        "candles",
        "required_history",
        "insufficient_history",
    ]
    assert list(found["spans"][0]) == [
        "label",
        "start_time",
        "end_time",
        "avg_confidence",
        "candle_count",
        "known_at",
    ]
    assert list(found["candles"][0]) == ["time", "label", "confidence", "status", "provisional"]


def test_a_response_is_one_of_the_documented_schema(client: Any, body: Any) -> None:
    """The JSON that is written by columns passes the model that the OpenAPI document is made from."""
    found = client.post("/predict", {**body, "include": ["probabilities"]})
    assert found.headers["content-type"] == "application/json"
    PredictResponse.model_validate_json(found.body)


def test_it_names_the_model_that_answered(client: Any, body: Any, project: Any) -> None:
    """Name, version and run id are those of the registered version."""
    found = client.post("/predict", body).json
    version = project.registry.find(version=1)
    assert (found["model_name"], found["model_version"], found["run_id"]) == ("served", "1", version.run_id)


def test_rows_and_columns_give_the_same_answer(client: Any, body: Any, rows: Any) -> None:
    """The two forms of candles are two ways to say the same."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert client.post("/predict", {**body, "candles": columns}).json == client.post("/predict", body).json


def test_rows_in_any_order_give_the_same_answer(client: Any, body: Any, rows: Any) -> None:
    """Candles are sorted by time."""
    assert client.post("/predict", {**body, "candles": rows[::-1]}).json == client.post("/predict", body).json


def test_candles_with_too_little_history_say_so(client: Any, body: Any) -> None:
    """The first candles have no label and no confidence, and are counted."""
    found = client.post("/predict", body).json
    count = found["insufficient_history"]
    assert count == found["required_history"] > 0
    for candle in found["candles"][:count]:
        assert (candle["label"], candle["confidence"], candle["status"]) == (None, None, "insufficient_history")
    assert all(candle["label"] is not None for candle in found["candles"][count:])


def test_insufficient_history_comes_before_in_sample(client: Any, project: Any, to_rows: Any) -> None:
    """A candle that the model was trained on and that lacks history is `insufficient_history`; the next `in_sample`."""
    seen = project.loaded(1).info.coverage[0].ranges[0]
    first, _ = project.candles.index_range(*seen)
    request = {"pair": "AAPL", "timeframe": "1d", "candles": to_rows(project.candles[first : first + 60])}
    found = client.post("/predict", request).json
    history = found["required_history"]
    assert {candle["status"] for candle in found["candles"][:history]} == {"insufficient_history"}
    assert found["candles"][history]["status"] == "in_sample"


def test_candles_of_another_pair_are_never_in_sample(client: Any, project: Any, to_rows: Any) -> None:
    """A pair that the model was not trained on is allowed, and nothing of it was seen."""
    request = {"pair": "SOMETHING ELSE", "timeframe": "1d", "candles": to_rows(project.candles[:200])}
    found = client.post("/predict", request)
    assert found.status == 200
    assert {candle["status"] for candle in found.json["candles"]} == {"insufficient_history", "ok"}


def test_predict_from_leaves_out_what_is_context(client: Any, body: Any, rows: Any) -> None:
    """Candles before `predict_from` are used and not answered; the others get the answer they had."""
    whole = client.post("/predict", body).json
    part = client.post("/predict", {**body, "predict_from": rows[100]["time"]}).json
    assert part["candles"] == whole["candles"][100:]
    assert part["insufficient_history"] == 0


def test_without_a_threshold_each_label_has_its_own(client: Any, body: Any) -> None:
    """Every reported pattern reaches the 0.6 that the bundle has for each label."""
    found = client.post("/predict", body).json
    assert all(span["avg_confidence"] >= 0.6 for span in found["spans"])
    patterns = [candle for candle in found["candles"] if candle["label"] not in (None, "O")]
    assert all(candle["confidence"] >= 0.6 for candle in patterns)
    assert any(candle["label"] == "O" for candle in found["candles"])


def test_threshold_zero_gives_every_best_pattern_and_every_span(client: Any, body: Any) -> None:
    """A client can filter the answer to threshold 0 and gets the answer to a higher one."""
    everything = client.post("/predict", {**body, "threshold": 0}).json
    some = client.post("/predict", {**body, "threshold": 0.5}).json
    assert all(candle["label"] != "O" for candle in everything["candles"])
    assert some["spans"] == [span for span in everything["spans"] if span["avg_confidence"] >= 0.5]
    for before, after in zip(everything["candles"], some["candles"], strict=True):
        if before["confidence"] is not None and before["confidence"] >= 0.5:
            assert after == before


def test_probabilities_come_when_asked_for(client: Any, body: Any, project: Any, rows: Any) -> None:
    """`include` adds the probability of every class, which are those of the model."""
    found = client.post("/predict", {**body, "include": ["probabilities"]}).json
    prediction = answer(project.loaded(1), project.candles[-200:]).prediction
    for number, candle in enumerate(found["candles"]):
        if candle["probabilities"] is None:
            assert candle["status"] == "insufficient_history"
        else:
            given = [candle["probabilities"][name] for name in prediction.classes]
            np.testing.assert_allclose(given, prediction.probabilities[number], rtol=0, atol=1e-12)


def test_one_candle_is_answered(client: Any, body: Any, rows: Any) -> None:
    """A single candle has too little history and nothing else."""
    found = client.post("/predict", {**body, "candles": rows[:1]}).json
    assert found["spans"] == []
    assert [candle["status"] for candle in found["candles"]] == ["insufficient_history"]


def test_predict_from_after_the_last_candle_gives_nothing(client: Any, body: Any, rows: Any) -> None:
    """There is nothing to predict, and that is no error."""
    found = client.post("/predict", {**body, "predict_from": rows[-1]["time"] + 1})
    assert (found.status, found.json["candles"], found.json["spans"]) == (200, [], [])


def test_volume_that_is_not_needed_changes_nothing(client: Any, body: Any, rows: Any) -> None:
    """Volume may be sent or left out, or be null in every row."""
    plain = client.post("/predict", body).json
    assert client.post("/predict", {**body, "candles": [{**row, "volume": 5.0} for row in rows]}).json == plain
    assert client.post("/predict", {**body, "candles": [{**row, "volume": None} for row in rows]}).json == plain


BAD_ROWS = {
    "repeated time": ({"time": 1000}, "AAPL 1d: row 1: time 1000 a second time; one row a time"),
    "high below low": (
        {"high": 1.0, "low": 2.0},
        "AAPL 1d: row 1: high 1.0 below low 2.0; high at least low",
    ),
    "negative price": ({"low": -1.0}, "AAPL 1d: row 1: low -1.0; a price above zero"),
    "infinite price": ({"high": float("inf")}, None),
    "not a number": ({"open": float("nan")}, None),
    "text": ({"open": "1.5"}, 'candles[1].open: "1.5"; a number'),
    "null": ({"open": None}, "candles[1].open: null; a number"),
    "fraction of a second": ({"time": 1.5}, "candles[1].time: 1.5; an integer"),
    "before 1970": ({"time": -1}, "candles[1].time: -1; greater than or equal to 0"),
    "true": ({"time": True}, "candles[1].time: true; an integer"),
    "unknown key": ({"bid": 1.0}, "candles[1].bid: 1.0; no such key"),
    "negative volume": ({"volume": -1.0}, None),
}


@pytest.mark.parametrize(("change", "message"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_named(client: Any, change: dict[str, Any], message: str | None) -> None:
    """A candle that cannot be used is a 422 that names its row, or a 400 where it is no JSON."""
    good = [{"time": time, "open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5} for time in (1000, 2000)]
    found = client.post("/predict", {"pair": "AAPL", "timeframe": "1d", "candles": [good[0], {**good[1], **change}]})
    assert found.status in (400, 422)
    assert found.headers["content-type"] == "application/problem+json"
    if message is not None:
        assert (found.status, found.json["detail"]) == (422, message)


def test_volume_in_some_rows_only_is_named(client: Any) -> None:
    """Volume stands in every row or in none."""
    good = [{"time": time, "open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5} for time in (1000, 2000)]
    found = client.post("/predict", {"pair": "AAPL", "timeframe": "1d", "candles": [good[0], {**good[1], "volume": 3}]})
    assert found.json["detail"] == "candles[0].volume: nothing; volume in every row or in none"


def test_every_bad_row_is_listed_up_to_twenty(client: Any) -> None:
    """The errors of a problem name rows in their order."""
    bad = [{"time": time, "open": 1.5, "high": 1.0, "low": 2.0, "close": 1.5} for time in range(50)]
    errors = client.post("/predict", {"pair": "AAPL", "timeframe": "1d", "candles": bad}).json["errors"]
    assert len(errors) == 20
    assert errors[3] == {
        "where": "AAPL 1d: row 3",
        "found": "high 1.0 below low 2.0",
        "expected": "high at least low",
    }


BAD_REQUESTS = {
    "no candles": ({"candles": []}, "candles: 0 candles; 1 to 500000"),
    "candles are a number": ({"candles": 5}, "candles: 5; a list, or an object"),
    "columns of other lengths": (
        {"candles": {"time": [1, 2], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}},
        "candles: time has 2, open has 1, high has 1, low has 1, close has 1; columns of one length",
    ),
    "a column is missing": (
        {"candles": {"time": [1], "open": [1.0], "high": [1.0], "low": [1.0]}},
        "candles.close: nothing; this key",
    ),
    "a blank pair": ({"pair": "  "}, 'pair: "  "; a name that does not begin with a blank'),
    "a timeframe of nothing": (
        {"timeframe": "0h"},
        'timeframe: "0h"; a number and one of s, m, h, d, w, M, such as 15m or 1d',
    ),
    "another timeframe": ({"timeframe": "1h"}, "timeframe: '1h'; candles of 1d, on which the model was trained"),
    "a threshold above one": ({"threshold": 1.5}, "threshold: 1.5; less than or equal to 1"),
    "a threshold below zero": ({"threshold": -0.1}, "threshold: -0.1; greater than or equal to 0"),
    "an unknown extra": ({"include": ["charts"]}, "include[0]: \"charts\"; 'probabilities' or 'similar'"),
    "an unknown key": ({"thresold": 0.5}, "thresold: 0.5; no such key"),
    "predict_from is a date": ({"predict_from": "2024-01-01"}, 'predict_from: "2024-01-01"; an integer'),
}


@pytest.mark.parametrize(("change", "message"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_a_bad_request_says_what_would_do(client: Any, body: Any, change: dict[str, Any], message: str) -> None:
    """Each wrong member is named with what was found and what would do."""
    found = client.post("/predict", {**body, **change})
    assert (found.status, found.json["detail"]) == (422, message)


def test_all_that_is_wrong_is_said_at_once(client: Any) -> None:
    """A request with several faults gets them all."""
    found = client.post("/predict", {"pair": 1, "timeframe": "x", "thresold": 1}).json
    assert [error["where"] for error in found["errors"]] == ["pair", "timeframe", "candles", "thresold"]
    assert found["detail"].endswith("(and 3 more)")


def test_another_timeframe_is_allowed_by_the_configuration(start: Any, body: Any) -> None:
    """With `allow_other_timeframes` a timeframe that the model was not trained on is predicted."""
    service = start(allow_other_timeframes=True)
    assert service.client.post("/predict", {**body, "timeframe": "4h"}).status == 200


def test_more_candles_than_the_limit_are_refused(start: Any, body: Any) -> None:
    """The limit of candles is stated."""
    found = start(candle_limit=150).client.post("/predict", body)
    assert (found.status, found.json["detail"]) == (422, "candles: 200 candles; 1 to 150")


def test_missing_volume_names_the_extractor_that_needs_it(start: Any, body: Any, rows: Any) -> None:
    """A model with a volume feature refuses candles without volume and takes them with it."""
    client = start().client
    assert client.post("/model/load", {"version": 3}).status == 200
    found = client.post("/predict", body)
    assert (found.status, found.json["detail"]) == (
        422,
        "candles.volume: nothing; volume, which talib-indicators needs",
    )
    with_volume = [{**row, "volume": 1000.0 + number % 7} for number, row in enumerate(rows)]
    assert client.post("/predict", {**body, "candles": with_volume}).status == 200


def test_numbers_are_written_so_that_they_can_be_read_back(client: Any, body: Any) -> None:
    """The answer is strict JSON: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(client.post("/predict", body).body, parse_constant=refuse)

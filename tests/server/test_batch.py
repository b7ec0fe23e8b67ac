"""`POST /predict/batch` in its two forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from candle_ml.config import load_config
from candle_ml_server.schemas import BatchResponse


def day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def test_stored_candles_are_predicted_by_date(client: Any, project: Any) -> None:
    """Both dates are part of the range, and the history before it is the service's own."""
    time = project.candles.time
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": day(time[500]), "end_date": day(time[600])}
    found = client.post("/predict/batch", request)
    assert found.status == 200
    assert [candle["time"] for candle in found.json["candles"]] == time[500:601].tolist()
    assert found.json["insufficient_history"] == 0


def test_dates_and_seconds_give_the_same_answer(client: Any, project: Any) -> None:
    """A range can be given in Unix seconds, or half and half."""
    time = project.candles.time
    series = {"pair": "AAPL", "timeframe": "1d"}
    dates = client.post("/predict/batch", {**series, "start_date": day(time[500]), "end_date": day(time[600])})
    seconds = {"start_date": int(time[500]), "end_date": int(time[600])}
    assert client.post("/predict/batch", {**series, **seconds}).json == dates.json
    assert client.post("/predict/batch", {**series, **seconds, "end_date": day(time[600])}).json == dates.json


def test_the_first_candles_of_a_series_lack_history(client: Any, project: Any) -> None:
    """Where there is no history to put in front, the answer says so."""
    time = project.candles.time
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": 0, "end_date": int(time[100])}
    found = client.post("/predict/batch", request).json
    assert found["insufficient_history"] == found["required_history"]


def test_a_range_is_final_where_later_candles_are_stored(client: Any, project: Any) -> None:
    """Candles behind the range settle it; at the end of the series it stays provisional."""
    time = project.candles.time
    series = {"pair": "AAPL", "timeframe": "1d", "start_date": int(time[500])}
    inside = client.post("/predict/batch", {**series, "end_date": int(time[600])}).json
    assert not any(candle["provisional"] for candle in inside["candles"])
    atend = client.post("/predict/batch", {**series, "end_date": int(time[-1])}).json
    assert atend["candles"][-1]["provisional"]


def test_threshold_and_extras_work_as_in_predict(client: Any, project: Any) -> None:
    """`threshold` and `include` mean the same for stored candles."""
    time = project.candles.time
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": int(time[500]), "end_date": int(time[520])}
    found = client.post("/predict/batch", {**request, "threshold": 0, "include": ["probabilities"]}).json
    assert all(candle["label"] != "O" for candle in found["candles"])
    assert all(set(candle["probabilities"]) > {"O"} for candle in found["candles"])


BAD_RANGES = {
    "unknown series": ({"pair": "EURUSD"}, "pair: no candles of EURUSD 1d; one of: AAPL 1d"),
    "nothing there": (
        {"start_date": "2030-01-01", "end_date": "2030-02-01"},
        "start_date: no candles in this range; AAPL 1d has 2007-03-19T00:00:00Z to 2013-03-01T00:00:00Z",
    ),
    "no such day": (
        {"start_date": "2012-02-31"},
        "start_date: '2012-02-31'; a date of the calendar such as 2024-01-31",
    ),
    "no date": ({"end_date": "31.12.2012"}, 'end_date: "31.12.2012"; a date such as 2024-01-31'),
    "neither date nor time": ({"end_date": None}, "end_date: null; text, or an integer"),
    "backwards": ({"end_date": "2011-01-01"}, "end_date: before start_date 2012-01-01; a later time"),
    "the last day there is": ({"start_date": "9999-12-31", "end_date": "9999-12-31"}, None),
    "another timeframe": ({"timeframe": "1h"}, "timeframe: '1h'; candles of 1d, on which the model was trained"),
}


@pytest.mark.parametrize(("change", "message"), BAD_RANGES.values(), ids=BAD_RANGES.keys())
def test_a_bad_range_says_what_would_do(client: Any, change: dict[str, Any], message: str | None) -> None:
    """A range without candles, or that is none, is a 422."""
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": "2012-01-01", "end_date": "2012-12-31"}
    found = client.post("/predict/batch", {**request, **change})
    assert found.status == 422
    assert message is None or found.json["detail"] == message


def test_a_range_over_the_limit_states_the_limit(start: Any, project: Any) -> None:
    """The configured number of candles bounds a range."""
    time = project.candles.time
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": int(time[0]), "end_date": int(time[299])}
    found = start(candle_limit=299).client.post("/predict/batch", request)
    assert (found.status, found.json["detail"]) == (422, "end_date: 300 candles in this range; at most 299")


def test_several_requests_are_answered_in_order(client: Any, body: Any, rows: Any) -> None:
    """Each element gets what `/predict` answers to it, or a problem with its index: a bad one fails alone."""
    bad = {**body, "candles": []}
    other = {**body, "pair": "IBM", "candles": rows[:50]}
    found = client.post("/predict/batch", {"requests": [body, bad, other, 5, {**body, "x": 1}]})
    assert found.status == 200
    BatchResponse.model_validate_json(found.body)
    results = found.json["results"]
    assert results[0] == client.post("/predict", body).json
    assert results[2] == client.post("/predict", other).json
    assert [
        (result["status"], result["index"], result["detail"]) for result in (results[1], results[3], results[4])
    ] == [
        (422, 1, "candles: 0 candles; 1 to 500000"),
        (422, 3, "body: 5; an object"),
        (422, 4, "x: 1; no such key"),
    ]


def test_a_batch_has_at_least_one_and_at_most_a_thousand_requests(client: Any) -> None:
    """The number of elements is bounded, and the bound is stated."""
    none = client.post("/predict/batch", {"requests": []})
    assert (none.status, none.json["errors"][0]["where"]) == (422, "requests")
    many = client.post("/predict/batch", {"requests": [{}] * 1001})
    assert many.status == 422
    assert "1000" in many.json["detail"]


def test_a_repeated_key_inside_an_element_is_refused(client: Any) -> None:
    """A key that stands twice in one object is refused wherever it stands."""
    found = client.post("/predict/batch", b'{"requests": [{"pair": "A", "pair": "B"}]}')
    assert (found.status, found.json["detail"]) == (400, 'the body has the key "pair" twice in one object')


def test_files_that_change_are_read_again(start: Any, project: Any, tmp_path: Any) -> None:
    """Candles that are added to a file are predicted by the next request."""
    file = tmp_path / "data" / "candles" / "AAPL_1d.csv"
    file.parent.mkdir(parents=True)
    lines = (project.root / "data" / "candles" / "AAPL_1d.csv").read_text().splitlines()
    file.write_text("\n".join(lines[:401]) + "\n")
    (tmp_path / "config").mkdir()
    text = (project.root / "config" / "pipeline.yaml").read_text()
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    (tmp_path / "config" / "pipeline.yaml").write_text(f"{text}tracking: {{uri: '{uri}'}}\n")
    service = start(load_config(tmp_path / "config" / "pipeline.yaml", ()))
    request = {"pair": "AAPL", "timeframe": "1d", "start_date": 0, "end_date": "2020-01-01"}
    assert len(service.client.post("/predict/batch", request).json["candles"]) == 400
    file.write_text("\n".join(lines[:501]) + "\n")
    assert len(service.client.post("/predict/batch", request).json["candles"]) == 500
    file.unlink()
    found = service.client.post("/predict/batch", request)
    assert (found.status, found.json["type"]) == (503, "urn:candle-ml:problem:no-source")
    advice = "no source of the configuration gave candles; the log of the service says why"
    assert found.json["detail"] == advice
    assert str(tmp_path) not in found.body.decode()

"""`GET /suggest`, and the annotated spans that predicted ones are like."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from candle_ml.bundle import EXEMPLARS, seal
from candle_ml_server.schemas import PredictResponse
from candle_ml_server.suggest_schemas import SuggestResponse

SERIES = {"pair": "AAPL", "timeframe": "1d"}
SIMILAR = ("id", "pair", "timeframe", "start_time", "end_time", "label", "distance")


def ask(client: Any, **query: object) -> Any:
    return client.get(f"/suggest?{urlencode(query, doseq=True)}")


def test_suggestions_are_those_of_the_run(client: Any, project: Any) -> None:
    """The answer names the model and has what its bundle stores, in its order, up to the limit."""
    stored = project.loaded(1).suggestions
    found = ask(client, limit=1000)
    SuggestResponse.model_validate_json(found.body)
    run_id = project.registry.find(version=1).run_id
    named = {name: found.json[name] for name in ("model_name", "model_version", "run_id")}
    assert named == {"model_name": "served", "model_version": "1", "run_id": run_id}
    assert found.json["suggestions"] == stored.model_dump(mode="json")["suggestions"]
    assert found.json["review"] == stored.model_dump(mode="json")["review"]
    assert len(stored.review) > 3


def test_the_limit_holds_for_either_list(client: Any) -> None:
    """Without one there are at most 20 of each."""
    assert len(ask(client).json["review"]) <= 20
    assert len(ask(client, limit=2).json["review"]) == 2


def test_a_series_has_its_own(client: Any) -> None:
    """Pair and timeframe choose, together or alone; a series without any has empty lists."""
    every = ask(client, limit=1000).json
    for query in (SERIES, {"pair": "AAPL"}, {"timeframe": "1d"}):
        assert ask(client, limit=1000, **query).json == every
    for query in ({"pair": "EURUSD"}, {"timeframe": "1h"}):
        other = ask(client, **query).json
        assert (other["suggestions"], other["review"]) == ([], [])


def test_a_model_without_them_says_so(start: Any) -> None:
    """A version that was trained without suggestions has none: a 404 that says what would do."""
    client = start().client
    assert client.post("/model/load", {"version": 2}).status == 200
    found = ask(client)
    assert (found.status, found.json["type"]) == (404, "urn:candle-ml:problem:no-suggestions")
    assert found.json["detail"] == "model: version 2 has no suggestions; one that was trained with suggest.enabled"


BAD_QUERIES: dict[str, Any] = {
    "no limit": ({"limit": 0}, "limit: 0; greater than or equal to 1"),
    "a limit beyond all": ({"limit": 1001}, "limit: 1001; less than or equal to 1000"),
    "a limit that is no number": ({"limit": "x"}, 'limit: "x"; an integer'),
    "a blank pair": ({"pair": ""}, 'pair: ""; a name that does not begin with a blank'),
    "no timeframe": ({"timeframe": "x"}, 'timeframe: "x"; a number and one of s, m, h, d, w, M, such as 15m or 1d'),
    "a parameter twice": ({"limit": [1, 2]}, "limit: given 2 times; once"),
    "an unknown parameter": ({"series": "AAPL"}, 'series: "AAPL"; no such key'),
}


@pytest.mark.parametrize(("query", "message"), BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_a_bad_query_says_what_would_do(client: Any, query: Any, message: str) -> None:
    """Each wrong parameter is named with what was found and what would do."""
    found = ask(client, **query)
    assert (found.status, found.json["detail"]) == (422, message)


def test_a_predicted_span_names_annotations_like_it(client: Any, project: Any, body: Any) -> None:
    """Up to three of its label that the model was fitted on come with each span, the nearest first."""
    found = client.post("/predict", {**body, "threshold": 0, "include": ["similar"]})
    PredictResponse.model_validate_json(found.body)
    fitted = {name for one in project.loaded(1).info.annotations for name in one.fitted}
    spans = found.json["spans"]
    assert len(spans) > 5
    for span in spans:
        similar = span["similar"]
        assert list(span)[-1] == "similar"
        assert 0 < len(similar) <= 3
        assert all(tuple(one) == SIMILAR and one["label"] == span["label"] for one in similar)
        assert {one["id"] for one in similar} <= fitted
        assert [one["distance"] for one in similar] == sorted(one["distance"] for one in similar)


def test_an_annotated_span_is_most_like_itself(client: Any, project: Any) -> None:
    """Where a prediction covers an annotation that was learned from, that one comes first with a distance of 0."""
    candles = project.candles
    request = {**SERIES, "start_date": int(candles.time[0]), "end_date": int(candles.time[-1]), "threshold": 0}
    spans = client.post("/predict/batch", {**request, "include": ["similar"]}).json["spans"]
    exemplars = project.loaded(1).exemplars.annotations
    known = {(item.label, item.start_time, item.end_time): item.id for item in exemplars}
    ends = [(span, (span["label"], span["start_time"], span["end_time"])) for span in spans]
    same = [(span["similar"][0], known[place]) for span, place in ends if place in known]
    assert same
    assert all(first["distance"] == 0 and first["id"] == name for first, name in same)


def test_nothing_else_of_an_answer_changes(client: Any, body: Any) -> None:
    """Without `similar` the bytes are those of an answer from which it is taken out again."""
    plain = client.post("/predict", {**body, "threshold": 0})
    asked = client.post("/predict", {**body, "threshold": 0, "include": ["similar", "probabilities"]}).json
    for span in asked["spans"]:
        del span["similar"]
    for row in asked["candles"]:
        del row["probabilities"]
    assert asked == plain.json
    assert b"similar" not in plain.body


def test_a_bundle_older_than_examples_is_served(start: Any, project: Any, tmp_path: Any, body: Any) -> None:
    """Without the files of examples and suggestions a model loads; no annotation is like any of its spans."""
    bundle = project.copied_bundle(tmp_path)
    for name in (EXEMPLARS, "suggestions.json"):
        (bundle / name).unlink()
    version = project.register_as(bundle, seal(bundle))
    client = start().client
    assert client.post("/model/load", {"version": version}).status == 200
    spans = client.post("/predict", {**body, "threshold": 0, "include": ["similar"]}).json["spans"]
    assert spans
    assert all(span["similar"] == [] for span in spans)
    assert ask(client).status == 404

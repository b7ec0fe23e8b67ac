"""Bodies, problems and what they tell, below HTTP."""

from __future__ import annotations

import json

import pytest

from candle_ml.errors import BundleError, Problem
from candle_ml_server.model_schemas import LoadRequest
from candle_ml_server.problems import MODEL_REFUSED, ProblemError, document, without_paths
from candle_ml_server.reading import parsed, read_body
from candle_ml_server.schemas import BatchInlineRequest, PredictRequest

ROW = {"time": 1, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}


def refused(body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        read_body(PredictRequest, body, 100)
    return raised.value


def test_more_objects_than_candles_are_allowed_is_told_before_they_are_parsed() -> None:
    """The number of braces and brackets bounds what a body can become in memory."""
    with pytest.raises(ProblemError) as raised:
        parsed(b"[" + b"{}," * 20_000 + b"{}]", 100)
    assert raised.value.detail == "body: 20001 objects and 1 arrays; at most 100 candles"


def test_an_object_of_very_many_keys_is_one_error() -> None:
    """A million unknown keys do not become a million errors."""
    crowd = b'"time":1' + b"".join(b',"k%d":1' % number for number in range(60))
    assert refused(b"{" + crowd + b"}").detail == "body: an object of 61 keys; an object has more than 50 keys"
    row = b'{"pair":"A","timeframe":"1d","candles":[{' + crowd + b"}]}"
    assert refused(row).detail == "candles: a list of 1; an object has more than 50 keys"


COLONS = {
    "in a name": {"pair": "BINANCE:BTC:USD", "timeframe": "1d", "candles": [ROW]},
    "in no name": {"pair": "A", "timeframe": "1d", "candles": [ROW, ROW], "include": ["probabilities"]},
    "in columns": {"pair": "A", "timeframe": "1d", "candles": {name: [1] for name in ROW}, "threshold": 0.5},
    "with all keys": {
        "pair": "A",
        "timeframe": "1d",
        "candles": [{**ROW, "volume": None}],
        "predict_from": 1,
        "threshold": 1,
        "include": [],
    },
}


@pytest.mark.parametrize("name", COLONS)
def test_every_colon_of_a_proper_body_is_accounted_for(name: str) -> None:
    """A proper body is never taken for one with a repeated key, and needs no second parsing."""
    body = json.dumps(COLONS[name]).encode()
    value = read_body(PredictRequest, body, 100)
    assert body.count(b":") == value.colons()
    batch = json.dumps({"requests": [COLONS[name]]}).encode()
    assert batch.count(b":") == read_body(BatchInlineRequest, batch, 100).colons()


REPEATED = {
    "at the top": b'{"pair":"A","timeframe":"1d","candles":[],"timeframe":"1d"}',
    "in a row": b'{"pair":"A","timeframe":"1d","candles":[{"time":1,"open":1,"high":1,"low":1,"close":1,"low":1}]}',
    "in columns": b'{"pair":"A","timeframe":"1d","candles":{"time":[],"open":[],"low":[],"high":[],"close":[],"low":[]'
    b"}}",
    "hidden by an escape": b'{"pair":"A\\u003a","timeframe":"1d","candles":[],"timeframe":"1d"}',
    "spelt with an escape": b'{"pair":"A","timeframe":"1d","candles":[],"time\\u0066rame":"1d"}',
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_repeated_key_is_named(name: str) -> None:
    """A repeated key is a 400, however it is written."""
    error = refused(REPEATED[name])
    assert error.kind.status == 400
    assert error.detail in (
        'the body has the key "timeframe" twice in one object',
        'the body has the key "low" twice in one object',
    )


def test_escapes_alone_are_no_error() -> None:
    """A body may write characters as escapes."""
    body = b'{"pair":"EUR\\/USD \\u20ac","timeframe":"1d","candles":[]}'
    assert read_body(PredictRequest, body, 100).pair == "EUR/USD €"


def test_long_and_odd_values_are_shortened() -> None:
    """What was found is shown, but never more than a line of it."""
    errors = refused(
        json.dumps({"pair": 10**300, "timeframe": "x" * 100, "candles": "y", "z" * 500: [1]}).encode()
    ).errors
    assert [each.found for each in errors] == [
        "an integer of 997 bits",
        '"' + "x" * 59 + "...",
        '"y"',
        "a list of 1",
    ]
    assert errors[3].where == "z" * 60


def test_a_version_may_be_a_number_or_text() -> None:
    """`3` and `"3"` are the same version."""
    assert read_body(LoadRequest, b'{"version": 3}', 0).version == 3
    assert read_body(LoadRequest, b'{"version": "3"}', 0).version == "3"


PATHS = {
    "/srv/project/bundle/model.skops: bad": "model.skops: bad",
    "cannot open '/usr/lib/x/libgomp.so.1'": "cannot open 'libgomp.so.1'",
    "sqlite:////srv/me/mlflow.db: away": "sqlite:////srv/me/mlflow.db: away",
    "model/meta.json: its bytes have changed": "model/meta.json: its bytes have changed",
    "1/2 and a/b": "1/2 and a/b",
    "the name '../../outside'": "the name '../../outside'",
}


@pytest.mark.parametrize(("text", "shown"), PATHS.items())
def test_absolute_paths_are_reduced_to_their_last_name(text: str, shown: str) -> None:
    """An answer tells which file, not where this machine keeps it."""
    assert without_paths((Problem(text, text, text),)) == (Problem(shown, shown, shown),)


def test_a_candle_ml_error_becomes_a_problem_without_paths() -> None:
    """Its problems are the errors of the document."""
    error = ProblemError.of(MODEL_REFUSED, BundleError.at("/srv/x/bundle/golden.npz", "missing", "a complete bundle"))
    assert error.content() == {
        "type": "urn:candle-ml:problem:model-refused",
        "title": "The model cannot be served",
        "status": 409,
        "detail": "golden.npz: missing; a complete bundle",
        "errors": [{"where": "golden.npz", "found": "missing", "expected": "a complete bundle"}],
    }


def test_at_most_twenty_errors_are_listed() -> None:
    """The detail still counts them all."""
    error = ProblemError.listing(MODEL_REFUSED, [Problem(str(number), "x") for number in range(30)])
    listed = document(error.kind, error.detail, error.errors)["errors"]
    assert isinstance(listed, list)
    assert (len(listed), error.detail) == (20, "0: x (and 29 more)")

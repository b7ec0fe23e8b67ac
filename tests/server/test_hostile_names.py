"""Hostile names and query strings: only documented refusals, nothing of this machine in them, the service lives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

NAMES = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "..\\..\\windows",
    "/etc/passwd",
    "file:///etc/passwd",
    "models:/served/1",
    "x' OR '1'='1",
    "{{7*7}}",
    "a\x00b",
    "\u202etxt",
)


@pytest.fixture(autouse=True)
def _alive(client: Any, body: Any) -> Iterator[None]:
    """After each test the service answers."""
    yield
    assert client.get("/health").status == 200
    assert client.post("/predict", body).status == 200


def assert_told_nothing(found: Any, statuses: tuple[int, ...]) -> None:
    assert found.status in statuses, (found.status, found.body[:200])
    assert found.headers["content-type"] == "application/problem+json"
    for leak in (b"root:", b"Traceback", b"site-packages", b"candle_ml_server", b"pydantic"):
        assert leak not in found.body


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_names_nothing(client: Any, name: str) -> None:
    """In whatever place of a request that names something: no such thing, and no file is read."""
    bounds = {"start_date": "2012-01-01", "end_date": "2012-02-01"}
    for pair, timeframe in ((name, "1d"), ("AAPL", name)):
        assert_told_nothing(client.post("/predict/batch", {"pair": pair, "timeframe": timeframe, **bounds}), (422,))
        query = f"pair={quote(pair, safe='')}&timeframe={quote(timeframe, safe='')}"
        assert_told_nothing(client.get(f"/model/out-of-fold?{query}"), (404, 422))
    for key in ("version", "alias", "run_id"):
        assert_told_nothing(client.post("/model/load", {key: name}), (422,))
    assert_told_nothing(client.get(f"/model/trace?version={quote(name, safe='')}"), (422,))
    assert_told_nothing(client.get(f"/model/{quote(name, safe='')}"), (404,))
    candles = [{"time": 1000, "open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5}]
    assert_told_nothing(client.post("/patterns/detect", {"candles": candles, "patterns": [name]}), (422,))


QUERIES = {
    "no UTF-8": "pair=%ff%fe&timeframe=1d",
    "a zero byte": "pair=AAPL%00&timeframe=1d",
    "broken escapes": "pair=%&timeframe=%zz",
    "a list": "pair[]=AAPL&timeframe[]=1d",
    "an object": "pair[a]=AAPL&timeframe=1d",
    "only separators": "&&&;;;===",
    "a name without a value": "pair&timeframe",
    "5000 digits": "pair=AAPL&timeframe=1d&start=" + "9" * 5000,
    "1e999": "pair=AAPL&timeframe=1d&threshold=1e999",
    "minus zero of digits": "pair=AAPL&timeframe=1d&start=-" + "9" * 30,
    "hexadecimal": "pair=AAPL&timeframe=1d&start=0x10",
    "digits of another script": "pair=AAPL&timeframe=1d&start=" + quote("\u0661\u0662"),
    "deep nesting": "pair=AAPL&timeframe=1d&start=" + "%5b" * 4000,
    "true": "pair=AAPL&timeframe=1d&threshold=true",
    "null": "pair=AAPL&timeframe=1d&start=null",
    "two thousand parameters": "&".join(f"p{number}=1" for number in range(2000)),
    "one parameter two thousand times": "&".join(["pair=AAPL"] * 2000),
    "a pair of 20 kB": "pair=" + "A" * 20_000 + "&timeframe=1d",
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("path", ["/model/out-of-fold", "/model/trace"])
def test_a_hostile_query_is_refused(client: Any, path: str, name: str) -> None:
    """Whatever a query string holds: 404 or 422, a problem document, at most twenty errors in it."""
    found = client.get(f"{path}?{QUERIES[name]}")
    assert_told_nothing(found, (404, 422))
    assert len(found.json["errors"]) <= 20
    assert len(found.body) < 10_000

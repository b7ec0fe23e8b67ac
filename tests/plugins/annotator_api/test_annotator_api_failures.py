"""Each way in which the annotator's API can fail says where, what was found and what would do."""

from __future__ import annotations

import gzip
import json
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from .failing import failure, read

CHARTS, CANDLES = "/api/charts", "/api/candles?chartId=1"
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_nobody_answers(closed: str, tmp_path: Path) -> None:
    """A refused connection is tried again as often as the options say."""
    expected = "no connection (connection refused){}; start the annotator there, or set url"
    assert failure(closed, tmp_path) == f"{closed}/api/charts: {expected.format('')}"
    assert failure(closed, tmp_path, retries=2) == f"{closed}/api/charts: {expected.format(' (3 attempts)')}"


def waiting(handler: BaseHTTPRequestHandler) -> None:
    handler.server.done.wait(30)  # type: ignore[attr-defined]
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Sends a line of a header that never ends, a byte at a time."""
    handler.close_connection = True
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not handler.server.done.wait(0.02):  # type: ignore[attr-defined]
            handler.wfile.write(b"x")
    except OSError:
        return


def dripping_body(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n[")
        while not handler.server.done.wait(0.02):  # type: ignore[attr-defined]
            handler.wfile.write(b" ")
    except OSError:
        return


def test_no_answer_in_time(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """An annotator that says nothing is given up after the time-out, again and again."""
    annotator.reply(CHARTS, reply(raw=waiting))
    expected = "no answer within 0.1 s (2 attempts); a longer timeout"
    assert failure(annotator.url, tmp_path, timeout=0.1, retries=1) == f"{annotator.url}{CHARTS}: {expected}"


@pytest.mark.parametrize("slow", [dripping, dripping_body])
def test_an_answer_that_never_ends(annotator: Any, tmp_path: Path, reply: Any, slow: object) -> None:
    """An answer that comes in drops is cut at the deadline, though no single wait is long."""
    annotator.reply(CHARTS, reply(raw=slow))
    expected = "not read within the deadline of 0.4 s; a longer deadline, or fewer charts"
    assert failure(annotator.url, tmp_path, deadline=0.4, retries=5) == f"{annotator.url}{CHARTS}: {expected}"


def test_the_deadline_is_for_everything(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """Sending again ends before the deadline, and the last failure is told."""
    annotator.reply(CHARTS, reply(503, headers={"Content-Type": "text/html", "Retry-After": "60"}))
    expected = "not read within the deadline of 5 s, at last: HTTP 503; a longer deadline, or fewer charts"
    assert failure(annotator.url, tmp_path, deadline=5, retries=5) == f"{annotator.url}{CHARTS}: {expected}"
    assert len(annotator.requests) == 1


def said(text: str) -> bytes:
    return json.dumps({"error": text}).encode()


STATUSES = {
    401: "HTTP 401: 'who?'; name the variable of a key by api_key_variable",
    403: "HTTP 403: 'who?'; name the variable of a key by api_key_variable",
    404: "HTTP 404: 'who?'; check url and charts",
    421: "HTTP 421: 'who?'; an answer of the annotator",
    500: "HTTP 500: 'who?'; the annotator's log says why",
    503: "HTTP 503: 'who?'; the annotator's log says why",
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_a_status_of_the_annotator(annotator: Any, tmp_path: Path, reply: Any, status: int, expected: str) -> None:
    """A refusal is told with the annotator's own words."""
    annotator.reply(CHARTS, reply(status, said("who?")))
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{CHARTS}: {expected}"


def test_only_passing_failures_are_tried_again(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """A broken answer and a busy annotator are asked again; one that refuses is not."""
    cut = reply(raw=lambda handler: setattr(handler, "close_connection", True))
    annotator.reply(CHARTS, reply(503), cut, reply(429), reply(200, b'[{"id": 1, "name": "AAPL_1d"}]'))
    read(annotator.url, tmp_path, retries=3)
    assert [one.status for one in annotator.requests if one.path == CHARTS] == [503, 200, 429, 200]
    annotator.requests.clear()
    annotator.reply(CHARTS, reply(401))
    failure(annotator.url, tmp_path, retries=3)
    assert len(annotator.requests) == 1


def test_a_server_that_stays_broken(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """After the last attempt the error says how many there were."""
    annotator.reply(CANDLES, reply(502, b"<html>", HTML))
    expected = "HTTP 502 (3 attempts); the annotator's log says why"
    assert failure(annotator.url, tmp_path, retries=2) == f"{annotator.url}{CANDLES}: {expected}"


def test_a_chart_that_has_gone(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """A chart that is deleted while it is read is told with the annotator's words."""
    annotator.reply(CANDLES, reply(404, said("There is no chart 1")))
    expected = "HTTP 404: 'There is no chart 1'; check url and charts"
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{CANDLES}: {expected}"


def test_a_redirect_is_not_followed(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """Nothing is asked for where a redirect points, which is shown."""
    annotator.reply(CHARTS, reply(302, b"", {"Location": f"{annotator.url}/api/span-label-types"}))
    expected = f"HTTP 302 to '{annotator.url}/api/span-label-types'; redirects are not followed: set url"
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{CHARTS}: {expected}"
    assert len(annotator.requests) == 1


def packed(data: bytes) -> dict[str, Any]:
    return {"body": gzip.compress(data), "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}}


LARGE = b"[" + b" " * 10_000_000 + b"]"
BODIES = {
    "too large": ({"body": b" " * 2000}, "more than 1024 bytes; a higher max_bytes"),
    "too large once unpacked": (packed(LARGE), "more than 1024 bytes; a higher max_bytes"),
    "a page": (
        {"body": b"<html>", "headers": HTML},
        "content type 'text/html'; application/json: is url that of an annotator?",
    ),
    "no content type": ({"headers": {}}, "content type ''; application/json: is url that of an annotator?"),
    "another packing": (
        {"headers": {"Content-Type": "application/json", "Content-Encoding": "br"}},
        "content encoding 'br'; gzip or none",
    ),
    "empty": ({"body": b" "}, "an empty answer; a list of rows"),
    "an object": ({"body": b'{"rows": []}'}, "{'rows': []}; a list of rows"),
    "NaN": ({"body": b'[{"id": NaN}]'}, "the number NaN; plain JSON"),
    "a key twice": ({"body": b'[{"id": 1, "id": 2}]'}, "key 'id' twice in one object; plain JSON"),
    "deep": ({"body": b"[" * 100 + b"]" * 100}, "JSON nested 100 levels deep; at most 64 levels"),
    "damaged gzip": (
        {**packed(b"[]"), "body": b"\x1f\x8b" + b"\0" * 30},
        "the connection broke or the answer is damaged; an annotator that answers in full",
    ),
    "cut off": (
        {"body": b"[]", "headers": {"Content-Type": "application/json", "Content-Length": "10", "Connection": "close"}},
        "the connection broke or the answer is damaged; an annotator that answers in full",
    ),
}


@pytest.mark.parametrize(("fields", "expected"), BODIES.values(), ids=BODIES)
def test_an_answer_that_cannot_be_used(
    annotator: Any, tmp_path: Path, reply: Any, fields: dict[str, Any], expected: str
) -> None:
    """An answer of another form, size or packing is refused."""
    annotator.tags = False
    annotator.reply(CHARTS, reply(**fields))
    assert failure(annotator.url, tmp_path, max_bytes=1024) == f"{annotator.url}{CHARTS}: {expected}"


def test_broken_json_is_told_with_its_place(annotator: Any, tmp_path: Path) -> None:
    """JSON that does not parse is told with its line and column."""
    annotator.reply(CHARTS, b'[{"id": 1}\n {"id": 2}]')
    expected = "row 2: no JSON (Expecting ',' delimiter, column 2); a list of rows"
    assert failure(annotator.url, tmp_path) == f"{annotator.url}{CHARTS}: {expected}"

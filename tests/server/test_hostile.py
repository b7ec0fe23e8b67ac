"""A corpus of requests that nobody means well: only documented answers, and the service lives."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

GOOD = {"pair": "AAPL", "timeframe": "1d"}
ROW = {"time": 1000, "open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5}
POSTS = ("/predict", "/predict/batch", "/model/load", "/patterns/detect")


@pytest.fixture(autouse=True)
def _alive(client: Any, body: Any) -> Iterator[None]:
    """After each test the service answers."""
    yield
    assert client.get("/health").status == 200
    assert client.post("/predict", body).status == 200


def with_price(text: str) -> bytes:
    row = json.dumps(ROW).replace("2.0", text)
    return f'{{"pair": "AAPL", "timeframe": "1d", "candles": [{row}]}}'.encode()


BODIES = {
    "nothing": b"",
    "a blank": b" ",
    "no JSON": b"{",
    "text": b"hello",
    "null": b"null",
    "a number": b"1",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "64 kB of brackets": b"[" * 65536,
    "64 kB of braces": b'{"a":' * 13000,
    "nested below the bracket limit": b"[" * 5000 + b"]" * 5000,
    "nested inside a request": json.dumps({**GOOD, "candles": []}).encode()[:-3] + b"[" * 300 + b"]" * 300 + b"]}",
    "NaN": with_price("NaN"),
    "Infinity": with_price("Infinity"),
    "minus Infinity": with_price("-Infinity"),
    "1e999": with_price("1e999"),
    "-1e999": with_price("-1e999"),
    "1e-999": with_price("1e-999"),
    "400 digits": with_price("9" * 400),
    "5000 digits": with_price("9" * 5000),
    "a huge exponent": with_price("1e" + "9" * 400),
    "hexadecimal": with_price("0x10"),
    "a leading zero": with_price("01"),
    "a plus sign": with_price("+1"),
    "UTF-16": json.dumps({**GOOD, "candles": [ROW]}).encode("utf-16"),
    "Latin-1": '{"pair": "é"}'.encode("latin1"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({**GOOD, "candles": [ROW]}).encode(),
    "an overlong slash": b'{"pair": "\xc0\xaf"}',
    "half a surrogate": b'{"pair": "\\ud800", "timeframe": "1d", "candles": []}',
    "a zero byte": b'{"pair": "\x00"}',
    "a key twice": b'{"pair": "A", "timeframe": "1d", "candles": [], "pair": "B"}',
    "a key twice, escaped": b'{"pair": "A", "timeframe": "1d", "candles": [], "\\u0070air": "B"}',
    "a key twice in a row": with_price('2.0, "high": 3.0'),
    "a hundred thousand keys": b'{"a":1' + b"".join(b',"k%d":1' % number for number in range(100_000)) + b"}",
    "a row of a hundred thousand keys": b'{"pair":"A","timeframe":"1d","candles":[{"time":1'
    + b"".join(b',"k%d":1' % number for number in range(100_000))
    + b"}]}",
    "a hundred thousand empty rows": b'{"pair":"A","timeframe":"1d","candles":[' + b"{}," * 100_000 + b"{}]}",
    "a hundred thousand empty lists": b'{"pair":"A","timeframe":"1d","candles":[' + b"[]," * 100_000 + b"[]]}",
    "a hundred thousand extras": b'{"pair":"A","timeframe":"1d","candles":[],"include":['
    + b'"a",' * 100_000
    + b'"a"]}',
    "a pair of a megabyte": json.dumps({"pair": "A" * 1_000_000, "timeframe": "1d", "candles": [ROW]}).encode(),
    "comments": b'/* */ {"pair": "A"} // x',
    "a trailing comma": b'{"pair": "A",}',
    "two values": b"{} {}",
    "JavaScript": b'{"__proto__": {"admin": true}, "constructor": 1}',
    "a template": b'{"pair": "{{7*7}}${7*7}", "timeframe": "1d", "candles": [], "x": 1}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(client: Any, name: str) -> None:
    """Whatever a body holds: 400, 413 or 422, a problem document, and no path or stack in it."""
    for path in POSTS:
        found = client.post(path, BODIES[name])
        refused = found.status in (400, 413, 422)
        # Prices that round to zero and an empty list of patterns are no errors everywhere.
        assert refused, (path, found.status, found.body[:200])
        assert found.headers["content-type"] == "application/problem+json"
        for leak in (b"Traceback", b"site-packages", b"candle_ml_server", b"pydantic", b"File "):
            assert leak not in found.body


def test_a_million_candles_are_too_large(client: Any) -> None:
    """As rows they exceed the body limit, which is stated; as columns the limit of candles or of the body."""
    rows = b",".join([json.dumps(ROW).encode()] * 1_000_000)
    found = client.post("/predict", b'{"pair":"A","timeframe":"1d","candles":[' + rows + b"]}")
    assert (found.status, found.json["detail"]) == (413, "a body may have at most 33554432 bytes")
    column = b"[" + b",".join([b"1.5"] * 1_000_000) + b"]"
    times = b"[" + b",".join(b"%d" % time for time in range(1_000_000)) + b"]"
    columns = b'{"time":%b,"open":%b,"high":%b,"low":%b,"close":%b}' % (times, column, column, column, column)
    found = client.post("/predict", b'{"pair":"A","timeframe":"1d","candles":' + columns + b"}")
    assert (found.status, found.json["detail"]) == (422, "candles: 1000000 candles; 1 to 500000")


MEDIA = {
    "none": {"Content-Type": ""},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "text": {"Content-Type": "text/plain"},
    "another charset": {"Content-Type": "application/json; charset=utf-16"},
    "compressed": {"Content-Encoding": "gzip"},
    "a multipart form": {"Content-Type": "multipart/form-data; boundary=x"},
    "nonsense": {"Content-Type": ";;;==,,"},
}


@pytest.mark.parametrize("name", MEDIA)
def test_a_body_that_is_not_json_is_415(client: Any, body: Any, name: str) -> None:
    """A page of another origin cannot send JSON without asking first, so nothing but JSON is taken."""
    for path in POSTS:
        found = client.post(path, body, MEDIA[name])
        assert (found.status, found.json["type"]) == (415, "urn:candle-ml:problem:unsupported-media-type")
        assert found.json["detail"] == "send JSON in UTF-8, not compressed, as application/json"


def http(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode("latin1") + b"\r\n\r\n" + body


def read_answer(connection: socket.socket) -> bytes:
    """Head and body of one problem."""
    received = b""
    while not received.endswith(b"}") and (chunk := connection.recv(65536)):
        received += chunk
    return received


RAW = {
    "no HTTP": (b"hello\r\n\r\n", (b"400",)),
    "nothing but zeros": (b"\0" * 1000, (b"400",)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, (b"400",)),
    "an absolute target": (
        http("GET http://evil.example/health HTTP/1.1\nHost: localhost\nConnection: close"),
        (b"400",),
    ),
    "an odd target": (http("GET http://[ HTTP/1.1\nHost: localhost\nConnection: close"), (b"400",)),
    "a question mark": (http("GET ? HTTP/1.1\nHost: localhost\nConnection: close"), (b"400",)),
    "a star": (http("OPTIONS * HTTP/1.1\nHost: localhost\nConnection: close"), (b"400",)),
    "no host": (http("GET /health HTTP/1.1\nConnection: close"), (b"400",)),
    "two hosts": (http("GET /health HTTP/1.1\nHost: localhost\nHost: evil.example\nConnection: close"), (b"400",)),
    "HTTP/1.0 without a host": (http("GET /health HTTP/1.0"), (b"421",)),
    "HTTP/9": (http("GET /health HTTP/9.9\nHost: localhost\nConnection: close"), (b"200", b"400", b"505")),
    "two lengths": (
        http("POST /predict HTTP/1.1\nHost: localhost\nContent-Length: 2\nContent-Length: 3\nConnection: close", b"{}"),
        (b"400",),
    ),
    "length and chunks": (
        http(
            "POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 4\n"
            "Transfer-Encoding: chunked",
            b"0\r\n\r\nGET /models HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        (b"400",),
    ),
    "an obscured encoding": (
        http("POST /predict HTTP/1.1\nHost: localhost\nTransfer-Encoding: xchunked\nConnection: close", b"0\r\n\r\n"),
        (b"400",),
    ),
    "a negative length": (http("POST /predict HTTP/1.1\nHost: localhost\nContent-Length: -1"), (b"400",)),
    "a length that is no number": (http("POST /predict HTTP/1.1\nHost: localhost\nContent-Length: 0x10"), (b"400",)),
    "a length of 30 digits": (http("POST /predict HTTP/1.1\nHost: localhost\nContent-Length: " + "9" * 30), (b"400",)),
    "a folded header": (http("GET /health HTTP/1.1\nHost: localhost\nX-A: 1\n 2\nConnection: close"), (b"400", b"200")),
    "a blank in a name": (http("GET /health HTTP/1.1\nHost: localhost\nX A: 1\nConnection: close"), (b"400",)),
    "a zero byte in a header": (http("GET /health HTTP/1.1\nHost: localhost\nX-A: \0\nConnection: close"), (b"400",)),
    "64 kB of headers": (
        http("GET /health HTTP/1.1\nHost: localhost\n" + "\n".join(f"X-{n}: {'a' * 100}" for n in range(640))),
        (b"431",),
    ),
    "a path of 64 kB": (http(f"GET /{'a' * 65536} HTTP/1.1\nHost: localhost"), (b"431",)),
    "chunks that are none": (
        http(
            "POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nTransfer-Encoding: chunked\n"
            "Connection: close",
            b"xyz\r\n{}\r\n",
        ),
        (b"400", b""),
    ),
    "a websocket": (
        http(
            "GET /predict HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13"
        ),
        (b"404",),
    ),
}


MESSAGES = {
    "an absolute target": b'"detail":"the request target is no path"',
    "a star": b'"detail":"the request target is no path"',
    "length and chunks": b'"detail":"Transfer-Encoding and Content-Length exclude each other"',
    "no HTTP": b'"detail":"this is no HTTP that the service can read"',
    "64 kB of headers": b'"detail":"request line and headers must be shorter"',
    "a websocket": b'"detail":"the service has no websockets"',
}


@pytest.mark.parametrize("name", RAW)
def test_a_hostile_connection_is_refused(client: Any, name: str) -> None:
    """What is no proper request gets a refusal or nothing; a second request smuggled behind it gets no answer."""
    data, statuses = RAW[name]
    received = client.raw(data, seconds=3.0)
    status = received.partition(b"\r\n")[0].split(b" ")[1] if received else b""
    assert status in statuses, received[:300]
    assert received.count(b"HTTP/1.1 ") <= 1
    assert status in (b"200", b"") or b"\r\ncontent-type: application/problem+json\r\n" in received
    assert MESSAGES.get(name, b"") in received


SETTINGS = "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: "
HTTP2 = {
    "prior knowledge and nonsense": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, b""),
    "settings and nothing": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", b"\4"),
    "an upgrade": (
        http(f"GET /health HTTP/1.1\nHost: localhost\n{SETTINGS}AAMAAABkAAQCAAAAAAIAAAAA"),
        b'{"status":"ok"}',
    ),
    "odd settings": (http(f"GET /health HTTP/1.1\nHost: localhost\n{SETTINGS}!"), b'{"status":"ok"}'),
    "another host": (
        http(f"GET /health HTTP/1.1\nHost: evil.example\n{SETTINGS}AAMAAABkAAQCAAAAAAIAAAAA"),
        b"foreign-host",
    ),
}


@pytest.mark.parametrize("name", HTTP2)
def test_http2_is_held_to_the_same(client: Any, name: str) -> None:
    """What speaks HTTP/2, well or badly, gets the answer it would get otherwise, and leaves the service alive."""
    data, expected = HTTP2[name]
    received = client.raw(data, seconds=1.0)
    assert expected in received
    assert expected == b'{"status":"ok"}' or b'{"status":"ok"}' not in received


def test_a_body_larger_than_announced_limits_is_cut(start: Any) -> None:
    """A chunked body without end is a 413 as soon as it passes the limit, and the client can read it."""
    service = start(body_limit=4096)
    head = http("POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nTransfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", service.client.port), timeout=20) as connection:
        connection.sendall(head)
        for _ in range(20):
            connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        received = read_answer(connection)
    assert received.startswith(b"HTTP/1.1 413")
    assert b"a body may have at most 4096 bytes" in received


def test_a_large_announced_body_is_refused_before_it_is_sent(start: Any) -> None:
    """Content-Length above the limit is a 413 at once."""
    service = start(body_limit=4096)
    head = http(
        "POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 1000000000000"
    )
    with socket.create_connection(("127.0.0.1", service.client.port), timeout=20) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_slow_body_is_timed_out(start: Any) -> None:
    """A body that does not arrive in the configured time is a 408, and others are answered meanwhile."""
    service = start(body_timeout=0.5)
    head = http("POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 100", b"{")
    with socket.create_connection(("127.0.0.1", service.client.port), timeout=20) as connection:
        connection.sendall(head)
        assert service.client.get("/health").status == 200
        received = read_answer(connection)
    assert received.startswith(b"HTTP/1.1 408")
    assert b"the body must arrive within 0.5 seconds" in received


def test_clients_that_leave_take_nothing_with_them(start: Any, body: Any) -> None:
    """Connections that close in the middle of a request free their places in the queue."""
    service = start(queue=1, threads=2)
    data = json.dumps(body).encode()
    head = http(
        f"POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: {len(data)}", data
    )
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", service.client.port), timeout=20) as connection:
            connection.sendall(head)
    end = time.monotonic() + 10
    while service.client.post("/predict", body).status != 200:
        assert time.monotonic() < end


def test_bodies_that_never_come_take_no_room(start: Any) -> None:
    """Clients that announce large bodies and send one byte do not keep others' large bodies out."""
    service = start(body_limit=1 << 20)
    chunked = http(
        "POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nTransfer-Encoding: chunked",
        b"1\r\n{\r\n",
    )
    idle = [socket.create_connection(("127.0.0.1", service.client.port), timeout=20) for _ in range(16)]
    try:
        for connection in idle:
            connection.sendall(chunked)
        assert service.client.get("/health").status == 200
        assert service.client.post("/predict", b" " * 999_998 + b"{}").status == 422
    finally:
        for connection in idle:
            connection.close()


def test_too_many_large_bodies_at_once_are_refused(start: Any) -> None:
    """Memory for bodies is bounded: a further large one is a 503 with Retry-After until another has ended."""
    service = start(body_limit=1 << 20)
    head = http(
        "POST /predict HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 1048575",
        b" " * 1_048_574,
    )
    held = [socket.create_connection(("127.0.0.1", service.client.port), timeout=20) for _ in range(8)]
    try:
        for connection in held:
            connection.sendall(head)
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", service.client.port), timeout=20) as one_more:
            one_more.sendall(head)
            received = read_answer(one_more)
        assert received.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in received
        assert b'"detail":"too many large bodies are under way"' in received
        assert service.client.post("/predict", {}).status == 422
    finally:
        for connection in held:
            connection.close()
    end = time.monotonic() + 10
    large = b" " * 999_998 + b"{}"
    while service.client.post("/predict", large).status == 503:
        assert time.monotonic() < end

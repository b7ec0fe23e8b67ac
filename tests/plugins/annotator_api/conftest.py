"""An annotator to read from: answers recorded from the real one over a real socket, and anything else on demand."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

RECORDING = Path(__file__).parent / "recording"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What is sent; `raw` writes to the socket by itself."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    raw: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass(frozen=True)
class Request:
    """What was asked for, and the status of the answer."""

    path: str
    headers: dict[str, str]
    status: int


class FakeAnnotator(ThreadingHTTPServer):
    """Speaks as the annotator does; `replies` by path (query included) come first, one a request, the last for good."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[Request] = []
        self.tags = True
        self.packed = False
        self.done = threading.Event()

    def reply(self, path: str, *replies: Reply | bytes) -> None:
        """Send these instead of what was recorded."""
        self.replies[path] = [one if isinstance(one, Reply) else Reply(body=one) for one in replies]

    def statuses(self) -> dict[str, int]:
        """The status by path of the requests since the last call."""
        seen = {one.path: one.status for one in self.requests}
        self.requests.clear()
        return seen


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeAnnotator

    def do_GET(self) -> None:
        reply = self._chosen()
        tag = f'W/"{hashlib.sha256(reply.body).hexdigest()}"'
        headers = dict(reply.headers)
        if self.server.tags and reply.status == 200:
            headers.setdefault("ETag", tag)
            if self.headers.get("If-None-Match") == headers["ETag"]:
                reply = Reply(304)
        self.server.requests.append(Request(self.path, dict(self.headers), reply.status))
        if reply.raw is not None:
            reply.raw(self)
            return
        self._send(reply, headers)

    def _chosen(self) -> Reply:
        scripted = self.server.replies.get(self.path)
        if scripted:
            return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        parts = urlsplit(self.path)
        chart = "".join(f"-{number}" for number in parse_qs(parts.query).get("chartId", []))
        file = RECORDING / f"{Path(parts.path).name}{chart}.json"
        if parts.path != f"/api/{Path(parts.path).name}" or not file.exists():
            return Reply(404, b'{"error":"There is no such thing"}')
        return Reply(body=file.read_bytes())

    def _send(self, reply: Reply, headers: dict[str, str]) -> None:
        body = reply.body
        if self.server.packed and "gzip" in self.headers.get("Accept-Encoding", ""):
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def annotator() -> Iterator[FakeAnnotator]:
    """A running annotator."""
    server = FakeAnnotator()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reply() -> type[Reply]:
    """The class of replies."""
    return Reply


@pytest.fixture
def recording() -> Path:
    """The folder of the recorded answers and exports."""
    return RECORDING

"""Servers on real sockets that are no MLflow server, or none that answers well."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What is answered to each request; `asked` are the paths of those there were."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    others: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Another status and body for requests whose path ends so."""
    asked: list[str] = field(default_factory=list)

    def to(self, path: str) -> tuple[int, bytes]:
        """The status and the body that a request gets."""
        self.asked.append(path)
        of_path = (other for end, other in self.others.items() if path.partition("?")[0].endswith(end))
        status, body = next(of_path, (self.status, self.body))
        return status, body.encode()


@dataclass
class Wrong:
    """The requests (a pattern of method and path, empty for none) that get another answer with status 200."""

    requests: str
    body: str = "{}"


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that gives this answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer.to(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[tuple[str, list[int]]]:
    """The `host:port` of a bare socket, each of whose connections is served so, and the ports these came from."""
    callers: list[int] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, (_, port) = listener.accept()
                callers.append(port)
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)
            # Closed with anything unread, the other side would not see what was sent.
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2)
            while connection.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", callers
        # Closing alone does not wake the thread that accepts.
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(server: str, wrong: Wrong) -> Iterator[str]:
    """The address of a proxy of a server that gives what is `wrong` for an answer to some requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if wrong.requests and re.search(wrong.requests, f"{self.command} {self.path}"):
                self._say(200, {"Content-Type": "application/json"}, wrong.body.encode())
                return
            upstream = HTTPConnection(server.removeprefix("http://"), timeout=60)
            headers = {name: value for name, value in self.headers.items() if name != "Accept-Encoding"}
            upstream.request(self.command, self.path, content, headers)
            with upstream.getresponse() as answer:
                self._say(answer.status, {"Content-Type": answer.headers["Content-Type"]}, answer.read())
            upstream.close()

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def do_PATCH(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()


def said(value: object) -> str:
    """A body of JSON."""
    return json.dumps(value)

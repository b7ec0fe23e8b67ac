"""Addresses at which something answers that is no MLflow server, or one that fails or asks for a password."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from candle_ml.spool import Spool

from .conftest import invoke

PASSWORD = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
OTHER = "correct tracking.uri"
BROKEN = "look into its log, or try again later"
WORDS = {
    200: f"answers, but not as an MLflow server (something else); {OTHER}",
    401: f"refuses access (HTTP 401); {PASSWORD}",
    403: f"refuses access (HTTP 403); {PASSWORD}",
    404: f"answers, but not as an MLflow server (HTTP 404); {OTHER}",
    500: f"answers with an error of its own (HTTP 500); {BROKEN}",
    502: f"answers with an error of its own (HTTP 502); {BROKEN}",
}
"""What is told of an address that answers every request with a page and this status."""


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address of a server that answers everything with a page and one status."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>a page</html>")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status", WORDS)
def test_a_command_tells_what_answers(project: Path, status: int) -> None:
    """A command that needs the server fails with one line: the address, what answers there, and what would do."""
    with answering(status) as address:
        told = invoke("model", "list", "--set", f"tracking.uri={address}")
    assert (told.exit_code, told.stderr) == (7, f"{address}: {WORDS[status]}\n")


@pytest.mark.parametrize("status", [200, 401, 502])
def test_a_training_goes_on_whatever_answers(project: Path, status: int) -> None:
    """The training ends well and its run waits, whatever answers at the address, and says what does."""
    with answering(status) as address:
        told = invoke("train", "--set", f"tracking.uri={address}")
    assert told.exit_code == 0, told.stderr
    assert f"not yet synced: {address}: {WORDS[status]}\n" in told.stdout
    assert len(Spool(project).run_ids()) == 1

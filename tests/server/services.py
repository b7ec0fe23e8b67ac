"""Services on real sockets, in this process and in processes of their own, and a client of them."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from candle_ml.config import PipelineConfig
from candle_ml_server.serve import serve_until
from candle_ml_server.settings import Settings

QUICK = Settings(poll_seconds=0.1, retry_seconds=0.5, drain_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Client:
    """Sends requests to a service, each on a connection of its own."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            # A body that is refused is not read to its end: the answer stands there, and sending fails.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lower, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, content: object, headers: dict[str, str] | None = None) -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})

    def raw(self, data: bytes, seconds: float = 10.0) -> bytes:
        """Everything that the service answers to raw bytes until it closes the connection or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionResetError):
                return received
            return received

    def wait_until_listening(self, alive: Callable[[], bool], seconds: float = 90.0) -> None:
        """Return once the port is open."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and alive():
            try:
                self.get("/health")
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the service did not start")

    def wait_until_ready(self, ready: bool, told: str = "", status: str = "", seconds: float = 120.0) -> Answer:
        """The answer of `/ready` once it is 200 (with a status), or another one whose detail begins as told."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = self.get("/ready")
            said = answer.json.get("detail", "").startswith(told) and status in (answer.json["status"], "")
            if said and (answer.status == 200) is ready:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"/ready after {seconds} s: {answer.body!r}")

    def wait_for_model(self, version: str | None = None, seconds: float = 60.0) -> None:
        """Return once a model (of this version) is served."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = self.get("/model/info")
            if answer.status == 200 and version in (None, answer.json["model_info"]["model_version"]):
                return
            time.sleep(0.05)
        raise AssertionError(f"version {version} is not served after {seconds} s: {answer.body!r}")


class Running:
    """A service in a thread of this process, on a port of its own."""

    def __init__(self, config: PipelineConfig, settings: Settings) -> None:
        self.settings = replace(settings, port=free_port())
        self.client = Client(self.settings.port)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), daemon=True)

    def _run(self, config: PipelineConfig) -> None:
        self._loop.run_until_complete(serve_until(self._stop, config, self.settings))
        self._loop.close()

    def start(self) -> None:
        """Return once the port is open."""
        self._thread.start()
        self.client.wait_until_listening(self._thread.is_alive)

    def stop(self) -> None:
        """Return once the service has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=60)
        assert not self._thread.is_alive()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


START = "import sys; from candle_ml.cli import main; sys.argv[0] = 'candle-ml'; main()"


class Process:
    """A service in a process of its own; `lines` is its log."""

    def __init__(self, root: Path, port: int, environment: dict[str, str], overrides: tuple[str, ...] = ()) -> None:
        values = [part for value in ("inference.body_timeout=3", *overrides) for part in ("--set", value)]
        command = [sys.executable, "-c", START, "serve", "--port", str(port), *values]
        paths = os.pathsep.join(path for path in sys.path if path)
        merged = {**os.environ, "PYTHONPATH": paths, **environment}
        self.process = subprocess.Popen(command, cwd=root, env=merged, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def end(self) -> int:
        """The exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code

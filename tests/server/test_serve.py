"""`candle-ml serve` as a process: start, log, stop, and what it refuses."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .services import START


class Clients:
    """Threads that predict, each request on a connection of its own, until none can be made.

    `answered` counts statuses of whole answers; `broken` holds the ids of requests that got none.
    """

    def __init__(self, port: int, body: Any, threads: int) -> None:
        self.answered: Counter[int] = Counter()
        self.broken: set[str] = set()
        self.stop = threading.Event()
        self._port = port
        self._data = json.dumps(body).encode()
        self._threads = [threading.Thread(target=self._send) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self.stop.is_set():
            identity = secrets.token_hex(8)
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            headers = {"Content-Type": "application/json", "X-Request-ID": identity}
            try:
                connection.request("POST", "/predict", self._data, headers)
                response = connection.getresponse()
                json.loads(response.read())
                self.answered[response.status] += 1
            except (OSError, http.client.HTTPException):
                self.broken.add(identity)
            finally:
                connection.close()

    def end(self) -> None:
        """Return once every thread has ended."""
        self.stop.set()
        for thread in self._threads:
            thread.join()


def until_it_stops(process: Any, client: Any) -> Any:
    """The first answer of `/ready` that is no 200."""
    while process.process.poll() is None:
        found = client.get("/ready", {"X-Request-ID": "while-stopping"})
        if found.status != 200:
            return found
    raise AssertionError("it ended without a word")


def test_a_stop_under_load_answers_everything_that_was_accepted(serve_process: Any, body: Any) -> None:
    """On SIGTERM `/ready` turns 503, each request that the log knows is answered whole, and the process ends with 0.

    The log is one JSON object a line and has each request's id.
    """
    process, client = serve_process()
    clients = Clients(client.port, body, threads=6)
    time.sleep(1.0)
    process.process.send_signal(signal.SIGTERM)
    ready = until_it_stops(process, client)
    code = process.end()
    clients.end()
    assert (ready.status, ready.json["detail"]) == (503, "service: is stopping; another replica")
    assert ready.headers["connection"] == "close"
    assert code == 0
    assert set(clients.answered) == {200}
    records = [json.loads(line) for line in process.lines]
    requests = [record for record in records if record["event"] == "request"]
    assert records[-1]["event"] == "stopped"
    assert clients.broken.isdisjoint(record["request_id"] for record in requests)
    assert clients.answered[200] == sum(record["path"] == "/predict" for record in requests) > 10
    assert any(record["request_id"] == "while-stopping" for record in requests)
    assert all(record["timestamp"].endswith("Z") and record["level"] for record in records)


def test_a_key_is_wanted_and_never_logged(serve_process: Any, tmp_path: Path) -> None:
    """The key of the environment is wanted and stands in no log line, whoever sends what.

    A body that never arrives is timed out, also while the service is stopping, and no folder of a model is left.
    """
    process, client = serve_process({"X-API-Key": "top-secret"}, CANDLE_ML_API_KEY="top-secret", TMPDIR=str(tmp_path))
    assert len(list(tmp_path.glob("candle-ml-model-*"))) == 1
    assert client.get("/models", {"X-API-Key": "wrong-key-4711"}).status == 401
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nX-API-Key: top-secret\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        process.process.send_signal(signal.SIGINT)
        assert process.end() == 0
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")
    log = "".join(process.lines)
    assert "top-secret" not in log
    assert "wrong-key-4711" not in log
    assert list(tmp_path.glob("candle-ml-model-*")) == []


def run_cli(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {name: value for name, value in os.environ.items() if name != "CANDLE_ML_API_KEY"}
    return subprocess.run(
        [sys.executable, "-c", START, "serve", *arguments],
        cwd=root,
        env={**environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_does_not_listen_beyond_this_machine_without_a_key(project: Any) -> None:
    """The refusal says what would do, with the exit code of a configuration error."""
    found = run_cli(project.root, "--host", "0.0.0.0")
    assert found.returncode == 2
    assert found.stderr == (
        "inference.host: 0.0.0.0 can be reached from other machines, and no API key is set; "
        "set CANDLE_ML_API_KEY, or pass --insecure\n"
    )


def test_a_port_that_is_taken_is_told(project: Any) -> None:
    """The address and the reason are named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = run_cli(project.root, "--port", str(port))
    assert found.returncode == 2
    expected = (
        f"inference.port: 127.0.0.1:{port} cannot be listened on (Address already in use); another port or address"
    )
    assert found.stderr.splitlines()[-1] == expected


def test_a_missing_package_is_told(project: Any) -> None:
    """Where the extra is not installed, the message says how to install it."""
    code = f"import sys; sys.modules['quart'] = None; {START}"
    command = [sys.executable, "-c", code, "serve"]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    found = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 4
    assert found.stderr == "serve: the package 'quart' is missing; pip install 'candle-ml[server]'\n"


def test_the_log_says_where_a_refused_bundle_is(
    serve_process: Any, own_registry: Path, project: Any, tmp_path: Path
) -> None:
    """Whoever reads the log finds the damaged bundle and what would do; an answer names no folder of this machine."""
    bundle = project.copied_bundle(tmp_path / "trap")
    (bundle / "calibrator.json").write_text("{}")
    version = project.register(bundle)
    (tmp_path / "mlflow.db").write_bytes((project.root / "mlflow.db").read_bytes())
    process, client = serve_process(root=tmp_path)
    found = client.post("/model/load", {"version": version})
    assert (found.status, str(tmp_path) in str(found.json)) == (409, False)
    process.process.terminate()
    process.end()
    (record,) = (one for one in map(json.loads, process.lines) if one["event"] == "load failed")
    assert record["error"].startswith("bundle/calibrator.json: its bytes have changed; SHA-256 ")
    what = f"the bundle of served version {version}; restore it from a backup, use another version or train again"
    assert record["error"].endswith(f"; {bundle}: {what}")

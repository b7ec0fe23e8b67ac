"""Servers in processes of their own, on the core that is kept for them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psutil
from benchmarks.environments import ROOT, interpreter
from benchmarks.speed.project import Project
from benchmarks.speed.timing import first_core, on_cores

_START_SECONDS = 300.0
_END_SECONDS = 60.0
_LAST_LINES = 20
_REQUIREMENTS = Path(__file__).with_name("requirements-services.txt")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, the path that predicts, the JSON that it takes and its process."""

    port: int
    path: str
    body: Path
    pid: int = 0

    def answer(self) -> Any:
        """Its answer to the one request that all loads consist of."""
        url = f"http://127.0.0.1:{self.port}{self.path}"
        request = urllib.request.Request(url, self.body.read_bytes(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_END_SECONDS) as response:
            return json.load(response)

    def processor_seconds(self) -> tuple[float, float]:
        """What its process has taken of the processor until now, and its first thread of that: the event loop."""
        process = psutil.Process(self.pid)
        (loop,) = (thread for thread in process.threads() if thread.id == self.pid)
        taken = process.cpu_times()
        return float(taken.user + taken.system), float(loop.user_time + loop.system_time)


@contextmanager
def candle_ml(project: Project, body: Path) -> Iterator[Server]:
    """`candle-ml serve`, with the settings that a user gets."""
    port = _free_port()
    values = [part for value in project.overrides for part in ("--set", value)]
    command = [sys.executable, "-m", "candle_ml", "serve", "--port", str(port), *values]
    with _running(command, project.root, Server(port, "/predict", body)) as server:
        yield server


@contextmanager
def fastapi(project: Project, body: Path, arrays: bool = False) -> Iterator[Server]:
    """The service that a user would write in an afternoon; its features on arrays if wanted."""
    port = _free_port()
    command = [*_peer("uvicorn"), "benchmarks.speed.peers.fastapi_service:app", "--port", str(port)]
    quiet = ["--log-level", "warning", "--no-access-log"]
    with _running([*command, *quiet], ROOT, Server(port, "/predict", body), _model_of(project, arrays)) as server:
        yield server


@contextmanager
def bentoml(project: Project, body: Path) -> Iterator[Server]:
    """The same as a BentoML service with one worker."""
    port = _free_port()
    command = [*_peer("bentoml"), "serve", "benchmarks.speed.peers.bento_service:PatternService", "--port", str(port)]
    with _running(command, ROOT, Server(port, "/predict", body), _model_of(project)) as server:
        yield server


@contextmanager
def mlflow_models(project: Project, body: Path, folder: Path, arrays: bool = False) -> Iterator[Server]:
    """`mlflow models serve` of the same model with the same functions around it, saved as an MLflow model."""
    saved = folder / "mlflow-model"
    if not saved.exists():
        save = [*_peer("benchmarks.speed.peers.mlflow_model"), str(saved)]
        subprocess.run(save, cwd=ROOT, env={**_environment(save[0]), **_model_of(project)}, check=True)
    with _mlflow_served(_peer("mlflow"), saved, body, _model_of(project, arrays)) as server:
        yield server


@contextmanager
def mlflow_candle_ml(project: Project, body: Path) -> Iterator[Server]:
    """`mlflow models serve` of the model that candle-ml itself has logged."""
    (saved,) = {path.parent for path in project.root.glob("mlartifacts/**/MLmodel")}
    with _mlflow_served([sys.executable, "-m", "mlflow"], saved, body, {}) as server:
        yield server


@contextmanager
def _mlflow_served(mlflow: list[str], saved: Path, body: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    port = _free_port()
    command = [*mlflow, "models", "serve", "-m", str(saved), "--env-manager", "local", "--port", str(port)]
    with _running(command, ROOT, Server(port, "/invocations", body), variables) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], folder: Path, server: Server, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server while it is needed: it answers when this begins, and its process group is gone when it ends."""
    with TemporaryFile() as said:
        with on_cores(first_core()):
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**_environment(command[0]), **(variables or {})},
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        try:
            _wait(process, server, said)
            yield replace(server, pid=process.pid)
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], server: Server, said: IO[bytes]) -> None:
    """Until it answers. Raises `RuntimeError` with the last that it has said."""
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, psutil.Error):
            if _listens(process, server.port):
                server.answer()
                return
        time.sleep(0.5)
    happened = "does not answer" if process.returncode is None else f"has ended with {process.returncode}"
    raise RuntimeError("\n".join([f"{process.args!r} {happened}", *_last_lines(said)]))


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it or what it has started listens there: the port may have become another program's."""
    leader = psutil.Process(process.pid)
    sockets = (one for each in (leader, *leader.children(recursive=True)) for one in each.net_connections("tcp"))
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


def _last_lines(said: IO[bytes]) -> list[str]:
    said.seek(0)
    return said.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End its process group: what it has started may outlive it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)


def _peer(module: str) -> list[str]:
    return [str(interpreter(".venv-benchmarks-services", _REQUIREMENTS)), "-m", module]


def _model_of(project: Project, arrays: bool = False) -> dict[str, str]:
    """What peers need to know: the file of the fitted model, its classes, and whether TA-Lib gets arrays."""
    (file,) = (path for path in (project.bundle / "model").iterdir() if path.suffix in (".ubj", ".skops"))
    known = {"PEER_MODEL": str(file), "PEER_CLASSES": ",".join(project.loaded.info.classes)}
    return known | ({"PEER_ARRAYS": "1"} if arrays else {})


def _environment(python: str) -> dict[str, str]:
    """Ours, with the commands of that Python before others, and without telemetry of anything that is started."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "True"}
    commands = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
    modules = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **quiet, "PATH": commands, "PYTHONPATH": modules}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

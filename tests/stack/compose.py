"""The stack as Docker Compose runs it from a fresh clone, with podman behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import ROOT, Engine

PORTS = {"ANNOTATOR_PORT": 3000, "ML_SERVICE_PORT": 8001, "MLFLOW_PORT": 5000}
SERVICES = ("candle-annotator", "ml-service", "mlflow", "postgres")
PROXY = "runs.example.org"


@dataclass(frozen=True)
class Stack:
    """One clone, its images and its containers."""

    engine: Engine
    folder: Path
    compose_command: Path
    ports: dict[str, int]

    @classmethod
    def cloned(cls, engine: Engine, compose_command: Path) -> Stack:
        """A fresh clone of the newest commit, closed to other users of the machine; usual ports where they are free."""
        folder = engine.folder / "clone"
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, umask=0o077)
        return cls(engine, folder, compose_command, {name: _port(usual) for name, usual in PORTS.items()})

    @property
    def environment(self) -> dict[str, str]:
        ports = {name: str(port) for name, port in self.ports.items()}
        proxy = {"MLFLOW_ALLOWED_HOSTS": PROXY, "MLFLOW_ALLOWED_ORIGINS": f"https://{PROXY}"}
        compose = {"COMPOSE": str(self.compose_command), "COMPOSE_ANSI": "never"}
        return self.engine.environment | ports | proxy | compose

    @property
    def secrets(self) -> dict[str, str]:
        """The values that `make env` drew."""
        lines = (self.folder / ".env").read_text().splitlines()
        pairs = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {name: value for name, value in pairs.items() if name.endswith(("PASSWORD", "KEY"))}

    def attempt(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """What a command in the clone does, whether or not it succeeds; `more` are variables."""
        environment = self.environment | more
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=3600
        )

    def run(self, *command: str) -> str:
        """What a command in the clone prints. Raises `AssertionError` with its errors."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def compose(self, *arguments: str) -> str:
        """What `docker compose` prints."""
        return self.run(str(self.compose_command), *arguments)

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a service's container."""
        return self.compose("exec", "-T", service, *command)

    def candle_ml(self, *arguments: str) -> None:
        """Run candle-ml in a container of its own, as `docker compose run --rm ml-service` does, up to its end.

        On a busy machine podman lets go of such a container too early: its output is lost while it goes on.
        """
        self.compose("run", "--rm", "-T", "ml-service", "candle-ml", *arguments)
        while self.engine.podman("ps", "--quiet", "--filter", "name=ml-service-run"):
            time.sleep(0.5)

    def config(self) -> dict[str, Any]:
        """The compose file as Docker Compose understands it."""
        content: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))
        return content

    def inspect(self, service: str, form: str) -> str:
        """One thing that podman knows of a service's container."""
        return self.engine.podman("inspect", "--format", form, self._id(service))

    def _id(self, service: str) -> str:
        found = self.compose("ps", "--all", "--quiet", service).split()
        assert len(found) == 1, f"{service}: {len(found)} containers"
        return found[0]

    def up(self) -> float:
        """Start everything and wait until it is healthy; the seconds it took."""
        started = time.monotonic()
        self.compose("up", "--detach", "--wait", "--no-build")
        return time.monotonic() - started

    def kill(self, service: str) -> None:
        """SIGKILL to the container's first process, as the kernel sends it: no command of Docker's knows of it."""
        os.kill(int(self.inspect(service, "{{.State.Pid}}")), signal.SIGKILL)

    def healthy(self, service: str) -> bool:
        """Whether the container runs and its health check has passed."""
        return self.inspect(service, "{{.State.Running}} {{.State.Healthcheck.Status}}") == "true healthy"

    def url(self, name: str) -> str:
        """Where a port is reached from this machine."""
        return f"http://127.0.0.1:{self.ports[name]}"


def _port(usual: int) -> int:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", usual))
        except OSError:
            one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

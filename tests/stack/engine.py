"""Podman without a daemon, with storage and settings of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).parents[2]
BETWEEN_CHECKS = 2.0
CONTAINERS = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


@dataclass(frozen=True)
class Engine:
    """A podman whose images and containers live in one folder."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Engine:
        """The engine of a folder, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(CONTAINERS)
        (folder / "registries.conf").write_text('unqualified-search-registries = ["docker.io"]\n')
        storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        (folder / "storage.conf").write_text(storage)
        return cls(folder)

    @property
    def address(self) -> str:
        """Where Docker's API is answered while the engine is `serving`."""
        return f"unix://{self.folder}/podman.sock"

    @property
    def environment(self) -> dict[str, str]:
        """What podman, and what calls it, is started with."""
        own = {
            "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_FORMAT": "docker",
            "BUILDAH_ISOLATION": "chroot",
            "DOCKER_HOST": self.address,
        }
        return os.environ | own

    def podman(self, *arguments: str) -> str:
        """Run podman and give what it prints. Raises `AssertionError` with its errors."""
        done = subprocess.run(["podman", *arguments], capture_output=True, text=True, env=self.environment, check=False)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def try_podman(self, *arguments: str) -> bool:
        """Whether podman succeeds."""
        done = subprocess.run(["podman", *arguments], capture_output=True, env=self.environment, check=False)
        return done.returncode == 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Docker's API as long as the block runs; health checks, which a daemon would run, run meanwhile."""
        (self.folder / "podman.sock").unlink(missing_ok=True)
        command = ["podman", "--log-level=fatal", "system", "service", "--time=0", self.address]
        stopped = Event()
        checks = Thread(target=self._check_health, args=(stopped,))
        with (self.folder / "podman.log").open("w") as log:
            server = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            checks.start()
            try:
                yield
            finally:
                stopped.set()
                checks.join()
                server.terminate()
                server.wait()

    def _check_health(self, stopped: Event) -> None:
        while not stopped.wait(BETWEEN_CHECKS):
            for container in self.podman("ps", "--quiet", "--filter", "status=running").split():
                self.try_podman("healthcheck", "run", container)

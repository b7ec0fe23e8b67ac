"""Podman without a daemon, with storage and settings of its own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
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
    def environment(self) -> dict[str, str]:
        """What podman, and what calls it, is started with."""
        own = {
            "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_FORMAT": "docker",
            "BUILDAH_ISOLATION": "chroot",
        }
        return os.environ | own

    @property
    def podman_command(self) -> list[str]:
        return ["podman"]

    def podman(self, *arguments: str) -> str:
        """Run podman and give what it prints. Raises `AssertionError` with its errors."""
        done = subprocess.run(["podman", *arguments], capture_output=True, text=True, env=self.environment, check=False)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def try_podman(self, *arguments: str) -> bool:
        """Whether podman succeeds."""
        return (
            subprocess.run(["podman", *arguments], capture_output=True, env=self.environment, check=False).returncode
            == 0
        )

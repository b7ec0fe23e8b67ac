"""A small project with one good version, put back before each test, and a program that runs and kills commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..small_project import PIPELINE, last_candles, write_project

PROGRAM = Path(__file__).with_name("dying.py")


@dataclass(frozen=True)
class Ended:
    """How a command ended: `signal` 0 and an exit code, or the signal alone."""

    signal: int
    code: int
    printed: str
    seconds: float


@dataclass(frozen=True)
class Seen:
    """What a process that starts now sees of a project.

    `versions` has the run of each registered number, `wrong` what is not complete about them; `served` is the version
    that a service loads; `runs` has the status of each run in the state store, `tracked` counts those on the tracking
    server; `spooled` are the runs that wait to be uploaded.
    """

    versions: dict[str, str]
    wrong: list[str]
    served: int | None
    runs: dict[str, str]
    spooled: list[str]
    tracked: dict[str, int]

    def of(self, status: str) -> set[str]:
        """The runs with a status."""
        return {run_id for run_id, found in self.runs.items() if found == status}


class Commands:
    """Runs `candle-ml` commands in processes of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._program = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **kill: Any) -> Ended:
        """Run a command to its end, or to where it is killed: `step` and `done`, `delay` in seconds, or `there`."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        order = {"root": str(self.root), "arguments": arguments, **kill}
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        return Ended(**json.loads(self._program.stdout.readline()))

    def look(self) -> Seen:
        """What there is now."""
        ended = self.run()
        assert (ended.signal, ended.code) == (0, 0), ended.printed
        return Seen(**json.loads(ended.printed[ended.printed.index('{"versions"') :]))

    def end(self) -> None:
        """Let the program end."""
        self._program.communicate()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Commands]:
    """Commands of a project in which nothing was trained yet."""
    write_always_promoting(tmp_path / "project")
    commands = Commands(tmp_path / "project")
    yield commands
    commands.end()


@dataclass(frozen=True)
class Project:
    """A project folder whose state is put back to that of one good, served version before each test."""

    root: Path
    commands: Commands
    good_run: str
    seconds: float
    """How long a training takes."""


def write_always_promoting(root: Path) -> None:
    """The small project; each of its versions is promoted."""
    candles = last_candles(root.with_name("demo"))
    write_project(root, candles, f"{PIPELINE}registry: {{promote: always}}\n")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project with its good version, and a copy of it beside."""
    root = tmp_path_factory.mktemp("crash") / "project"
    write_always_promoting(root)
    commands = Commands(root)
    first = commands.run("train", "--json")
    assert (first.signal, first.code) == (0, 0), first.printed
    shutil.copytree(root, root.with_name("copy"))
    again = commands.run("train")
    assert (again.signal, again.code) == (0, 0), again.printed
    good_run = json.loads(first.printed[first.printed.index("{\n") :])["run_id"]
    yield Project(root, commands, good_run, again.seconds)
    commands.end()


@pytest.fixture
def project(trained: Project) -> Project:
    """The project as it was with its good version; MLflow keeps absolute paths, so it stands where it stood."""
    shutil.rmtree(trained.root)
    shutil.copytree(trained.root.with_name("copy"), trained.root)
    return trained

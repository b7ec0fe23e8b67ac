"""What the page on runs tells to type works as it is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..server.services import Client, free_port
from ..small_project import write_project

PAGE = Path(__file__).parents[2] / "docs" / "runs.md"
STEP = re.compile(r"<!-- (runs|server|away) -->\n```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
DATABASE = re.compile(r"postgresql\+psycopg://\w+:secret@127.0.0.1:5432/\w+")
SHELL = "set -eo pipefail\ntouch ../exported\n. ../exported\n{}\nexport -p > ../exported"


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], subprocess.Popen[bytes]]]:
    """Starts a shell in a folder, with `candle-ml` on its path; what still runs in the end is killed."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    started: list[subprocess.Popen[bytes]] = []

    def starts(commands: str, folder: Path) -> subprocess.Popen[bytes]:
        with (folder.parent / "printed.txt").open("wb") as printed:
            process = subprocess.Popen(
                ["bash", "-c", commands], cwd=folder, stdout=printed, stderr=printed, start_new_session=True
            )
        started.append(process)
        return process

    yield starts
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_on_runs_does_what_it_says(
    tmp_path: Path, candles: str, postgresql: str, start: Callable[[str, Path], subprocess.Popen[bytes]]
) -> None:
    """Its commands succeed in order, the server's after a training without it, and every line shown is printed."""
    root, port = write_project(tmp_path / "project", candles), free_port()
    page = DATABASE.sub(lambda _: postgresql, PAGE.read_text("utf-8")).replace("5000", str(port))
    steps = STEP.findall(page)
    (server,) = (commands for kind, commands, _ in steps if kind == "server")
    for kind, commands, shown in steps:
        if kind == "server":
            continue
        ended = start(SHELL.format(commands), root).wait()
        printed = " ".join((tmp_path / "printed.txt").read_text("utf-8").split())
        assert ended == 0, printed
        assert [line for line in shown.splitlines() if " ".join(line.split()) not in printed] == []
        if kind == "away":
            start(server, root)
            Client(port).wait_until_listening(lambda: True, seconds=600)

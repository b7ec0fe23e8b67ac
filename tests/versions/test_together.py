"""Several processes that keep and restore versions of one project at the same time."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dvc.lock import make_lock

from candle_ml import versions
from candle_ml.errors import DataError
from candle_ml.versions.locking import exclusive

from .conftest import Kept, dataset, project

KEEPER = """
import runpy, sys
from pathlib import Path
from candle_ml import versions
from candle_ml.config import load_config
made = runpy.run_path(sys.argv[1])["dataset"]
config = load_config(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for label in sys.argv[3:]:
    print(versions.snapshot(config, made(label)).name, flush=True)
"""


def test_at_once_nothing_is_lost(tmp_path: Path) -> None:
    """Two processes that begin at once, in a project without DVC, keep all their versions, the shared one once."""
    config = project(tmp_path / "project")
    conftest, pipeline = str(Path(__file__).with_name("conftest.py")), str(config.root / "config" / "pipeline.yaml")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KEEPER, conftest, pipeline, "shared", label],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for label in ("left", "right")
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    ended = [process.communicate("go\n") for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    made = {name for shown, _ in ended for name in shown.split()}
    assert len(made) == 3
    found = versions.listed(config, prove=True)
    assert {one.name for one in found} == made
    assert {(one.folder, one.cache, one.remote) for one in found} == {("intact", "intact", "intact")}


def test_a_lock_that_is_never_let_go_is_told(kept: Kept) -> None:
    """Who waits too long for another process is told what it holds, and nothing is written."""
    expected = "held by another candle-ml or dvc process; wait until it has ended, then try again"
    with exclusive(kept.root), pytest.raises(DataError) as caught, exclusive(kept.root, patience=0):
        pass
    assert str(caught.value) == f"{kept.root / '.candle-ml' / 'versions.lock'}: {expected}"


def test_a_dvc_command_at_work_is_waited_for(kept: Kept) -> None:
    """While a `dvc` command holds its lock, keeping a version waits until it has ended."""
    lock = make_lock(str(kept.root / ".dvc" / "tmp" / "lock"))
    lock.lock()
    ended = threading.Timer(0.5, lock.unlock)
    ended.start()
    name = versions.snapshot(kept.config, dataset("wedge")).name
    ended.join()
    assert name in {one.name for one in versions.listed(kept.config)}

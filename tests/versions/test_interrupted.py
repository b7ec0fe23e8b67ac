"""A process that is killed while it keeps a version leaves nothing that passes for one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from candle_ml import versions

from .conftest import dataset, project

PROGRAM = Path(__file__).with_name("dying.py")
STEPS = (
    "the first file",
    "the last file",
    "the manifest",
    "the folder's name",
    "DVC",
    "the cache, an object begun",
    "the cache, first object",
    "the cache, fifth object",
    "the pointer",
    "the remote",
    "the remote, an object begun",
    "the remote, third object",
    "the remote, last object",
    "the end",
)
DELAYS = tuple(f"{seconds:.3f}" for seconds in np.random.default_rng(0).uniform(0.01, 0.4, 3))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """A project for each step and delay, in which a process was killed, and the signal that ended it."""
    folder = tmp_path_factory.mktemp("killed")
    roots = {step: folder / str(number) / "project" for number, step in enumerate(STEPS + DELAYS)}
    for root in (folder / "first", *roots.values()):
        project(root)
    command = [sys.executable, str(PROGRAM), str(folder / "first"), *(f"{root}={step}" for step, root in roots.items())]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {step: (root, int(ended)) for (step, root), ended in zip(roots.items(), shown, strict=True)}


@pytest.mark.filterwarnings("default::candle_ml.errors.CandleMLWarning")
@pytest.mark.parametrize("step", STEPS + DELAYS)
def test_nothing_half_written_counts_as_a_version(killed: dict[str, tuple[Path, int]], step: str) -> None:
    """What a kill leaves is proven or absent, and keeping the same data again makes it whole everywhere."""
    root, ended = killed[step]
    assert ended == signal.SIGKILL or step in DELAYS or ", " in step  # how DVC copies depends on the file system
    config = project(root)
    for one in versions.listed(config, prove=True):
        assert "damaged" not in (one.folder, one.cache, one.remote)
    kept = versions.snapshot(config, dataset())
    (one,) = versions.listed(config, prove=True)
    assert (one.name, one.folder, one.cache, one.remote) == (kept.name, "intact", "intact", "intact")
    folder = config.root / "data" / "versions"
    assert {path.name for path in folder.iterdir()} == {kept.name, f"{kept.name}.dvc"}
    assert versions.read_version(config, kept.name).hash == dataset().hash

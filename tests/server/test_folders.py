"""Private folders of models: those of dead processes go, those of living ones stay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from candle_ml_server.folders import make_folder, remove_folder

HOLD = "from candle_ml_server.folders import make_folder; print(make_folder(), flush=True); input()"


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def holder() -> tuple[subprocess.Popen[str], Path]:
    """A process that has a folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_only_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """The next folder that anybody makes removes what SIGKILL has left, and nothing of a process that lives."""
    killed, left = holder()
    living, kept = holder()
    own = make_folder()
    assert left.is_dir()
    killed.kill()
    killed.communicate()
    strange = tmp_path / "candle-ml-model-of-somebody"
    strange.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").touch()
    (tmp_path / "candle-ml-model-linked").symlink_to(tmp_path / "elsewhere")
    more = make_folder()
    assert not left.exists()
    assert all(folder.is_dir() for folder in (kept, own, more, strange, tmp_path / "elsewhere"))
    living.kill()
    living.communicate()


def test_a_removed_folder_is_gone_and_its_lock_free() -> None:
    """Removing twice does nothing more."""
    folder = make_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    remove_folder(folder)
    remove_folder(folder)
    assert not folder.exists()

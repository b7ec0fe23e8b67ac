"""Folders and files of a project that DVC or candle-ml cannot use as they are."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml import versions
from candle_ml.cli import main
from candle_ml.errors import DataError

from ..another_user import another_user
from .conftest import Kept, dataset, project


def refused(kept: Kept, to: Path | None = None) -> str:
    """What is told to a user who checks the version out."""
    with pytest.raises(DataError) as caught:
        versions.checkout(kept.config, kept.version.name, to)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "{root} is not a git repository"),
        (b"[core]\n    no_scm = Tr\xff", "'utf-8' codec can't decode byte 0xff in position 22: invalid start byte"),
        (b"[core]\n    no_s", "Invalid line (' no_s') (matched as neither section nor keyword) at line 2."),
    ],
)
def test_a_damaged_configuration_of_dvc(kept: Kept, content: bytes, reason: str) -> None:
    """It is named, with two lines that do; the rest is then written as it was."""
    path = kept.root / ".dvc" / "config"
    before = path.read_text("utf-8")
    path.write_bytes(content)
    found = f"config file error: {reason}" if content else reason.format(root=kept.root)
    assert refused(kept) == (
        f"{path}: {found}; restore it from a backup or git, "
        "or replace its content by the two lines [core] and no_scm = true; candle-ml data snapshot writes the rest"
    )
    path.write_text("[core]\nno_scm = true\n", "utf-8")
    versions.snapshot(kept.config, dataset())
    kept.again()
    assert sorted(path.read_text("utf-8").lower().split()) == sorted(before.lower().split())


def test_a_damaged_configuration_of_dvc_under_git(tmp_path: Path) -> None:
    """Under git an empty one does."""
    config = project(tmp_path / "project")
    subprocess.run(["git", "init", "-q"], cwd=config.root, check=True)
    version = versions.snapshot(config, dataset())
    path = config.root / ".dvc" / "config"
    path.write_text("[cor", "utf-8")
    with pytest.raises(DataError) as caught:
        versions.checkout(config, version.name)
    assert str(caught.value).endswith(
        "; restore it from a backup or git, or empty it; candle-ml data snapshot writes the rest"
    )
    path.write_text("", "utf-8")
    assert versions.snapshot(config, dataset()).name == version.name
    assert 'remote "candle-ml"' in path.read_text("utf-8")


def test_a_target_in_a_folder_of_dvc(kept: Kept) -> None:
    """A version is not restored into DVC's own folder or the remote."""
    for folder in (kept.root / ".dvc", kept.version.remote):
        target = folder / "files" / "mine"
        assert refused(kept, target) == f"{target}: is inside {folder}, which is DVC's; name a new folder elsewhere"
        assert not target.exists()


def test_a_target_that_cannot_be_made(kept: Kept) -> None:
    """A folder that cannot be made is named as the user named it."""
    (kept.root / "file").touch()
    target = kept.root / "file" / "mine"
    assert refused(kept, target) == f"{target}: cannot be made: Not a directory; a folder that can be written"


def test_a_folder_in_the_place_of_the_lock(kept: Kept) -> None:
    """It is named with what would do."""
    path = kept.root / ".candle-ml" / "versions.lock"
    path.unlink()
    path.mkdir()
    assert refused(kept) == f"{path}: cannot be written: Is a directory; a place that this user can write"


def test_the_list_of_a_damaged_pointer(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a damaged pointer leaves unknown is listed as that, not as missing."""
    kept.pointer.write_bytes(b"")
    monkeypatch.chdir(kept.root)
    row = CliRunner().invoke(main, ["data", "list"]).stdout.splitlines()[1]
    assert row.split()[-4:] == ["?", "there", "?", "?"]


def test_the_list_needs_nothing_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another user may not write, the versions are listed, proven if wanted; keeping one says what is missing."""
    with tempfile.TemporaryDirectory(prefix="candle-ml-") as name:
        Path(name).chmod(0o755)
        config = project(Path(name) / "project")
        version = versions.snapshot(config, dataset())
        own = Path(name) / "of-another-user"
        own.mkdir()
        own.chmod(0o777)
        for variable in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
            monkeypatch.setenv(variable, str(own))
        with another_user():
            (listed,) = versions.listed(config, prove=True)
            with pytest.raises(DataError) as caught:
                versions.snapshot(config, dataset())
        assert (listed.name, listed.folder, listed.cache, listed.remote) == (version.name, *["intact"] * 3)
        lock = config.root / ".candle-ml" / "versions.lock"
        assert str(caught.value) == (
            f"{lock}: cannot be written: this user may not write there; let this user write the file and its folder"
        )

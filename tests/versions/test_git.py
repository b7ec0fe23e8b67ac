"""Versions under git: at the top, in a subfolder, in a clone, inside another DVC project, and in ignored places."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml import versions
from candle_ml.errors import DataError

from .conftest import dataset, dvc, files, git, project


def committed(top: Path) -> None:
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "everything")


def test_at_the_top_of_a_repository(tmp_path: Path) -> None:
    """Git sees the pointer and DVC's configuration; folders, cache and remote are none of its business."""
    config = project(tmp_path / "project")
    git(config.root, "init", "--quiet")
    (config.root / ".gitignore").write_text(".candle-ml/\n")  # as candle-ml init writes it
    kept = versions.snapshot(config, dataset())
    committed(config.root)
    assert git(config.root, "ls-files").split() == [
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvcignore",
        ".gitignore",
        "config/pipeline.yaml",
        "data/versions/.gitignore",
        f"data/versions/{kept.name}.dvc",
    ]
    assert "no_scm" not in (config.root / ".dvc" / "config").read_text("utf-8")
    assert "Data and pipelines are up to date." in dvc(config.root, "status")


def test_a_clone_gets_its_versions_from_the_remote(tmp_path: Path) -> None:
    """A clone beside the project has the pointer from git, and everything else from the same remote."""
    config = project(tmp_path / "project")
    git(config.root, "init", "--quiet")
    kept = versions.snapshot(config, dataset())
    committed(config.root)
    git(tmp_path, "clone", "--quiet", "project", "clone")
    clone = project(tmp_path / "clone")
    (one,) = versions.listed(clone)
    assert (one.folder, one.cache, one.remote, one.facts) == ("missing", "missing", "intact", kept.facts)
    restored = versions.checkout(clone, kept.name)
    assert restored.remote.resolve() == kept.remote.resolve()
    assert files(restored.folder) == files(kept.folder)


def test_a_clone_far_from_the_remote_says_what_is_missing(tmp_path: Path) -> None:
    """A clone that does not see the remote names what is missing and where it looked."""
    config = project(tmp_path / "project")
    git(config.root, "init", "--quiet")
    kept = versions.snapshot(config, dataset())
    committed(config.root)
    (tmp_path / "far").mkdir()
    git(tmp_path / "far", "clone", "--quiet", "../project", "clone")
    clone = project(tmp_path / "far" / "clone")
    with pytest.raises(DataError) as caught:
        versions.checkout(clone, kept.name)
    assert str(caught.value).startswith(
        f"data version {kept.name}: no copy of the list of files of {kept.name} in the cache ({clone.root / '.dvc'}"
    )
    assert not (tmp_path / "far" / "project-dvc-remote").exists()


def test_in_a_subfolder_of_a_larger_repository(tmp_path: Path) -> None:
    """A project in a subfolder has a DVC of its own; its remote, beside it, is not committed."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "other.txt").write_text("another part of the repository")
    config = project(tmp_path / "models" / "candles")
    kept = versions.snapshot(config, dataset())
    assert kept.remote == tmp_path / "models" / "candles-dvc-remote"
    committed(tmp_path)
    tracked = git(tmp_path, "ls-files").split()
    assert f"models/candles/data/versions/{kept.name}.dvc" in tracked
    assert "models/candles/.dvc/config" in tracked
    assert [name for name in tracked if name.startswith("models/candles-dvc-remote/")] == []
    assert [name for name in tracked if name.endswith(".parquet")] == []
    assert "Data and pipelines are up to date." in dvc(config.root, "status")
    assert versions.snapshot(config, dataset()).new is False


def test_inside_another_dvc_project(tmp_path: Path) -> None:
    """A project inside a DVC project uses that one, so that what it tracks already stays tracked."""
    git(tmp_path, "init", "--quiet")
    dvc(tmp_path, "init", "--quiet")
    config = project(tmp_path / "candles")
    kept = versions.snapshot(config, dataset())
    assert not (config.root / ".dvc").exists()
    assert "url = ../candles-dvc-remote" in (tmp_path / ".dvc" / "config").read_text("utf-8")
    assert files(versions.checkout(config, kept.name, tmp_path / "copy").folder) == files(kept.folder)
    assert "Data and pipelines are up to date." in dvc(tmp_path, "status")


def test_in_a_folder_that_git_ignores(tmp_path: Path) -> None:
    """A pointer that git would not see is refused in DVC's words, which name the file; nothing counts as kept."""
    config = project(tmp_path / "project")
    git(config.root, "init", "--quiet")
    (config.root / ".gitignore").write_text("data/\n")
    with pytest.raises(DataError) as caught:
        versions.snapshot(config, dataset())
    assert str(caught.value).startswith(f"DVC in {config.root}: bad DVC file name")
    assert "is git-ignored" in str(caught.value)
    assert versions.listed(config) == ()


def test_an_initialisation_that_was_cut_short(tmp_path: Path) -> None:
    """What a killed `dvc init` leaves behind is made whole by the next snapshot."""
    for leftover in (None, "", "[core]\n    no_scm = True\n"):
        config = project(tmp_path / f"project{len(leftover or '')}{leftover is None}")
        (config.root / ".dvc").mkdir()
        if leftover is not None:
            (config.root / ".dvc" / "config").write_text(leftover)
        assert versions.snapshot(config, dataset()).new

"""Keeping and restoring without git: what is stored, what is not stored twice, and what comes back from where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from candle_ml import versions
from candle_ml.errors import ConfigError, DataError

from .conftest import PIPELINE, Kept, dataset, dvc, files, project


def object_count(kept: Kept) -> int:
    return len(files(kept.version.remote / "files"))


def test_a_version_stands_in_its_folder_in_the_cache_and_in_the_remote(kept: Kept) -> None:
    """A version is a folder with a pointer beside it, and a copy of each file in DVC's cache and remote."""
    assert kept.version.new
    assert kept.version.folder == kept.root / "data" / "versions" / kept.version.name
    assert kept.version.remote == kept.root.with_name("project-dvc-remote")
    assert kept.pointer.is_file()
    for name in files(kept.version.folder):
        kept.copies(name)


def test_dvc_is_set_up_for_safety(kept: Kept) -> None:
    """DVC verifies the remote, which is named relative to the project, and neither reports nor looks for updates."""
    assert (kept.root / ".dvc" / "config").read_text("utf-8") == (
        "[core]\n    no_scm = True\n    remote = candle-ml\n    analytics = False\n    check_update = False\n"
        "['remote \"candle-ml\"']\n    verify = True\n    url = ../../project-dvc-remote\n"
    )


def test_dvc_itself_finds_everything_in_order(kept: Kept) -> None:
    """The `dvc` command sees a tracked folder that is up to date and stored."""
    assert "Data and pipelines are up to date." in dvc(kept.root, "status")
    assert "Cache and remote 'candle-ml' are in sync." in dvc(kept.root, "status", "--cloud")


def test_the_same_data_is_not_stored_twice(kept: Kept) -> None:
    """Keeping the same data again gives the same version and stores nothing."""
    before, pointer = object_count(kept), kept.pointer.read_bytes()
    again = versions.snapshot(kept.config, dataset())
    assert (again.name, again.new) == (kept.version.name, False)
    assert (object_count(kept), kept.pointer.read_bytes()) == (before, pointer)


def test_other_data_is_another_version_that_shares_its_candles(kept: Kept) -> None:
    """One changed label stores annotations, samples, manifest and listing again, and no candle."""
    before = object_count(kept)
    other = versions.snapshot(kept.config, dataset("wedge"))
    assert other.new
    assert [one.name for one in versions.listed(kept.config)] == sorted([kept.version.name, other.name])
    assert object_count(kept) == before + 4


@pytest.mark.parametrize("lost", ["folder", "folder and cache", "folder and remote", "cache", "remote"])
def test_what_is_missing_is_made_again_from_what_is_left(kept: Kept, lost: str) -> None:
    """A version comes back from any place that still has it, byte for byte, and is complete everywhere."""
    before = files(kept.version.folder)
    places = {
        "folder": kept.version.folder,
        "cache": kept.root / ".dvc" / "cache" / "files",
        "remote": kept.version.remote / "files",
    }
    for name in lost.split(" and "):
        shutil.rmtree(places[name])
    assert files(kept.again().folder) == before
    (one,) = versions.listed(kept.config, prove=True)
    assert (one.folder, one.cache, one.remote) == ("intact", "intact", "intact")


def test_a_version_can_be_put_elsewhere(kept: Kept, tmp_path: Path) -> None:
    """With a folder of its own a version is copied there, whether or not it stands in the project."""
    first = versions.checkout(kept.config, kept.version.name, tmp_path / "first")
    assert first.folder == tmp_path / "first"
    before = files(kept.version.folder)
    shutil.rmtree(kept.version.folder)
    (tmp_path / "second").mkdir()
    versions.checkout(kept.config, kept.version.name, tmp_path / "second")
    assert files(tmp_path / "first") == files(tmp_path / "second") == before
    assert not kept.version.folder.exists()


def test_a_folder_that_holds_something_is_left_alone(kept: Kept, tmp_path: Path) -> None:
    """A version is not written over anything."""
    (tmp_path / "mine").write_text("text")
    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(DataError) as caught:
            versions.checkout(kept.config, kept.version.name, taken)
        assert str(caught.value) == f"{taken}: is there already; name a new folder"
    assert (tmp_path / "mine").read_text() == "text"


def test_the_data_of_a_version_can_be_read(kept: Kept) -> None:
    """A version is read back as the data set it was made of, restored where it is not there."""
    shutil.rmtree(kept.version.folder)
    assert versions.read_version(kept.config, kept.version.name).hash == kept.dataset.hash


@pytest.mark.parametrize("name", ["0123456789ab", "../escape", ""])
def test_an_unknown_version_is_told_with_the_known_ones(kept: Kept, name: str) -> None:
    """A version that is not kept is an error that lists those that are."""
    with pytest.raises(DataError) as caught:
        versions.checkout(kept.config, name)
    known = f"not in {kept.version.folder.parent}; one of those kept: {kept.version.name}"
    assert str(caught.value) == f"data version {name}: {known}"


def test_a_project_without_versions_says_what_makes_one(tmp_path: Path) -> None:
    """Before anything was kept the list is empty, and a checkout says what would do."""
    config = project(tmp_path / "project")
    assert versions.listed(config) == ()
    with pytest.raises(DataError) as caught:
        versions.checkout(config, "0123456789ab")
    assert str(caught.value) == f"{config.root}: no data version is kept here; candle-ml data snapshot makes one"
    assert not (config.root / ".dvc").exists()


def test_the_remote_can_be_named(tmp_path: Path) -> None:
    """`data.remote` names the folder of the copies, relative to the project; an existing DVC is pointed at it."""
    config = project(tmp_path / "project")
    versions.snapshot(config, dataset())
    moved = project(tmp_path / "project", PIPELINE + "data: {remote: ../shared/store}\n")
    kept = versions.snapshot(moved, dataset())
    assert kept.remote.resolve() == (tmp_path / "shared" / "store").resolve()
    assert files(tmp_path / "shared" / "store" / "files") == files(tmp_path / "project-dvc-remote" / "files")
    assert "url = ../../shared/store" in (tmp_path / "project" / ".dvc" / "config").read_text("utf-8")


def test_an_absolute_remote_stays_absolute(tmp_path: Path) -> None:
    """A remote given from the root of the file system is written as it was given."""
    store = tmp_path / "store"
    versions.snapshot(project(tmp_path / "project", PIPELINE + f"data: {{remote: {store}}}\n"), dataset())
    assert f"url = {store}\n" in (tmp_path / "project" / ".dvc" / "config").read_text("utf-8")
    assert files(store / "files")


def test_verification_is_switched_on_again(kept: Kept) -> None:
    """A remote that somebody had taken on trust is verified from the next use on."""
    dvc(kept.root, "remote", "modify", "candle-ml", "verify", "false")
    kept.again()
    assert "verify = True" in (kept.root / ".dvc" / "config").read_text("utf-8")


def test_an_existing_default_remote_stays(tmp_path: Path) -> None:
    """A DVC project with a remote of its own keeps it as its default."""
    config = project(tmp_path / "project")
    dvc(config.root, "init", "--no-scm", "--quiet")
    dvc(config.root, "remote", "add", "--default", "mine", "../mine")
    kept = versions.snapshot(config, dataset())
    assert dvc(config.root, "remote", "default").strip() == "mine"
    assert files(kept.remote / "files")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("path", ["../outside", "."])
def test_versions_stand_inside_the_project(tmp_path: Path, path: str) -> None:
    """A folder of versions outside the project, or the project itself, is refused."""
    config = project(tmp_path / "project", PIPELINE + f"data: {{path: {path}}}\n")
    with pytest.raises(ConfigError) as caught:
        versions.snapshot(config, dataset())
    where = f"{config.root / 'config' / 'pipeline.yaml'}:7:14: data.path"
    assert str(caught.value) == f"{where}: {path!r}; a folder inside the project"


def test_a_remote_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A remote that cannot be made is an error that names it."""
    (tmp_path / "file").write_text("text")
    config = project(tmp_path / "project", PIPELINE + "data: {remote: ../file/store}\n")
    with pytest.raises(DataError) as caught:
        versions.snapshot(config, dataset())
    remote = config.root / "../file/store"
    expected = "Not a directory; name a folder that can be written by data.remote"
    assert str(caught.value) in (f"{remote}: {expected}", f"{remote.resolve()}: {expected}")


def test_what_dvc_refuses_is_told_in_its_words(kept: Kept) -> None:
    """A refusal of DVC is an error that says where, and nothing is written."""
    (kept.root / "dvc.yaml").write_text("stages: [\n", "utf-8")
    with pytest.raises(DataError) as caught:
        versions.snapshot(kept.config, dataset("wedge"))
    assert str(caught.value).startswith(f"DVC in {kept.root}: ")
    assert "dvc.yaml" in str(caught.value)
    assert str(caught.value).endswith("; put that right, then try again")

"""One changed bit, wherever it is: named before use, with what would do; and what is advised works."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml import versions
from candle_ml.cli import main
from candle_ml.errors import CandleMLWarning, DataError

from .conftest import Kept, dataset, dvc, files, flip

NAMES = ("candles/0001_EURUSD_1d.parquet", "manifest.json")


def listing(kept: Kept) -> tuple[Path, Path]:
    """The copies of the list of files, whose MD5 the pointer holds."""
    found = re.search(r"md5: ([0-9a-f]{2})([0-9a-f]{30}\.dir)", kept.pointer.read_text("utf-8"))
    assert found is not None
    cached, stored = (
        folder / "files" / "md5" / found[1] / found[2] for folder in (kept.root / ".dvc" / "cache", kept.version.remote)
    )
    assert cached.is_file()
    assert stored.is_file()
    return cached, stored


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    return str(caught.value)


def again(kept: Kept, source: str) -> str:
    return f"delete it, then candle-ml data checkout {kept.version.name} makes it again from {source}"


@pytest.mark.parametrize("name", NAMES)
def test_the_folder(kept: Kept, name: str) -> None:
    """A damaged file in the version's folder is named by checkout and by the next snapshot; deleting it helps."""
    path, before = kept.version.folder / name, files(kept.version.folder)
    flip(path)
    advice = f"delete the folder {kept.version.folder}, then candle-ml data checkout {kept.version.name}"
    for action in (kept.again, lambda: versions.snapshot(kept.config, dataset())):
        assert refused(action) == f"{path}: its bytes have changed; {advice}"
    shutil.rmtree(kept.version.folder)
    assert files(kept.again().folder) == before


@pytest.mark.parametrize("name", NAMES)
def test_the_cache(kept: Kept, name: str) -> None:
    """A damaged object in DVC's cache is named, and not used although the remote's is intact; deleting it helps."""
    cached, _ = kept.copies(name)
    before = files(kept.version.folder)
    flip(cached)
    shutil.rmtree(kept.version.folder)
    what = f"its bytes have changed; it is the cache's copy of {kept.version.name}/{name}"
    assert refused(kept.again) == f"{cached}: {what}; {again(kept, 'the remote')}"
    assert not kept.version.folder.exists()
    cached.unlink()
    assert files(kept.again().folder) == before


@pytest.mark.parametrize("name", NAMES)
def test_the_remote(kept: Kept, name: str) -> None:
    """A damaged object in the remote is named, and never comes into the cache; deleting it helps."""
    _, stored = kept.copies(name)
    flip(stored)
    what = f"its bytes have changed; it is the remote's copy of {kept.version.name}/{name}"
    for action in (kept.again, lambda: versions.snapshot(kept.config, dataset())):
        assert refused(action) == f"{stored}: {what}; {again(kept, 'the cache')}"
    stored.unlink()
    kept.again()
    (one,) = versions.listed(kept.config, prove=True)
    assert one.remote == "intact"


def test_the_remote_of_a_fresh_clone(kept: Kept) -> None:
    """Without folder and cache a damaged object in the remote is named, and nothing is restored."""
    _, stored = kept.copies("annotations.parquet")
    shutil.rmtree(kept.version.folder)
    shutil.rmtree(kept.root / ".dvc" / "cache")
    flip(stored)
    what = f"its bytes have changed; it is the remote's copy of {kept.version.name}/annotations.parquet"
    assert refused(kept.again) == f"{stored}: {what}; {again(kept, 'what is intact elsewhere')}"
    assert not kept.version.folder.exists()
    assert not list((kept.root / "data" / "versions").glob(".partial*"))


def test_a_writable_damaged_object_is_named_and_stays(kept: Kept) -> None:
    """A damaged object that DVC would quietly delete, because its mode was lost in a copy, is named and left there."""
    _, stored = kept.copies("annotations.parquet")
    flip(stored)
    stored.chmod(0o644)
    assert str(stored) in refused(kept.again)
    assert stored.is_file()


@pytest.mark.parametrize("place", [0, 1])
def test_the_list_of_files(kept: Kept, place: int) -> None:
    """A damaged list of a version's files is named in the cache and in the remote; deleting it helps."""
    path = listing(kept)[place]
    name, other = ("cache", "the remote") if place == 0 else ("remote", "the cache")
    flip(path)
    what = f"its bytes have changed; it is the {name}'s copy of the list of files of {kept.version.name}"
    assert refused(kept.again) == f"{path}: {what}; {again(kept, other)}"
    path.unlink()
    kept.again()
    (one,) = versions.listed(kept.config, prove=True)
    assert (one.cache, one.remote) == ("intact", "intact")


def test_both_copies(kept: Kept) -> None:
    """Damage in several places is told at once; with both copies gone the folder gives them back."""
    cached, stored = kept.copies("annotations.parquet")
    for path in (cached, stored):
        flip(path)
    told = refused(kept.again).splitlines()
    assert [line.partition(": ")[0] for line in told] == [str(cached), str(stored)]
    assert all(line.endswith(again(kept, "what is intact elsewhere")) for line in told)
    for path in (cached, stored):
        path.unlink()
    kept.again()
    (one,) = versions.listed(kept.config, prove=True)
    assert (one.cache, one.remote) == ("intact", "intact")


def test_nothing_left(kept: Kept) -> None:
    """A file of which no copy is left is named, with both places; deleting the pointer and keeping again helps."""
    cached, stored = kept.copies("annotations.parquet")
    shutil.rmtree(kept.version.folder)
    cached.unlink()
    stored.unlink()
    missing = f"no copy of {kept.version.name}/annotations.parquet in the cache ({cached}) or the remote ({stored})"
    expected = f"restore it from a backup, or delete {kept.pointer} and keep the same data again"
    for action in (kept.again, lambda: versions.snapshot(kept.config, dataset())):
        assert refused(action) == f"data version {kept.version.name}: {missing}; {expected}"
    kept.pointer.unlink()
    assert versions.snapshot(kept.config, dataset()).name == kept.version.name


def test_a_remote_that_is_away(kept: Kept) -> None:
    """Without its remote a version comes from the cache, and the remote is not made anew elsewhere."""
    shutil.rmtree(kept.version.folder)
    shutil.rmtree(kept.version.remote)
    kept.again()
    assert not kept.version.remote.exists()


def test_the_pointer(kept: Kept) -> None:
    """A pointer that is not what DVC wrote is named; deleting it and keeping the same data again helps."""
    content = kept.pointer.read_bytes()
    advice = "restore it from git, or delete it and keep the same data again"
    for damaged in (b"", content[:10], content.replace(b"md5: ", b"md5: z"), b"outs: 7\n", b"\xff\xfe"):
        kept.pointer.write_bytes(damaged)
        assert refused(kept.again) == f"{kept.pointer}: not what DVC wrote; {advice}"
        (one,) = versions.listed(kept.config)
        assert (one.size, one.folder, one.cache, one.remote) == (None, "intact", None, None)
    kept.pointer.unlink()
    versions.snapshot(kept.config, dataset())
    assert kept.pointer.read_bytes() == content


@pytest.mark.parametrize("length", [0, 20])
def test_a_pointer_that_was_half_written_is_written_again(kept: Kept, length: int) -> None:
    """Keeping the same data again completes a pointer that DVC did not write to its end, and says so."""
    content, folder = kept.pointer.read_bytes(), kept.version.folder
    kept.pointer.write_bytes(content[:length])
    with pytest.warns(CandleMLWarning) as told:
        versions.snapshot(kept.config, dataset())
    found = f"ended after {length} bytes, as a killed process leaves it; written again of {folder}"
    assert [str(one.message) for one in told if one.category is CandleMLWarning] == [f"{kept.pointer}: {found}"]
    assert kept.pointer.read_bytes() == content


def test_an_empty_pointer_of_a_damaged_folder_stays(kept: Kept) -> None:
    """It is not completed by a folder that is not proven, which is named instead."""
    kept.pointer.write_bytes(b"")
    path = kept.version.folder / "samples.parquet"
    flip(path)
    advice = f"delete the folder {kept.version.folder}, then candle-ml data checkout {kept.version.name}"
    assert refused(lambda: versions.snapshot(kept.config, dataset())) == f"{path}: its bytes have changed; {advice}"
    assert kept.pointer.read_bytes() == b""


def test_a_folder_of_another_version(kept: Kept) -> None:
    """An intact folder under another version's name is named."""
    other = versions.snapshot(kept.config, dataset("wedge"))
    shutil.rmtree(kept.version.folder)
    other.folder.rename(kept.version.folder)
    folder, name = kept.version.folder, kept.version.name
    advice = f"delete the folder {folder}, then candle-ml data checkout {name}"
    assert refused(kept.again) == f"{folder}: holds data version {other.name}; {advice}"


def test_a_listing_with_a_path_of_its_own(kept: Kept) -> None:
    """A list of files that would write outside the version's folder is refused."""
    cached, stored = listing(kept)
    evil = cached.read_text("utf-8").replace("annotations.parquet", "../../evil.parquet").encode()
    from hashlib import md5

    name = md5(evil).hexdigest() + ".dir"
    for old in (cached, stored):
        path = old.parent.parent / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(evil)
        old.unlink()
    shutil.rmtree(kept.version.folder)
    text = kept.pointer.read_text("utf-8")
    kept.pointer.write_text(re.sub(r"[0-9a-f]{32}\.dir", name, text), "utf-8")
    told = refused(kept.again)
    assert told.endswith("the file name '../../evil.parquet'; the files of a data version")


def test_the_list_proves_every_copy(kept: Kept) -> None:
    """Without proof a damaged copy counts as there; with proof the list says where damage is."""
    cached, _ = kept.copies("annotations.parquet")
    flip(cached)
    flip(kept.version.folder / "samples.parquet")
    (one,) = versions.listed(kept.config)
    assert (one.folder, one.cache, one.remote) == ("intact", "intact", "intact")
    (one,) = versions.listed(kept.config, prove=True)
    assert (one.folder, one.cache, one.remote) == ("damaged", "damaged", "intact")


def test_a_proven_list_names_what_is_wrong(kept: Kept) -> None:
    """After its table `data list --prove` names each damaged place and what would do, and ends with exit code 3."""
    folder, (cached, stored) = kept.version.folder, kept.copies("reviewed.parquet")
    (folder / "extra.txt").write_text("mine", "utf-8")
    (folder / "rejected.parquet").unlink()
    flip(folder / "samples.parquet")
    cached.chmod(0o644)
    cached.write_bytes(cached.read_bytes()[:-1])
    words = ["data", "list", "--prove", "-c", str(kept.root / "config" / "pipeline.yaml")]
    told = CliRunner().invoke(main, words)
    advice = f"delete the folder {folder}, then candle-ml data checkout {kept.version.name}"
    copy = f"its bytes have changed; it is the cache's copy of {kept.version.name}/reviewed.parquet"
    assert told.stderr.splitlines() == [
        f"{folder / 'rejected.parquet'}: missing; {advice}",
        f"{folder / 'extra.txt'}: not in the manifest; {advice}",
        f"{folder / 'samples.parquet'}: its bytes have changed; {advice}",
        f"{cached}: {copy}; {again(kept, 'the remote')}",
    ]
    assert told.stdout.splitlines()[1].split()[-3:] == ["damaged", "damaged", "intact"]
    assert told.exit_code == 3
    shutil.rmtree(folder)
    for path in (cached, stored):
        path.unlink()
    told = CliRunner().invoke(main, words)
    assert (told.exit_code, told.stderr) == (3, f"{refused(kept.again)}\n")


def test_the_list_finds_the_facts_where_they_are_intact(kept: Kept) -> None:
    """What a version holds is told from any intact manifest, and not at all where there is none."""
    cached, stored = kept.copies("manifest.json")
    flip(kept.version.folder / "manifest.json")
    flip(cached)
    (one,) = versions.listed(kept.config)
    assert one.facts == kept.version.facts
    flip(stored)
    (one,) = versions.listed(kept.config)
    assert one.facts is None


def test_dvc_itself_does_not_take_damaged_objects(kept: Kept) -> None:
    """`dvc pull` in the project, as candle-ml has set it up, leaves a damaged object of the remote alone."""
    _, stored = kept.copies("annotations.parquet")
    shutil.rmtree(kept.version.folder)
    shutil.rmtree(kept.root / ".dvc" / "cache")
    flip(stored)
    dvc(kept.root, "pull", expected=(1, 255))
    assert not (kept.version.folder / "annotations.parquet").exists()

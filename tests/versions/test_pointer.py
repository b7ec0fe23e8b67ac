"""A changed `VERSION.dvc` is named as what is damaged, whatever else is there, and never written anew unasked."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from candle_ml import versions
from candle_ml.cli import main
from candle_ml.versions.copies import Pointer

from .conftest import Kept, dataset, dvc, files
from .test_damage import listing, refused

WRONG = {"md5": "0" * 32 + ".dir", "size": "1", "nfiles": "2", "hash": "sha256", "path": "0123456789ab"}


def change(kept: Kept, key: str) -> str:
    """Let the pointer say something wrong; returns how it is named."""
    text = kept.pointer.read_text("utf-8")
    (right,) = re.findall(rf"{key}: (.*)\n", text)
    kept.pointer.write_text(text.replace(f"{key}: {right}", f"{key}: {WRONG[key]}"), "utf-8")
    found = f"{key} is {WRONG[key]}, but the files of the version give {right}"
    return f"{kept.pointer}: {found}; restore it from git, or write that value"


def shown(kept: Kept, *words: str) -> tuple[str, str]:
    """What `data list` prints, and what it says beside that, which ends it with the exit code of data errors."""
    config = str(kept.root / "config" / "pipeline.yaml")
    told = CliRunner().invoke(main, ["data", "list", "-c", config, *words], catch_exceptions=False)
    assert told.exit_code == (3 if told.stderr else 0)
    return told.stdout, told.stderr


@pytest.mark.parametrize("key", WRONG)
@pytest.mark.parametrize("left", ["everything", "copies", "cache", "folder"])
def test_what_is_wrong_is_named(kept: Kept, key: str, left: str) -> None:
    """Checkout, snapshot and `data list` name the key and its right value, from the folder or the copies alone."""
    if left in ("copies", "cache"):
        shutil.rmtree(kept.version.folder)
    if left in ("cache", "folder"):
        shutil.rmtree(kept.version.remote)
    if left == "folder":
        shutil.rmtree(kept.root / ".dvc" / "cache")
    said = change(kept, key)
    changed = kept.pointer.read_bytes()
    assert refused(kept.again) == said
    assert refused(lambda: versions.snapshot(kept.config, dataset())) == said
    assert kept.pointer.read_bytes() == changed
    (one,) = versions.listed(kept.config, prove=True)
    assert ([str(problem) for problem in one.problems], one.size, one.cache, one.remote) == ([said], None, None, None)
    assert shown(kept, "--prove")[1] == f"{said}\n"


def test_the_named_value_mends_it(kept: Kept) -> None:
    """Once the value that is named stands in it, the version is restored and DVC finds nothing to do."""
    content = kept.pointer.read_bytes()
    before = files(kept.version.folder)
    shutil.rmtree(kept.version.folder)
    right = change(kept, "md5").partition(" give ")[2].partition(";")[0]
    kept.pointer.write_text(kept.pointer.read_text("utf-8").replace(WRONG["md5"], right), "utf-8")
    assert kept.pointer.read_bytes() == content
    assert files(kept.again().folder) == before
    assert "up to date" in dvc(kept.root, "status", str(kept.pointer))


def test_a_quick_list_names_it_too(kept: Kept) -> None:
    """Without `--prove` a wrong size is told where both copies have another one, and its places are `?`."""
    said = change(kept, "size")
    printed, told = shown(kept)
    assert told == f"{said}\n"
    assert printed.splitlines()[1].split()[-4:] == ["?", "there", "?", "?"]
    assert json.loads(shown(kept, "--json")[0])[0]["problems"] == [said]


def test_a_cut_copy_is_not_taken_for_a_wrong_size(kept: Kept) -> None:
    """A copy that has lost its end is named itself: the pointer is right."""
    cached, _ = kept.copies("annotations.parquet")
    cached.chmod(0o644)
    cached.write_bytes(cached.read_bytes()[:-1])
    said = refused(kept.again)
    assert said.startswith(f"{cached}: its bytes have changed; it is the cache's copy of ")
    assert (shown(kept)[1], shown(kept, "--prove")[1]) == ("", f"{said}\n")


def test_another_version_under_a_name(kept: Kept) -> None:
    """A pointer that leads to the files of another version is named, not that version's files."""
    other = versions.snapshot(kept.config, dataset("wedge"))
    pointer = Pointer.read(kept.pointer)
    assert pointer is not None
    theirs = Pointer.read(other.folder.with_name(f"{other.name}.dvc"))
    assert theirs is not None
    shutil.rmtree(kept.version.folder)
    kept.pointer.write_text(kept.pointer.read_text("utf-8").replace(pointer.md5, theirs.md5), "utf-8")
    found = f"md5 is {theirs.md5}, but the files of the version give {pointer.md5}"
    assert refused(kept.again) == f"{kept.pointer}: {found}; restore it from git, or write that value"


def test_what_nothing_tells_is_not_guessed(kept: Kept) -> None:
    """With the folder and every list of files gone, the copies are told as missing."""
    shutil.rmtree(kept.version.folder)
    for path in listing(kept):
        path.unlink()
    change(kept, "md5")
    what = f"data version {kept.version.name}: no copy of the list of files of {kept.version.name} in the cache ("
    assert refused(kept.again).startswith(what)


OTHERS = {
    "  cache: false\n": "cache",
    "  remote: mine\n": "remote",
    "  push: false\n": "push",
    "frozen: true\n": "frozen",
    "wdir: ..\n": "wdir",
    "- path: other\n": "a further entry in outs",
}


@pytest.mark.parametrize(("added", "named"), OTHERS.items())
def test_what_dvc_does_not_write_is_named(kept: Kept, added: str, named: str) -> None:
    """A key that DVC would go by, or a further entry, is named by checkout, snapshot and `data list`, and stays."""
    content = kept.pointer.read_text("utf-8") + added
    kept.pointer.write_text(content, "utf-8")
    said = f"{kept.pointer}: holds {named}; restore it from git, or take that out"
    assert refused(kept.again) == said
    assert refused(lambda: versions.snapshot(kept.config, dataset())) == said
    assert shown(kept)[1] == f"{said}\n"
    assert kept.pointer.read_text("utf-8") == content


def test_a_missing_kind_of_hash_is_named(kept: Kept) -> None:
    """Without it DVC would look for files of its older form."""
    kept.pointer.write_text(kept.pointer.read_text("utf-8").replace("  hash: md5\n", ""), "utf-8")
    found = "hash is missing, but the files of the version give md5"
    assert refused(kept.again) == f"{kept.pointer}: {found}; restore it from git, or write that value"


def test_comments_of_a_user_stay(kept: Kept) -> None:
    """What DVC only keeps for people is no damage."""
    content = kept.pointer.read_text("utf-8") + "  desc: mine\nmeta: {author: me}\n# seen\n"
    kept.pointer.write_text(content, "utf-8")
    assert not versions.snapshot(kept.config, dataset()).new
    assert kept.pointer.read_text("utf-8") == content


UNREADABLE = {
    "no list": b"outs: 7\n",
    "no text": b"\xff\xfe",
    "no number": b"outs:\n- md5: e1\n  size: abc\n",
    "no finite number": b"outs:\n- md5: e1\n  size: .inf\n",
    "nested without end": b"[" * 5000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("folder", [True, False])
def test_an_unreadable_one_is_not_written_anew(kept: Kept, content: bytes, folder: bool) -> None:
    """Snapshot, checkout and `data list` name it and leave it as it is, with the version's folder or without."""
    kept.pointer.write_bytes(content)
    if not folder:
        shutil.rmtree(kept.version.folder)
    said = f"{kept.pointer}: not what DVC wrote; restore it from git, or delete it and keep the same data again"
    assert refused(lambda: versions.snapshot(kept.config, dataset())) == said
    assert refused(kept.again) == said
    assert shown(kept)[1] == f"{said}\n"
    assert kept.pointer.read_bytes() == content
    assert kept.version.folder.exists() == folder


def test_one_that_is_nested_without_end_is_named_by_another_version(kept: Kept) -> None:
    """DVC looks at the pointers of all versions before it adds one: the error names the one that it fails at."""
    kept.pointer.write_bytes(UNREADABLE["nested without end"])
    expected = "restore it from git, or delete it and keep the same data again"
    said = f"{kept.pointer}: not what DVC wrote; {expected}"
    assert refused(lambda: versions.snapshot(kept.config, dataset("wedge"))) == said


def test_the_folder_says_what_dvc_wrote(kept: Kept) -> None:
    """The pointer that is computed of a folder is the one that DVC itself has written."""
    right = Pointer.of_folder(kept.version.folder)
    assert right == Pointer.read(kept.pointer)
    assert right.text == kept.pointer.read_text("utf-8")

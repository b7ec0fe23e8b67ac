"""The lock files of a project: what is told where one cannot be held."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from candle_ml.errors import RegistryError
from candle_ml.lock_file import _told, held
from candle_ml.spool import Spool
from candle_ml.tracking import TrackingPlace
from candle_ml.unwritable import unwritable

from ..another_user import another_user
from .conftest import SYNC, invoke, run_id_of

NOISE = "no lock, " * 1_000
RIGHTS = "let this user write the file and its folder"


def refused(path: Path) -> str:
    """What is told where a lock cannot be held."""
    with pytest.raises(RegistryError) as caught, held(path, 0):
        raise AssertionError("held")
    return str(caught.value)


def test_a_damaged_lock(spooled: Path) -> None:
    """A lock file with something in it is named with what would do; removed, the waiting run is uploaded."""
    run_id, path = run_id_of(spooled), spooled / ".candle-ml" / "spool" / "lock"
    path.write_text(NOISE, "utf-8")
    for words, before in ((("runs", "sync"), f"{run_id}: not synced: "), (("model", "rollback"), "")):
        told = invoke(*words)
        assert (told.exit_code, told.stderr) == (7, f"{before}{path}: is damaged; remove it: it holds nothing\n")
    assert Spool(spooled).run_ids() == {run_id}
    path.unlink()
    assert invoke(*SYNC).exit_code == 0


def test_a_training_that_finds_a_damaged_lock(project: Path) -> None:
    """The training ends well and says that the run waits, for which reason, and what uploads it."""
    path = project / ".candle-ml" / "spool" / "lock"
    path.parent.mkdir(parents=True)
    path.write_text(NOISE, "utf-8")
    told = invoke("train")
    assert told.exit_code == 0
    assert f"not yet synced: {path}: is damaged; remove it: it holds nothing\n" in told.stdout
    assert "candle-ml runs sync uploads it\n" in told.stdout


def test_the_lock_of_the_embedded_store(tmp_path: Path) -> None:
    """Where the embedded store is still to be made, its damaged lock is named, not the store."""
    path = tmp_path / ".candle-ml" / "store.lock"
    path.parent.mkdir()
    path.write_text(NOISE, "utf-8")
    with pytest.raises(RegistryError) as caught:
        TrackingPlace.of(None, tmp_path).client()
    assert str(caught.value) == f"{path}: is damaged; remove it: it holds nothing"


def test_a_folder_in_the_place_of_a_lock(tmp_path: Path) -> None:
    """A folder cannot be locked."""
    assert refused(tmp_path) == f"{tmp_path}: cannot be written: Is a directory; a place that this user can write"


def test_a_lock_that_may_not_be_written() -> None:
    """A folder or file that another user owns is told as such, not as held."""
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "lock"
        for writable in (folder, path):
            folder.chmod(0o755 if writable == path else 0o555)
            with another_user():
                assert refused(path) == f"{path}: cannot be written: this user may not write there; {RIGHTS}"
            path.touch(0o444)
        folder.chmod(0o555)
        with another_user():
            nested = folder / "new" / "lock"
            assert refused(nested) == f"{nested}: cannot be written: this user may not write there; {RIGHTS}"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.EROFS, "its file system is read-only; make that writable"),
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk quota is used up; free some space"),
        (errno.EPERM, f"this user may not write there; {RIGHTS}"),
        (errno.EIO, "Input/output error; a place that this user can write"),
    ],
)
def test_what_a_disk_says_is_put_into_words(code: int, told: str) -> None:
    """Each reason for which a disk takes no file is told with what would do about that reason."""
    assert str(unwritable(Path("file"), OSError(code, os.strerror(code)))) == f"file: cannot be written: {told}"


def test_a_lock_on_a_full_disk(tmp_path: Path) -> None:
    """Where not even a lock can be taken for want of room, the disk is named as the cause, and a way that frees it."""
    path = tmp_path / "lock"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA max_page_count=1")
        with pytest.raises(RegistryError) as caught, _told(path):
            connection.execute("CREATE TABLE more (text TEXT)")
    assert str(caught.value) == f"{path}: cannot be written: the disk is full; free some space"


def test_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    """A lock file that cannot be read is told as such, not as held."""
    path = tmp_path / "lock"
    path.symlink_to("/proc/self/mem")
    assert refused(path) == f"{path}: disk I/O error; check the disk"

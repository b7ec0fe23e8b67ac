"""An embedded store that was emptied, overwritten or has damaged pages."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from candle_ml.errors import RegistryError
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

from ..another_user import another_user

REMEDY = "restore it from a backup, or move it away to begin a new one"


def refused(root: Path) -> str:
    """What a user is told who asks for the versions."""
    with pytest.raises(RegistryError) as caught:
        Registry(TrackingPlace.of(None, root), "small").versions()
    return str(caught.value)


def test_an_emptied_store(tmp_path: Path) -> None:
    """A store that was emptied beside artifacts is refused, again and again; moved away, a new one is made."""
    store, artifacts = tmp_path / "mlflow.db", tmp_path / "mlartifacts"
    store.touch()
    (artifacts / "small").mkdir(parents=True)
    for _ in range(2):
        assert refused(tmp_path) == f"{store}: is empty, though {artifacts} holds what was tracked in it; {REMEDY}"
        assert store.read_bytes() == b""
    store.unlink()
    assert Registry(TrackingPlace.of(None, tmp_path), "small").versions() == ()


def test_an_empty_file_of_a_new_project(tmp_path: Path) -> None:
    """Without artifacts an empty file is replaced by a whole store."""
    (tmp_path / "mlflow.db").touch()
    assert Registry(TrackingPlace.of(None, tmp_path), "small").versions() == ()


@pytest.mark.parametrize(("first", "message"), [(4096, "the database is damaged"), (0, "not a SQLite database")])
def test_a_damaged_store(tmp_path: Path, first: int, message: str) -> None:
    """A store whose pages have changed, from the second or the first on, is told with what would do."""
    TrackingPlace.of(None, tmp_path).client()
    content = bytearray((tmp_path / "mlflow.db").read_bytes())
    content[first:] = bytes(255 - byte for byte in content[first:])
    store = tmp_path / "copy" / "mlflow.db"
    store.parent.mkdir()
    store.write_bytes(content)
    assert refused(store.parent) == f"sqlite:///{store}: {message}; {REMEDY}"


def test_a_store_that_has_gone_meanwhile(tmp_path: Path) -> None:
    """Who asks a store that was there a moment ago is told that it has gone, and leaves no empty file in its place."""
    place = TrackingPlace.of(None, tmp_path)
    place.client()
    store, registry = tmp_path / "mlflow.db", Registry(place, "small")
    (tmp_path / "mlartifacts").mkdir(exist_ok=True)
    assert registry.versions() == ()
    store.rename(tmp_path / "away.db")
    with pytest.raises(RegistryError) as caught:
        registry.versions()
    assert str(caught.value) == f"{store}: has gone; put it back; the next training begins a new one"
    assert not store.exists()
    (tmp_path / "away.db").rename(store)
    assert registry.versions() == ()


def test_a_store_that_may_not_be_read(tmp_path: Path) -> None:
    """A store that this user may not open is told in words, and so is a folder in its place."""
    expected = "the file cannot be opened; check that it is a file, and that this user may read it"
    (tmp_path / "mlflow.db").mkdir()
    assert refused(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db: {expected}"
    # Not pytest's folder: pytest closes that to other users.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        TrackingPlace.of(None, Path(folder)).client()
        (Path(folder) / "mlflow.db").chmod(0)
        with another_user():
            assert refused(Path(folder)) == f"sqlite:///{folder}/mlflow.db: {expected}"

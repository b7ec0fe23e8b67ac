"""An embedded store that was lost or emptied, overwritten or has damaged pages."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from candle_ml import pipeline
from candle_ml.config import load_config
from candle_ml.errors import RegistryError
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

from ..another_user import another_user
from .conftest import SYNC, invoke, size_of

REMEDY = "restore it from a backup, or move it away to begin a new one"
BEGINS = "restore it from a backup; the next training begins a new one"
UNLINK = "put back what it leads to, or remove the link to begin a new store"
READING = (
    "model list",
    "model promote 1",
    "trace champion",
    "predict data/candles/AAPL_1d.csv",
    "runs prune --keep 0",
)


def refused(root: Path) -> str:
    """What a user is told who asks for the versions."""
    with pytest.raises(RegistryError) as caught:
        Registry(TrackingPlace.of(None, root), "small").versions()
    return str(caught.value)


def test_an_emptied_store(tmp_path: Path) -> None:
    """A store that was emptied beside artifacts is refused, again and again."""
    store, artifacts = tmp_path / "mlflow.db", tmp_path / "mlartifacts"
    store.touch()
    (artifacts / "small").mkdir(parents=True)
    for _ in range(2):
        assert refused(tmp_path) == f"{store}: is empty, though {artifacts} holds what was tracked in it; {REMEDY}"
        assert store.read_bytes() == b""


@pytest.mark.parametrize("linked", [False, True])
def test_a_lost_store(spooled: Path, linked: bool) -> None:
    """Without the store, or with a link to where it is not any more, commands fail and make none; no run loses a file.

    A training begins a new one and says so, but not in the place of a link.
    """
    assert invoke(*SYNC).exit_code == 0
    store, artifacts = spooled / "mlflow.db", spooled / "mlartifacts"
    store.rename(spooled / "away.db")
    told = f"sqlite:///{store}: is not there, though {artifacts} is; {BEGINS}"
    if linked:
        store.symlink_to("unmounted/mlflow.db")
        told = f"{store}: a link to unmounted/mlflow.db, where nothing is; {UNLINK}"
    files = size_of(spooled / ".candle-ml" / "runs")
    for words in READING:
        done = invoke(*words.split())
        assert (words, done.exit_code, done.stderr) == (words, 7, f"{told}\n")
    assert told in invoke("doctor").stdout
    assert not store.exists()
    assert size_of(spooled / ".candle-ml" / "runs") == files
    trained = invoke("train")
    begun = (
        f"note: sqlite:///{store} is not there, though {artifacts} is: a new one is begun, which knows no earlier run"
    )
    assert (trained.exit_code, begun in trained.stdout) == ((7, False) if linked else (0, True))
    assert store.exists() == (not linked)


def test_a_link_that_leads_nowhere_in_the_place_of_all(spooled: Path) -> None:
    """Where the folder of artifacts is on a disk that is away as well, nothing is taken for never made either."""
    (spooled / "mlartifacts").symlink_to("unmounted/mlartifacts")
    done = invoke("runs", "prune", "--keep", "0")
    assert done.stderr == f"sqlite:///{spooled}/mlflow.db: is not there, though {spooled}/mlartifacts is; {BEGINS}\n"


def test_a_store_that_is_lost_before_a_run_is_uploaded(project: Path) -> None:
    """A run whose store goes while it trains waits for the store to come back, and makes no other."""
    store = project / "mlflow.db"

    def losing(what: str, done: int, total: int) -> None:
        if (what, done) == ("record run", 1):
            (project / "mlartifacts").mkdir(exist_ok=True)
            store.rename(project / "away.db")

    result = pipeline.run(load_config(project / "config" / "pipeline.yaml"), progress=losing)
    lost = f"sqlite:///{store}: is not there, though {project}/mlartifacts is; {BEGINS}"
    assert result.spooled == lost
    assert invoke("runs", "sync").stderr == f"{result.run_id}: not synced: {lost}\n"
    (project / "away.db").rename(store)
    assert invoke("runs", "sync").stdout.startswith(f"{result.run_id}: synced to sqlite:///{store}\n")


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

"""Databases without tables of candle-ml, where there should be some, or of something else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml.cli import main
from candle_ml.errors import StateError
from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, StateStore, schema

from .conftest import execute

PIPELINE = """name: small
sources: {use: [{use: candle-files}]}
features: {enabled: false}
labels: {enabled: false}
model: {enabled: false}
"""
EMPTY = "restore it from a backup, or move it away to begin a new one"


def refused(root: Path, url: str | None = None) -> str:
    """What a user is told who opens a store."""
    with pytest.raises(StateError) as caught:
        StateStore.open(root, url)
    return str(caught.value)


def opens(root: Path) -> bool:
    """Whether a project's own store opens, without a run."""
    with StateStore.open(root) as store:
        return store.runs() == ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The own store of a project that has a run."""
    assert opens(tmp_path)
    (tmp_path / ".candle-ml" / "runs" / "one").mkdir(parents=True)
    return tmp_path / ".candle-ml" / "state.db"


def test_an_emptied_file(file: Path, tmp_path: Path) -> None:
    """A store that was emptied beside runs is refused, again and again; moved away, a new one is made."""
    for left in file.parent.glob("state.db*"):
        left.write_bytes(b"")
    for _ in range(2):
        assert refused(tmp_path) == f"state store {file}: is empty, though {file.parent / 'runs'} holds runs; {EMPTY}"
    file.rename(tmp_path / "away.db")
    assert opens(tmp_path)


@pytest.mark.parametrize("command", ["runs list", "db status", "db upgrade", "runs show one"])
def test_an_emptied_file_stays_empty(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Not one byte is written into a store that was emptied beside runs, by whatever command it is named."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    monkeypatch.chdir(tmp_path)
    file.write_bytes(b"")
    told = CliRunner().invoke(main, command.split())
    named = f"state store {file}: is empty, though {file.parent / 'runs'} holds runs; {EMPTY}\n"
    assert (told.exit_code, told.stderr) == (8, named)
    assert file.read_bytes() == b""


def test_the_status_of_an_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`db status` writes nothing into an empty file without runs either."""
    path = tmp_path / "empty.db"
    path.touch()
    monkeypatch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{path}")
    assert CliRunner().invoke(main, ["db", "status"]).exit_code == 0
    assert path.read_bytes() == b""


def test_an_empty_file_of_a_new_project(tmp_path: Path) -> None:
    """Without any run an empty file is made a store of."""
    (tmp_path / ".candle-ml").mkdir()
    (tmp_path / ".candle-ml" / "state.db").touch()
    assert opens(tmp_path)


def test_tables_that_were_taken_back(file: Path, tmp_path: Path) -> None:
    """Tables that `db downgrade base` took away are made again, beside runs too."""
    database = Database(DatabasePlace.of(tmp_path))
    schema.downgrade(database, schema.EMPTY)
    database.close()
    assert opens(tmp_path)


def test_runs_that_a_new_store_does_not_know(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store was removed, asking for runs makes none; in a new one they are told as unknown."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    monkeypatch.chdir(tmp_path)
    for left in file.parent.glob("state.db*"):
        left.unlink()
    told = CliRunner().invoke(main, ["runs", "list"])
    expected = "restore it from a backup, or run candle-ml db upgrade for a new one"
    runs = file.parent / "runs"
    assert told.output == f"state store {file}: is not there, though {runs} holds runs; {expected}\n"
    assert not file.exists()
    CliRunner().invoke(main, ["db", "upgrade"], catch_exceptions=False)
    assert CliRunner().invoke(main, ["runs", "list"]).output == (
        "no run is recorded; candle-ml train makes one\n"
        f"runs that this state store does not know: 1, in {runs}; candle-ml runs prune removes old ones\n"
    )


def test_a_foreign_database(url: str, tmp_path: Path) -> None:
    """A database of something else that has a table of the same name is told as such, and stays as it is."""
    execute(url, "CREATE TABLE training_runs (mine TEXT)", "INSERT INTO training_runs VALUES ('mine')")
    place = DatabasePlace.of(tmp_path, url)
    told = "has a table training_runs that is not candle-ml's; name another database by CANDLE_ML_DATABASE_URL"
    assert refused(tmp_path, url) == f"{place.where}: {told}"
    database = Database(place)
    with pytest.raises(StateError) as caught:
        schema.upgrade(database)
    database.close()
    assert str(caught.value) == f"{place.where}: {told}"
    assert execute(url, "SELECT * FROM training_runs") == [("mine",)]


@pytest.mark.parametrize("table", ["model_loads", "training_runs"])
def test_a_table_that_is_lost(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """A store that has lost one of its tables is told as such by whatever opens it, not as up to date."""
    database = Database(DatabasePlace.of(tmp_path, url))
    schema.upgrade(database)
    database.close()
    execute(url, f"DROP TABLE {table}")
    told = "restore it from a backup, or name an empty one to begin anew"
    expected = f"{DatabasePlace.of(tmp_path, url).where}: has lost its table {table}; {told}"
    assert refused(tmp_path, url) == expected
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    for words in (("db", "status"), ("db", "upgrade"), ("runs", "list")):
        result = CliRunner().invoke(main, words)
        assert (result.exit_code, result.stderr) == (8, f"{expected}\n")


def test_the_status_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`db status` says of a file that is not there, or has other tables only, that it has none of candle-ml's."""
    path = tmp_path / "other.db"
    monkeypatch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{path}")
    for _ in range(2):
        told = CliRunner().invoke(main, ["db", "status"])
        assert (told.exit_code, told.output) == (
            0,
            f"database: {path}\nrevision: none, newest: 0003\n"
            "no tables of candle-ml are there; candle-ml db upgrade makes them\n",
        )
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS other (text TEXT)")

"""What a user is told when a database is away, wrong, full or not to be written; never a password."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from candle_ml.errors import StateError
from candle_ml.state import Database, DatabasePlace, StateStore, schema

from .conftest import STRICT_PASSWORD, STRICT_USER, Opener, Server, execute

SETTING = "CANDLE_ML_DATABASE_URL"


ON_INSERT = """
CREATE FUNCTION insert_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NEW; END $$;
CREATE TRIGGER fails BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION insert_fails()
"""


def made(url: str, root: Path) -> str:
    """The address of a database after its tables were made."""
    database = Database(DatabasePlace.of(root, url))
    schema.upgrade(database)
    database.close()
    return url


def refused(root: Path, url: str) -> str:
    """What a user is told who opens a store there."""
    with pytest.raises(StateError) as caught:
        StateStore.open(root, url)
    assert caught.value.exit_code == 8
    return str(caught.value)


def told(store: StateStore) -> str:
    """What a user is told whose run cannot be recorded."""
    with pytest.raises(StateError) as caught:
        store.begin_run("r1", "random-forest", "demo", "c0ffee", "text" * 5_000)
    return str(caught.value)


@pytest.fixture
def each_connection() -> Iterator[list[str]]:
    """SQLite settings that every new connection gets while the test runs."""
    settings: list[str] = []

    def apply(connection: object, record: object) -> None:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")  # type: ignore[attr-defined]

    event.listen(Engine, "connect", apply)
    yield settings
    event.remove(Engine, "connect", apply)


def test_nobody_listens(tmp_path: Path) -> None:
    """A server that is not there is named with the reason."""
    assert refused(tmp_path, "postgresql://ann:s3cret@127.0.0.1:1/candles") == (
        "state store postgresql://ann@127.0.0.1:1/candles: cannot be reached (Connection refused); "
        f"check that PostgreSQL runs there, and the address in {SETTING}"
    )


def test_an_unknown_host(tmp_path: Path) -> None:
    """A host name that leads nowhere is named."""
    message = refused(tmp_path, "postgresql://ann:s3cret@nowhere.invalid/candles")
    assert re.fullmatch(
        r"state store postgresql://ann@nowhere\.invalid/candles: cannot be reached \(.*\); "
        rf"check that PostgreSQL runs there, and the address in {SETTING}",
        message,
    )


@pytest.mark.parametrize(
    ("address", "shown", "reason"),
    [
        ("127.0.0.1:1/candles?bogus=1", "127.0.0.1:1/candles", 'invalid connection option "bogus"'),
        ("127.0.0.1:1/candles?sslmode=bogus", "127.0.0.1:1/candles", 'invalid sslmode value: "bogus"'),
        ("127.0.0.1:99999/candles", "127.0.0.1:99999/candles", 'invalid port number: "99999"'),
        ("127.0.0.1:1/c?connect_timeout=soon", "127.0.0.1:1/c", "bad value for connect_timeout: 'soon'"),
    ],
)
def test_an_address_that_nobody_is_asked_at(tmp_path: Path, address: str, shown: str, reason: str) -> None:
    """A port, an option or a value that PostgreSQL does not know is told as such, not as a server that is away."""
    assert refused(tmp_path, f"postgresql://ann:s3cret@{address}") == (
        f"state store postgresql://ann@{shown}: not an address of PostgreSQL ({reason}); correct it in {SETTING}"
    )


def test_a_wrong_password(server: Server, tmp_path: Path) -> None:
    """A refused password is said to be refused, and shown nowhere."""
    assert refused(tmp_path, server.url("postgres", STRICT_USER, "s3cret")) == (
        f"state store postgresql://{STRICT_USER}@{server.folder}/postgres: the server refuses the connection "
        f'(password authentication failed for user "{STRICT_USER}"); check the user and the password in {SETTING}'
    )


def test_an_unknown_user_and_an_unknown_database(server: Server, tmp_path: Path) -> None:
    """A user or a database that the server does not have is named."""
    assert refused(tmp_path, server.url("postgres", "nobody")) == (
        f"state store postgresql://nobody@{server.folder}/postgres: the server refuses the connection "
        f'(role "nobody" does not exist); check the user and the password in {SETTING}'
    )
    assert refused(tmp_path, server.url("nothing")) == (
        f"state store postgresql://postgres@{server.folder}/nothing: the server refuses the connection "
        f'(database "nothing" does not exist); create that database, or name another in {SETTING}'
    )


def test_a_server_with_too_many_guests(server: Server, tmp_path: Path) -> None:
    """A server that takes no more connections says so."""
    name = server.create_database()
    execute(server.url("postgres"), f"CREATE ROLE guest LOGIN; ALTER DATABASE {name} CONNECTION LIMIT 0")
    assert refused(tmp_path, server.url(name, "guest")) == (
        f"state store postgresql://guest@{server.folder}/{name}: the server refuses the connection "
        f'(too many connections for database "{name}"); try again later'
    )


def test_a_password_with_every_sign(server: Server, tmp_path: Path, open_store: Opener) -> None:
    """A password with spaces, slashes and at signs works when it is percent-encoded."""
    url = server.url(server.create_database(), STRICT_USER, STRICT_PASSWORD)
    assert "%40" in url
    made(url, tmp_path)
    assert open_store(url).runs() == ()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            "it is read-only (cannot execute INSERT in a read-only transaction); "
            f"name a server that can be written to in {SETTING}",
        ),
        (
            ON_INSERT.format("RAISE 'could not extend file' USING ERRCODE = '53100';", "pipeline_configs"),
            "the disk is full (could not extend file); free some space; nothing was changed there",
        ),
    ],
)
def test_a_server_that_cannot_write(
    server: Server, tmp_path: Path, open_store: Opener, statement: str, message: str
) -> None:
    """Each reason for which a server does not write is told with what would do."""
    name = server.create_database()
    url = made(server.url(name), tmp_path)
    execute(url, statement.replace("{}", name))
    assert told(open_store(url)) == f"state store postgresql://postgres@{server.folder}/{name}: {message}"


def test_a_server_that_stops(server: Server, tmp_path: Path, open_store: Opener) -> None:
    """An open store whose server has stopped says so when it is asked, and answers again afterwards."""
    name = server.create_database()
    store = open_store(made(server.url(name), tmp_path))
    server.stop()
    with pytest.raises(StateError) as caught:
        store.ping()
    server.start()
    assert str(caught.value) == (
        f"state store postgresql://postgres@{server.folder}/{name}: cannot be reached (No such file or directory); "
        f"check that PostgreSQL runs there, and the address in {SETTING}"
    )
    store.ping()


def test_a_connection_that_is_cut(server: Server, tmp_path: Path, open_store: Opener) -> None:
    """A connection that the server ends in the middle of a transaction is told as lost."""
    name = server.create_database()
    url = made(server.url(name), tmp_path)
    execute(url, ON_INSERT.format("PERFORM pg_terminate_backend(pg_backend_pid());", "model_loads"))
    with pytest.raises(StateError) as caught:
        open_store(url).record_load("demo", "loaded")
    assert str(caught.value) == (
        f"state store postgresql://postgres@{server.folder}/{name}: the connection was lost "
        "(terminating connection due to administrator command); check that PostgreSQL runs"
    )


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file with something else in it is refused and stays as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, " * 1_000, "utf-8")
    assert refused(tmp_path, f"sqlite:///{file}") == (
        f"state store {file}: not a SQLite database; move that file away, or name another database by {SETTING}"
    )
    assert file.read_text("utf-8") == "not a database, " * 1_000


def test_a_damaged_file(tmp_path: Path) -> None:
    """A database whose pages were overwritten is said to be damaged."""
    url = made(f"sqlite:///{tmp_path / 'state.db'}", tmp_path)
    with (tmp_path / "state.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    assert refused(tmp_path, url) == (
        f"state store {tmp_path / 'state.db'}: the database is damaged; "
        "restore it from a backup, or move it away to begin a new one"
    )


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """A folder that has the file's name is not opened."""
    (tmp_path / "state.db").mkdir()
    assert refused(tmp_path, "sqlite:///state.db") == (
        f"state store {tmp_path / 'state.db'}: the file cannot be opened; "
        "check that it is a file, and that this user may read it"
    )


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """A file that has the folder's name is left alone, and the way around is told."""
    (tmp_path / ".candle-ml").write_text("mine", "utf-8")
    file = tmp_path / ".candle-ml" / "state.db"
    assert refused(tmp_path, "") == (
        f"state store {file}: cannot be written: File exists; a place that this user can write, or set {SETTING}"
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("query_only=ON", f"it is read-only; let this user write the file and its folder, or set {SETTING}"),
        ("max_page_count=12", "the disk is full; free some space; nothing was changed there"),
    ],
)
def test_a_file_that_cannot_be_written(
    tmp_path: Path, open_store: Opener, each_connection: list[str], setting: str, message: str
) -> None:
    """A read-only file and a full disk are told with what would do, and nothing is half-written."""
    store = open_store(f"sqlite:///{tmp_path / 'state.db'}")
    each_connection.append(setting)
    assert told(store) == f"state store {tmp_path / 'state.db'}: {message}"
    each_connection.clear()
    assert store.runs() == ()
    with pytest.raises(StateError):
        store.config_text("c0ffee")


def test_a_disk_that_fails(tmp_path: Path) -> None:
    """A write that the disk refuses is told, and the program goes on."""
    code = """
import resource, signal
from pathlib import Path
from candle_ml.errors import StateError
from candle_ml.state import StateStore
store = StateStore.open(Path())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.begin_run("r1", "random-forest", "demo", "c0ffee", "text")
except StateError as error:
    print(error)
"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    file = tmp_path / ".candle-ml" / "state.db"
    told = "the disk is full or does not answer; free some space or check the disk; nothing was changed there"
    assert shown.stdout == f"state store {file}: {told}\n"


def test_a_file_that_was_deleted(tmp_path: Path, open_store: Opener) -> None:
    """A store whose file was deleted meanwhile says so and makes none; another store begins a new one."""
    file = tmp_path / "state.db"
    store = open_store(f"sqlite:///{file}")
    file.unlink()
    assert told(store) == (
        f"state store {file}: the file is not there; "
        "restore it from a backup, or begin a new one with candle-ml db upgrade"
    )
    assert not file.exists()
    assert open_store(f"sqlite:///{file}").runs() == ()


def test_tables_that_are_gone_meanwhile(ready: str, tmp_path: Path, open_store: Opener) -> None:
    """A table that an open store does not find any more is told with the command that makes the tables."""
    store = open_store(ready)
    execute(ready, "DROP TABLE training_runs", "DROP TABLE pipeline_configs")
    place = DatabasePlace.of(tmp_path, ready)
    missing = 'a table is missing (relation "pipeline_configs" does not exist)'
    assert told(store) == (
        f"{place.where}: {'no such table: pipeline_configs' if place.file else missing}; "
        "run candle-ml db upgrade; where that does not help, restore the database from a backup"
    )


def test_a_read_only_disk(
    tmp_path: Path, open_store: Opener, each_connection: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system says that the disk is read-only, that is told, not that the user lacks rights."""
    store = open_store(f"sqlite:///{tmp_path / 'state.db'}")
    each_connection.append("query_only=ON")

    def refusing(path: object, flags: int) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(os, "open", refusing)
    assert told(store) == (
        f"state store {tmp_path / 'state.db'}: its file system is read-only; make that writable, or set {SETTING}"
    )


def test_a_missing_password(server: Server, tmp_path: Path) -> None:
    """An address without the password that the server asks for is told as refused, not as a server that is away."""
    assert refused(tmp_path, server.url("postgres", STRICT_USER)) == (
        f"state store postgresql://{STRICT_USER}@{server.folder}/postgres: the server refuses the connection "
        f"(fe_sendauth: no password supplied); check the user and the password in {SETTING}"
    )


@pytest.mark.parametrize("package", ["sqlalchemy", "tenacity"])
def test_a_missing_package(package: str) -> None:
    """Without a package of the extra the command says what to install."""
    code = f"import sys; sys.modules[{package!r}] = None; from candle_ml.cli import main; main(['db', 'status'])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 8
    assert ended.stderr.startswith(
        f"state store: import of {package} halted; None in sys.modules; pip install 'candle-ml[state]'"
    )


def test_a_missing_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL's driver the message says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refused(tmp_path, "postgresql://127.0.0.1:1/candles").endswith("; pip install 'candle-ml[state]'")

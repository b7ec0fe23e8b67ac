"""Where the state is kept: a SQLite file of the project, or the database that the environment names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from candle_ml.errors import ConfigError, Problem, StateError
from candle_ml.unwritable import unwritable

DATABASE_URL_VARIABLE = "CANDLE_ML_DATABASE_URL"
DEFAULT_FILE = Path(".candle-ml") / "state.db"
EXAMPLE = "postgresql+psycopg://user:password@host:5432/database"
_POSTGRESQL = "postgresql+psycopg"
_POSTGRESQL_NAMES = frozenset({_POSTGRESQL, "postgresql", "postgres"})
_SQLITE_NAMES = frozenset({"sqlite", "sqlite+pysqlite"})


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """One database. `shown` names it for people: never with a password."""

    url: URL = field(repr=False)
    shown: str

    @classmethod
    def of(cls, root: Path, url: str | None = None) -> DatabasePlace:
        """The given URL, else that of the environment, else the SQLite file of the project folder `root`.

        Raises `ConfigError` for a URL that names no database candle-ml works with; it never repeats the URL.
        """
        text = (url or os.environ.get(DATABASE_URL_VARIABLE, "")).strip()
        if not text:
            return cls._of_file(root.resolve() / DEFAULT_FILE)
        parsed = _parsed(text)
        if parsed.drivername in _SQLITE_NAMES:
            return cls._of_file(_file(parsed, root))
        if parsed.drivername in _POSTGRESQL_NAMES:
            return cls(parsed.set(drivername=_POSTGRESQL), _shown(parsed))
        raise _refused(f"the driver {parsed.drivername!r}", f"write {EXAMPLE}, or sqlite:///file.db")

    @classmethod
    def _of_file(cls, file: Path) -> DatabasePlace:
        return cls(URL.create("sqlite", database=str(file)), str(file))

    @property
    def file(self) -> Path | None:
        """The file of an embedded database; None where a server keeps it."""
        return Path(self.url.database or "") if self.url.drivername == "sqlite" else None

    @property
    def runs(self) -> Path | None:
        """The folder of the runs beside a project's own file; None of another database."""
        file = self.file
        return file.with_name("runs") if file is not None and file.parts[-2:] == DEFAULT_FILE.parts else None

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"state store {self.shown}"

    def make(self) -> None:
        """Create an embedded database, without tables, and its folder where they are not. Raises `StateError`."""
        if self.file is None or self.file.exists():
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.touch()
        except OSError as error:
            problem = unwritable(self.file, error)
            expected = f"{problem.expected}, or set {DATABASE_URL_VARIABLE}"
            raise StateError(Problem(self.where, problem.found, expected)) from error


def _parsed(text: str) -> URL:
    try:
        parsed = make_url(text)
    except (ArgumentError, ValueError):
        raise _refused("not a database URL", f"write {EXAMPLE}, or sqlite:///file.db") from None
    # Such a URL was split at the wrong place: what counts as the host holds a part of the password.
    if "@" in f"{parsed.host}{parsed.database}":
        raise _refused("an @ or / that is part of the user or password", "write @ as %40 and / as %2F there")
    return parsed


def _file(url: URL, root: Path) -> Path:
    if not url.database or url.database == ":memory:":
        raise _refused("a SQLite database without a file: its state would be lost", "write sqlite:///file.db")
    if url.query:
        raise _refused(f"options of SQLite: {', '.join(url.query)}", "write sqlite:///file.db")
    return root.resolve() / url.database


def _shown(url: URL) -> str:
    """Only the parts that hold no secret; options may hold a password too."""
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    socket = url.query.get("host", "")
    host = url.host or (socket if isinstance(socket, str) else ",".join(socket))
    return f"postgresql://{user}{host}{port}/{url.database or ''}"


def _refused(found: str, expected: str) -> ConfigError:
    return ConfigError.at(DATABASE_URL_VARIABLE, found, expected)

"""What databases raise, as a `StateError` that says what would do and never shows a password."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from candle_ml.errors import StateError
from candle_ml.state.place import DATABASE_URL_VARIABLE, DatabasePlace


@dataclass(frozen=True, slots=True)
class _Advice:
    found: str
    expected: str


_MOVE = f"move that file away, or name another database by {DATABASE_URL_VARIABLE}"
_TABLES = "run candle-ml db upgrade; where that does not help, restore the database from a backup"
_FULL = _Advice("the disk is full", "free some space; nothing was changed there")
_LOST = _Advice("the connection was lost", "check that PostgreSQL runs")

_SQLITE = {
    "NOTADB": _Advice("not a SQLite database", _MOVE),
    "CORRUPT": _Advice("the database is damaged", "restore it from a backup, or move it away to begin a new one"),
    "READONLY": _Advice(
        "it is read-only", f"let this user write the file and its folder, or set {DATABASE_URL_VARIABLE}"
    ),
    "CANTOPEN": _Advice("the file cannot be opened", "check that it is a file, and that this user may read it"),
    "FULL": _FULL,
    "BUSY": _Advice("another process is writing and does not end", "wait for it, or end it"),
    "IOERR": _Advice(
        "the disk is full or does not answer", "free some space or check the disk; nothing was changed there"
    ),
}
"""By the second word of SQLite's name for the error."""

_GONE = _Advice("the file is not there", "restore it from a backup, or begin a new one with candle-ml db upgrade")
_READ_ONLY_DISK = _Advice("its file system is read-only", f"make that writable, or set {DATABASE_URL_VARIABLE}")

_POSTGRESQL = {
    "25006": _Advice("it is read-only", f"name a server that can be written to in {DATABASE_URL_VARIABLE}"),
    "42501": _Advice("this user may not do that", f"grant it that, or name the owner in {DATABASE_URL_VARIABLE}"),
    "42P01": _Advice("a table is missing", _TABLES),
    "53100": _FULL,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _LOST,
}
"""By SQLSTATE (PostgreSQL manual, appendix A)."""

_REFUSED = (
    (
        r"password|authentication|pg_hba|role .* does not exist|not permitted to log in",
        f"check the user and the password in {DATABASE_URL_VARIABLE}",
    ),
    (r"permission denied", f"grant this user CONNECT, or name another in {DATABASE_URL_VARIABLE}"),
    (r"database .* does not exist", f"create that database, or name another in {DATABASE_URL_VARIABLE}"),
    (r"too many|reserved|starting up|shutting down", "try again later"),
    ("", f"check {DATABASE_URL_VARIABLE}"),
)
"""What a server that refuses a connection says, and what would do; it gives no code at this point."""

_WRONG = r"invalid (port number|connection option|.* value)|bad value for"
"""How libpq and psycopg tell of an address that they do not ask anybody at."""

_CONFLICTS = frozenset({"40001", "40P01", "55P03"})


@contextmanager
def guarded(place: DatabasePlace) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into a `StateError` that names the place."""
    try:
        yield
    except ImportError as error:
        raise StateError.at(place.where, str(error), "pip install 'candle-ml[state]'") from error
    except SQLAlchemyError as error:
        advice = _advice(error, place.file)
        # The cause is left out: a driver's own message may repeat what the URL holds.
        raise StateError.at(place.where, _without(place, advice.found), advice.expected) from None


def is_conflict(error: BaseException) -> bool:
    """Whether another transaction was in the way and the same work may pass a moment later."""
    return _sqlite_name(error) in ("BUSY", "LOCKED") or _sqlstate(error) in _CONFLICTS


def is_lost(error: BaseException) -> bool:
    """Whether a server went away, or is not there yet."""
    if not isinstance(error, DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return False
    return error.connection_invalidated or _is_connecting(error) or _POSTGRESQL.get(_sqlstate(error)) is _LOST


def _advice(error: SQLAlchemyError, file: Path | None) -> _Advice:
    said = _said(error)
    if not isinstance(error, DBAPIError):
        return _Advice(said, "")
    if file is not None:
        return _of_file(_sqlite_name(error), said, file)
    if _is_connecting(error):
        return _not_connected(said, answered=re.search("FATAL:|no password supplied", str(error.orig)) is not None)
    known = _LOST if error.connection_invalidated else _POSTGRESQL.get(_sqlstate(error))
    return _Advice(f"{known.found} ({said})", known.expected) if known else _Advice(said, "")


def _of_file(name: str, said: str, file: Path) -> _Advice:
    if name == "CANTOPEN" and not file.exists():
        return _GONE
    if name == "READONLY" and _is_on_a_read_only_disk(file):
        return _READ_ONLY_DISK
    return _SQLITE.get(name, _Advice(said, _TABLES if said.startswith("no such table") else ""))


def _is_on_a_read_only_disk(file: Path) -> bool:
    try:
        os.close(os.open(file, os.O_RDWR))
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def _not_connected(said: str, *, answered: bool) -> _Advice:
    if re.search(_WRONG, said):
        return _Advice(f"not an address of PostgreSQL ({said})", f"correct it in {DATABASE_URL_VARIABLE}")
    if not answered:
        expected = f"check that PostgreSQL runs there, and the address in {DATABASE_URL_VARIABLE}"
        return _Advice(f"cannot be reached ({said})", expected)
    expected = next(advice for pattern, advice in _REFUSED if re.search(pattern, said))
    return _Advice(f"the server refuses the connection ({said})", expected)


def _is_connecting(error: DBAPIError) -> bool:
    """Whether no statement was sent yet; `BEGIN` has none either, but then a code says what happened."""
    return error.statement is None and not _sqlstate(error)


def _sqlite_name(error: BaseException) -> str:
    """`BUSY` of SQLite's SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT and so on."""
    original = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(original, "sqlite_errorname", "") if isinstance(original, sqlite3.Error) else ""
    return f"{name}__".split("_")[1]


def _sqlstate(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _said(error: SQLAlchemyError) -> str:
    """The one line of a driver's message that tells the reason."""
    original = error.orig if isinstance(error, DBAPIError) else error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()] or [type(original).__name__]
    telling = next((line for line in lines if "FATAL:" in line), lines[0])
    return re.split(r"FATAL:\s+|failed: |is bad: ", telling)[-1][:300]


def _without(place: DatabasePlace, message: str) -> str:
    password = place.url.password
    return message.replace(password, "***") if password else message

"""One database: transactions that wait for each other instead of failing, and errors that a user understands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from candle_ml.state.failures import guarded, is_conflict, is_lost
from candle_ml.state.place import DatabasePlace

PATIENCE_SECONDS = 30.0
"""How long a transaction waits for another one's lock, and how long an end of a run waits for a lost server."""

_CONNECT_SECONDS = "10"
_WRITES = "candle_ml_writes"

_Result = TypeVar("_Result")


class Database:
    """Runs functions of a connection inside transactions; every failure is a `StateError` that names the place."""

    def __init__(self, place: DatabasePlace, patience: float = PATIENCE_SECONDS) -> None:
        self.place = place
        self._patience = patience
        with guarded(place):
            self._reader = _sqlite(place, place.file, patience) if place.file else _postgresql(place)
        self._writer = self._reader.execution_options(**{_WRITES: True})

    def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """The result of `work`, which only reads."""
        return self._retried(self._reader, work, is_conflict)

    def write(self, work: Callable[[Connection], _Result], *, repeatable: bool = False) -> _Result:
        """The result of `work`, committed; begun again after a conflict with another transaction.

        With `repeatable`, work that does no harm when done twice, also after the connection was lost.
        """
        return self._retried(self._writer, work, _passes if repeatable else is_conflict)

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()

    def _retried(
        self, engine: Engine, work: Callable[[Connection], _Result], passes: Callable[[BaseException], bool]
    ) -> _Result:
        retrying = Retrying(
            retry=retry_if_exception(passes),
            stop=stop_after_delay(self._patience),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        with guarded(self.place):
            result: _Result = retrying(_in_transaction, engine, work)
            return result


def now(connection: Connection) -> datetime:
    """The time by the clock of the database's machine, so that machines can compare what they wrote."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def _in_transaction(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    with engine.begin() as connection:
        return work(connection)


def _passes(error: BaseException) -> bool:
    return is_conflict(error) or is_lost(error)


def _postgresql(place: DatabasePlace) -> Engine:
    defaults = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": f"{_CONNECT_SECONDS}000",
        "application_name": "candle-ml",
    }
    missing = {name: value for name, value in defaults.items() if name not in place.url.query}
    return create_engine(place.url.update_query_dict(missing), pool_pre_ping=True, hide_parameters=True)


def _sqlite(place: DatabasePlace, file: Path, patience: float) -> Engine:
    # A connection for each transaction: a file that was moved or deleted is noticed, not written to unseen.
    connect = partial(_connected, file, patience)
    engine = create_engine(place.url, poolclass=NullPool, hide_parameters=True, creator=connect)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _connected(file: Path, patience: float) -> sqlite3.Connection:
    """A connection to a file that is there, to read only where it may not be written; none makes the file."""
    return sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None)


def _prepare(connection: sqlite3.Connection, record: Any) -> None:
    # Not WAL, which writes beside the file even to read it: nothing could be looked up on a full or read-only disk.
    for setting in ("journal_mode=DELETE", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for its lock: SQLite refuses it at once.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""The revision of a database's schema: read it, check it, migrate it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect, text

from candle_ml.errors import StateError
from candle_ml.state.database import Database
from candle_ml.state.place import DATABASE_URL_VARIABLE, DatabasePlace
from candle_ml.state.queries import runs
from candle_ml.state.records import SchemaCondition, SchemaStatus
from candle_ml.state.tables import metadata, training_runs

VERSION_TABLE = "candle_ml_revision"
"""Not Alembic's own name, which MLflow's tables use where they share a database with these."""

EMPTY = "base"
_MIGRATIONS = Path(__file__).with_name("migrations")
_MIGRATING = 0x63616E646C65
# Alembic keeps the running migration in a global of its own.
_ONE_AT_A_TIME = threading.Lock()


@cache
def revisions() -> tuple[Script, ...]:
    """Every revision this version knows, oldest first."""
    return tuple(reversed(list(ScriptDirectory(str(_MIGRATIONS)).walk_revisions())))


def status(database: Database) -> SchemaStatus:
    """How the schema of a database stands to this version; nothing is created.

    Raises `StateError` for a database of something else, and for one that has lost its tables or some of them.
    """
    place, known = database.place, [script.revision for script in revisions()]
    if place.file is not None and not place.file.exists():
        return SchemaStatus(place.shown, None, known[-1], "missing")
    revision = database.read(_revision)
    if revision is None:
        # As one that writes: another process may be making the tables, and is waited for.
        _check_tables(place, database.write(partial(_tables, place)))
    condition = _condition(revision, known)
    if condition == "current":
        database.read(partial(_check_whole, place))
    return SchemaStatus(place.shown, revision, known[-1], condition)


def check(database: Database) -> None:
    """Raises `StateError` where the schema is not the one this version works with."""
    found = status(database)
    if found.condition == "unknown":
        raise _unknown(database.place, found)
    if found.condition != "current":
        there = "no tables yet" if found.revision is None else f"schema revision {found.revision}"
        raise StateError.at(database.place.where, f"{there}, {found.newest} is needed", "run candle-ml db upgrade")


def upgrade(database: Database, anew: bool = True) -> SchemaStatus:
    """Bring a database to the newest revision, in one transaction; returns how it stood before.

    Without `anew`, a file that is not there though there are runs beside it is not made. Raises `StateError` for that,
    and where a newer version has been at it.
    """
    before = status(database)
    if before.condition == "unknown":
        raise _unknown(database.place, before)
    if before.condition != "current":
        if not anew:
            check_lost(database.place)
        database.place.make()
        _migrate(database, lambda config: command.upgrade(config, "head"))
    return before


def newer_than(database: Database, target: str) -> tuple[Script, ...]:
    """The revisions of a database that are newer than another, newest first: what a downgrade to it takes back.

    Raises `StateError` where there are none, or where a run is running: its end could not be kept.
    """
    found = status(database)
    if found.condition == "unknown":
        raise _unknown(database.place, found)
    if found.condition == "current":
        _check_running(database)
    order = [EMPTY, *(script.revision for script in revisions())]
    at = order.index(found.revision or EMPTY)
    if target not in order[:at]:
        there = f"give one of {', '.join(order[:at])}" if at else "there are no tables to take back"
        raise StateError.at(database.place.where, f"revision {target!r} is not older than {order[at]!r}", there)
    return tuple(reversed(revisions()[order.index(target) : at]))


def downgrade(database: Database, target: str) -> SchemaStatus:
    """Take a database back to an older revision, or `base` for none, in one transaction; returns how it stood before.

    What newer revisions added is lost. Raises `StateError` as `newer_than` does.
    """
    newer_than(database, target)
    before = status(database)
    _migrate(database, lambda config: command.downgrade(config, target))
    return before


def _migrate(database: Database, run: Callable[[Config], None]) -> None:
    with _ONE_AT_A_TIME:
        database.write(lambda connection: _over(connection, run))


def _over(connection: Connection, run: Callable[[Config], None]) -> None:
    """Run one of Alembic's commands over a connection; a second process waits for the first."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    run(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _tables(place: DatabasePlace, connection: Connection) -> frozenset[str]:
    """The tables that this user sees. Raises `StateError` where that is none whatever there is."""
    if connection.dialect.name == "postgresql" and connection.scalar(text("SELECT current_schema()")) is None:
        expected = f"grant it USAGE of the schema, or name another in {DATABASE_URL_VARIABLE}"
        raise StateError.at(place.where, "this user may not look into any schema", expected)
    found = frozenset(inspect(connection).get_table_names())
    # Committed, it would write SQLite's first page into an empty file.
    connection.rollback()
    return found


def _check_tables(place: DatabasePlace, found: frozenset[str]) -> None:
    """Raise `StateError` where a database without a revision is not one to make tables in."""
    foreign = sorted(found & metadata.tables.keys())
    if foreign and VERSION_TABLE not in found:
        there = f"has a table {foreign[0]} that is not candle-ml's"
        raise StateError.at(place.where, there, f"name another database by {DATABASE_URL_VARIABLE}")
    if not found and _has_runs(place):
        there = f"is empty, though {place.runs} holds runs"
        raise StateError.at(place.where, there, "restore it from a backup, or move it away to begin a new one")


def _check_whole(place: DatabasePlace, connection: Connection) -> None:
    """Raise `StateError` where a table of the newest schema is not there."""
    found = inspect(connection)
    lost = [name for name in metadata.tables if not found.has_table(name)]
    if lost:
        there = f"has lost its table {lost[0]}"
        raise StateError.at(place.where, there, "restore it from a backup, or name an empty one to begin anew")


def check_lost(place: DatabasePlace) -> None:
    """Raises `StateError` where a file is not there, though it must have been."""
    if place.file is not None and not place.file.exists() and _has_runs(place):
        there = f"is not there, though {place.runs} holds runs"
        raise StateError.at(place.where, there, "restore it from a backup, or run candle-ml db upgrade for a new one")


def _has_runs(place: DatabasePlace) -> bool:
    return place.runs is not None and any(place.runs.glob("*"))


def _check_running(database: Database) -> None:
    """Raise `StateError` for a run that is running."""
    found = database.read(lambda connection: runs(connection, (training_runs.c.status == "running",)))
    for run in found:
        if run.status == "running":
            there = f"run {run.run_id} is running, process {run.process_id} on {run.host}"
            raise StateError.at(database.place.where, there, "wait until it has ended, or end it")


def _condition(revision: str | None, known: list[str]) -> SchemaCondition:
    if revision is None:
        return "missing"
    if revision not in known:
        return "unknown"
    return "current" if revision == known[-1] else "behind"


def _unknown(place: DatabasePlace, found: SchemaStatus) -> StateError:
    there = (
        f"schema revision {found.revision} is newer than this version of candle-ml, which knows up to {found.newest}"
    )
    return StateError.at(place.where, there, "update candle-ml")

"""`candle-ml db`: the schema of the state store's database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table
from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, SchemaStatus, schema

_CONDITIONS = {
    "missing": "no tables of candle-ml are there; candle-ml db upgrade makes them",
    "behind": "behind; run candle-ml db upgrade",
    "current": "up to date",
    "unknown": "newer than this version of candle-ml; update candle-ml",
}


@click.group("db")
def command() -> None:
    """Create, migrate and check the database of the state store.

    It is what CANDLE_ML_DATABASE_URL names (postgresql+psycopg://user:password@host:5432/database), else
    .candle-ml/state.db in the project folder. A SQLite file is also made and migrated when it is first used.
    """


@command.command("upgrade")
@config_options
def upgrade(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Create the tables, or bring those of an older version to the newest revision. Nothing is lost."""
    with _database(config, overrides) as database:
        before = schema.upgrade(database)
        _print_change(before, schema.status(database))


@command.command("downgrade")
@click.argument("revision", type=click.Choice([schema.EMPTY, *(one.revision for one in schema.revisions())]))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@config_options
def downgrade(revision: str, yes: bool, config: Path | None, overrides: tuple[str, ...]) -> None:
    """Take the tables back to an older REVISION, to go on with an older candle-ml; `base` drops them all."""
    with _database(config, overrides) as database:
        lost = schema.newer_than(database, revision)
        if not yes:
            click.echo(f"{database.place.shown} loses what these revisions added:")
            print_table(("REVISION", "WHAT"), [(one.revision, one.doc) for one in lost])
            click.confirm("Go on?", abort=True)
        before = schema.downgrade(database, revision)
        _print_change(before, schema.status(database))


@command.command("status")
@config_options
@json_option
def status(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the revision of the tables beside the one that is needed."""
    with _database(config, overrides) as database:
        found = schema.status(database)
    if as_json:
        print_json(asdict(found))
        return
    click.echo(f"database: {found.database}")
    click.echo(f"revision: {found.revision or 'none'}, newest: {found.newest}")
    click.echo(_CONDITIONS[found.condition])


def project_root(config: Path | None, overrides: tuple[str, ...]) -> Path:
    """The project's folder; the current one where the environment names the database and no pipeline is asked for."""
    if config is None and os.environ.get(DATABASE_URL_VARIABLE, "").strip():
        return Path.cwd()
    from candle_ml.config import load_config

    return load_config(config_path(config), overrides).root


@contextmanager
def _database(config: Path | None, overrides: tuple[str, ...]) -> Iterator[Database]:
    database = Database(DatabasePlace.of(project_root(config, overrides)))
    try:
        yield database
    finally:
        database.close()


def _print_change(before: SchemaStatus, after: SchemaStatus) -> None:
    there = after.revision or "none"
    change = "already" if before.revision == after.revision else f"before: {before.revision or 'none'}"
    click.echo(f"{after.database}: revision {there} ({change})")

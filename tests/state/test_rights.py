"""What a user of PostgreSQL is told who lacks rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from candle_ml.cli import main
from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, schema

from .conftest import Server, execute

ANOTHER = f"or name another in {DATABASE_URL_VARIABLE}"
OWNER = f"grant it that, or name the owner in {DATABASE_URL_VARIABLE}"


def test_each_right_that_is_missing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables, the schema, the database and the making of tables: each is named with what would do, by each command."""
    name = server.create_database()
    url = server.url(name)
    execute(url, "CREATE ROLE outsider LOGIN")
    monkeypatch.setenv(DATABASE_URL_VARIABLE, server.url(name, "outsider"))
    monkeypatch.chdir(tmp_path)

    def told(*words: str) -> str:
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 8, result.stdout
        return result.stderr.removeprefix(f"state store postgresql://outsider@{server.folder}/{name}: ")

    denied = "this user may not do that (permission denied for {}); " + OWNER + "\n"
    assert told("db", "upgrade") == denied.format("schema public")
    database = Database(DatabasePlace.of(tmp_path, url))
    schema.upgrade(database)
    database.close()
    for words in (("db", "status"), ("db", "upgrade"), ("runs", "list")):
        assert told(*words) == denied.format("table candle_ml_revision")
    execute(url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for words in (("db", "status"), ("db", "upgrade"), ("runs", "list")):
        assert told(*words) == f"this user may not look into any schema; grant it USAGE of the schema, {ANOTHER}\n"
    execute(url, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    assert told("db", "status") == (
        f'the server refuses the connection (permission denied for database "{name}"); '
        f"grant this user CONNECT, {ANOTHER}\n"
    )
    execute(url, f"GRANT CONNECT ON DATABASE {name} TO outsider", "GRANT USAGE ON SCHEMA public TO outsider")
    execute(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO outsider")
    assert CliRunner().invoke(main, ("db", "status")).stdout.endswith("up to date\n")
    assert told("db", "downgrade", "0001", "-y") == (
        f"this user may not do that (must be owner of table model_loads); {OWNER}\n"
    )

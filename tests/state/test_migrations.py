"""Migrations, up and down, on databases that hold something."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from candle_ml.errors import StateError
from candle_ml.state import Database, DatabasePlace, StateStore, schema
from candle_ml.state.tables import metadata

from .conftest import Opener, Server, execute

REVISIONS = [script.revision for script in schema.revisions()]
LOAD = (
    "INSERT INTO model_loads (model_name, version, loaded_at, outcome) VALUES ('demo', 7, '2026-01-02 03:04', 'loaded')"
)


def fill(url: str) -> None:
    """Write what the oldest revision can hold: a configuration, a finished run and one that has not ended."""
    moment = "'2026-01-02 03:04:05.678901'" if url.startswith("sqlite") else "'2026-01-02 03:04:05.678901+00'"
    execute(url, f"INSERT INTO pipeline_configs VALUES ('c0ffee', 'name: demo', {moment})")
    columns = "run_id, model_type, experiment_name, pipeline_config_hash, metrics_summary, status, created_at"
    for run_id, metrics, status in (("done", '{"f1_macro"\\: 0.5}', "finished"), ("open", "{}", "running")):
        values = f"'{run_id}', 'xgboost', 'demo', 'c0ffee', '{metrics}', '{status}', {moment}"
        execute(url, f"INSERT INTO training_runs ({columns}) VALUES ({values})")


def go_to(database: Database, revision: str) -> None:
    """Bring an empty database to a revision."""
    schema.upgrade(database)
    if revision != REVISIONS[-1]:
        schema.downgrade(database, revision)


def columns(url: str, table: str) -> int:
    """How many columns a table has."""
    return len(execute(url, f"SELECT * FROM {table} LIMIT 1")[0])


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_keeps_every_row(
    database: Database, url: str, tmp_path: Path, open_store: Opener, revision: str
) -> None:
    """From each revision on, rows come through the upgrade unchanged, and a run that died meanwhile is interrupted."""
    go_to(database, revision)
    fill(url)
    assert schema.upgrade(database).revision == revision
    store = open_store(url)
    done, still_open = store.run("done"), store.run("open")
    assert (done.status, done.metrics, done.config_hash) == ("finished", {"f1_macro": 0.5}, "c0ffee")
    assert done.created_at.isoformat() == "2026-01-02T03:04:05.678901+00:00"
    assert still_open.status == "interrupted"
    assert store.config_text("c0ffee") == "name: demo"


def test_a_downgrade_keeps_what_the_older_revision_holds(database: Database, url: str) -> None:
    """Going down on filled tables drops what newer revisions added and nothing else; going up again works."""
    schema.upgrade(database)
    fill(url)
    execute(url, LOAD)
    kept = execute(url, "SELECT * FROM pipeline_configs")
    assert columns(url, "training_runs") == 15
    schema.downgrade(database, "0002")
    with pytest.raises(Exception, match=r"(?i)no such table|does not exist"):
        execute(url, "SELECT * FROM model_loads")
    assert columns(url, "training_runs") == 15
    schema.downgrade(database, "0001")
    assert columns(url, "training_runs") == 10
    assert execute(url, "SELECT run_id, status FROM training_runs ORDER BY 1") == [
        ("done", "finished"),
        ("open", "running"),
    ]
    assert schema.upgrade(database).revision == "0001"
    assert execute(url, "SELECT * FROM pipeline_configs") == kept
    assert execute(url, "SELECT * FROM model_loads") == []


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of ours, columns named in the first."""
    engine = create_engine(url)
    tables = {table: inspect(engine).get_columns(table) for table in inspect(engine).get_table_names()}
    engine.dispose()
    return {
        table: [tuple(column["name"] for column in columns), *execute(url, f"SELECT * FROM {table} ORDER BY 1")]
        for table, columns in tables.items()
        if table != schema.VERSION_TABLE
    }


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_up_and_down_again_changes_nothing(database: Database, url: str, revision: str) -> None:
    """From each revision up to the newest and down again, a filled database holds the same tables and rows."""
    go_to(database, revision)
    fill(url)
    before = contents(url)
    schema.upgrade(database)
    assert contents(url) != before
    schema.downgrade(database, revision)
    assert contents(url) == before


def test_going_down_to_nothing(database: Database, url: str, open_store: Opener) -> None:
    """The revision `base` drops every table of filled ones, after which the store can be made anew."""
    schema.upgrade(database)
    fill(url)
    schema.downgrade(database, "base")
    assert schema.status(database).condition == "missing"
    schema.upgrade(database)
    assert open_store(url).runs() == ()


def test_a_failing_migration_changes_nothing(database: Database, url: str) -> None:
    """Where a step fails, the steps before it are undone too: the revision and every row stay as they were."""
    go_to(database, "0001")
    fill(url)
    execute(url, "CREATE TABLE model_loads (foreign_to_us INTEGER)")
    with pytest.raises(StateError, match=r"model_loads.* already exists"):
        schema.upgrade(database)
    assert schema.status(database).revision == "0001"
    assert columns(url, "training_runs") == 10
    assert len(execute(url, "SELECT * FROM training_runs")) == 2


def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    """The newest revision and the table definitions in the code are the same schema."""
    schema.upgrade(database)

    def differences(connection: object) -> object:
        options = {"version_table": schema.VERSION_TABLE}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)  # type: ignore[arg-type]

    assert database.read(differences) == []


def test_the_tables_share_a_database_with_others(database: Database, url: str) -> None:
    """Another project's Alembic revision in the same database, such as MLflow's, is neither read nor changed."""
    execute(
        url, "CREATE TABLE alembic_version (version_num VARCHAR(32))", "INSERT INTO alembic_version VALUES ('ab12')"
    )
    schema.upgrade(database)
    assert schema.status(database).revision == REVISIONS[-1]
    assert execute(url, "SELECT * FROM alembic_version") == [("ab12",)]


def test_status_of_each_condition(database: Database, url: str) -> None:
    """The condition of a schema is missing, behind, current or unknown."""
    assert schema.status(database).condition == "missing"
    go_to(database, "0001")
    assert schema.status(database).condition == "behind"
    schema.upgrade(database)
    assert schema.status(database).condition == "current"
    execute(url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    assert schema.status(database).condition == "unknown"


def test_looking_at_a_file_does_not_make_it(tmp_path: Path) -> None:
    """Asking for the status of a project without state creates nothing."""
    database = Database(DatabasePlace.of(tmp_path))
    assert schema.status(database).condition == "missing"
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_is_refused(ready: str, database: Database, tmp_path: Path) -> None:
    """A database of a newer candle-ml is not touched: neither opened nor migrated up or down."""
    execute(ready, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    message = (
        f"state store {database.place.shown}: schema revision 9999 is newer than this version of candle-ml, "
        f"which knows up to {REVISIONS[-1]}; update candle-ml"
    )
    for attempt in (
        lambda: StateStore.open(tmp_path, ready),
        lambda: schema.upgrade(database),
        lambda: schema.downgrade(database, "base"),
    ):
        with pytest.raises(StateError) as caught:
            attempt()
        assert str(caught.value) == message
    assert execute(ready, f"SELECT * FROM {schema.VERSION_TABLE}") == [("9999",)]


def test_a_server_is_not_migrated_unasked(server: Server, tmp_path: Path) -> None:
    """Opening PostgreSQL whose schema is missing or behind says which command to run, and changes nothing."""
    url = server.url(server.create_database())
    database = Database(DatabasePlace.of(tmp_path, url))
    where, ask = f"state store {database.place.shown}", f"{REVISIONS[-1]} is needed; run candle-ml db upgrade"
    with pytest.raises(StateError) as caught:
        StateStore.open(tmp_path, url)
    assert str(caught.value) == f"{where}: no tables yet, {ask}"
    go_to(database, "0002")
    with pytest.raises(StateError) as caught:
        StateStore.open(tmp_path, url)
    assert str(caught.value) == f"{where}: schema revision 0002, {ask}"
    assert schema.status(database).revision == "0002"
    database.close()


def test_a_file_is_migrated_on_first_use(tmp_path: Path, open_store: Opener) -> None:
    """A SQLite file of an older version is brought up to date by opening it."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    database = Database(DatabasePlace.of(tmp_path, url))
    go_to(database, "0001")
    fill(url)
    assert len(open_store(url).runs()) == 2
    assert schema.status(database).condition == "current"


@pytest.mark.parametrize("target", ["0003", "9999"])
def test_only_an_older_revision_can_be_gone_down_to(database: Database, target: str) -> None:
    """The revision that is there, or an unknown one, is no target of a downgrade."""
    schema.upgrade(database)
    with pytest.raises(StateError) as caught:
        schema.downgrade(database, target)
    assert caught.value.problems[0].found == f"revision '{target}' is not older than '0003'"
    assert caught.value.problems[0].expected == "give one of base, 0001, 0002"


def test_a_path_with_a_percent_sign(tmp_path: Path) -> None:
    """A project folder whose name means something to configuration files is fine."""
    root = tmp_path / "100%s (é) {x}?#"
    with StateStore.open(root) as store:
        assert store.runs() == ()
    assert (root / ".candle-ml" / "state.db").is_file()

"""Where trials are kept: tables of optuna beside those of the state store, on both engines."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

from candle_ml.cli import main
from candle_ml.config import SearchSpace
from candle_ml.errors import StateError, TrainingError
from candle_ml.state import DATABASE_URL_VARIABLE, Database, DatabasePlace, schema
from candle_ml.state.tables import metadata
from candle_ml.tuning_study import SCHEMA, Study, Trial, opened
from candle_ml.tuning_trial import TrialScores

from ..small_project import PIPELINE
from ..state.conftest import STRICT_PASSWORD, STRICT_USER, Server, execute

SPACES = {
    "model.max_depth": SearchSpace.model_validate({"int": (3, 10)}),
    "model.learning_rate": SearchSpace.model_validate({"float": (0.01, 0.3), "log": True}),
    "labels.scales": SearchSpace.model_validate({"choice": ([12], [12, 24], "x", None)}),
}


@pytest.fixture(params=("sqlite", "postgresql"))
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project whose state database has its tables, on each engine; commands run in it."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DATABASE_URL_VARIABLE, raising=False)
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("server")
        url = server.url(server.create_database(), STRICT_USER, STRICT_PASSWORD)
        monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    migrated(tmp_path)
    return tmp_path


def migrated(root: Path) -> None:
    database = Database(DatabasePlace.of(root))
    schema.upgrade(database)
    database.close()


def db(*words: str) -> Result:
    done = CliRunner().invoke(main, ["db", *words])
    assert done.exit_code == 0, done.output
    return done


def made(study: Study, count: int) -> tuple[Trial, ...]:
    """The trials after some more; the deeper, the better."""
    for place in range(len(study.ended()), len(study.ended()) + count):
        asked = study.ask(place)
        depth = int(asked.overrides[0].partition("=")[2])
        study.tell(asked, TrialScores((depth / 20, depth / 10), pruned=False))
    return study.ended()


def test_trials_are_kept_as_they_ended(root: Path) -> None:
    """Finished, pruned and failed trials are found again with their values, scores and reasons."""
    with opened(root, "s", SPACES, 0) as study:
        outcomes = (
            TrialScores((0.1, 0.123456789012345), pruned=False),
            TrialScores((0.25,), pruned=True),
            TrainingError.at("split", "no pattern"),
        )
        asked = [study.ask(place) for place in range(3)]
        for one, outcome in zip(asked, outcomes, strict=True):
            study.tell(one, outcome)
        study.keep_unchanged(0.5)
    with opened(root, "s", SPACES, 0) as study:
        finished, pruned, failed = study.ended()
        assert study.unchanged == 0.5
    assert [one.overrides for one in (finished, pruned, failed)] == [one.overrides for one in asked]
    assert (finished.status, finished.means, finished.value) == ("finished", outcomes[0].means, 0.123456789012345)
    assert (pruned.status, pruned.means, pruned.value) == ("pruned", (0.25,), None)
    assert (failed.status, failed.value, failed.error) == ("failed", None, "split: no pattern")


def test_values_are_those_of_the_search(root: Path) -> None:
    """Every value lies in its range or is one of the choices, written as `--set` takes it."""
    with opened(root, "s", SPACES, 0) as study:
        trials = made(study, 12)
    choices = set()
    for trial in trials:
        depth, rate, scales = (override.partition("=")[2] for override in trial.overrides)
        assert 3 <= int(depth) <= 10
        assert 0.01 <= float(rate) <= 0.3
        choices.add(scales)
    assert choices <= {"[12]", "[12, 24]", '"x"', "null"}
    assert len(choices) > 1


def test_a_trial_that_was_left_is_made_again_first(root: Path) -> None:
    """What a process that died was making is tried again, and the search goes on as if nothing had happened."""
    with opened(root, "whole", SPACES, 0) as study:
        whole = [(one.overrides, one.value) for one in made(study, 14)]
    with opened(root, "killed", SPACES, 0) as study:
        made(study, 6)
        study.ask(6)
        study.ask(7)
    with opened(root, "killed", SPACES, 0) as study:
        assert study.begin_again() == 2
        assert len(study.ended()) == 6
        assert [(one.overrides, one.value) for one in made(study, 1)] == whole[:7]
        made(study, 7)
        assert study.begin_again() == 0
        trials = [(one.overrides, one.value) for one in study.ended()]
    assert trials[:7] == whole[:7]
    assert len(trials) == 14
    states = [trial.state.name for trial in _trials(root, "killed")]
    assert states == ["COMPLETE"] * 6 + ["FAIL"] * 2 + ["COMPLETE"] * 8


def _trials(root: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    with opened(root, name, SPACES, 0) as study:
        found: list[optuna.trial.FrozenTrial] = study._study.get_trials()
    return found


def test_migrations_do_not_see_the_tables_of_trials(root: Path) -> None:
    """`db status`, `downgrade` and `upgrade` tell and do the same beside a study, which outlasts them."""
    with opened(root, "s", SPACES, 0) as study:
        trials = made(study, 2)
    assert json.loads(db("status", "--json").stdout)["condition"] == "current"
    db("downgrade", "base", "--yes")
    assert json.loads(db("status", "--json").stdout)["condition"] == "missing"
    db("upgrade")
    assert json.loads(db("status", "--json").stdout)["condition"] == "current"
    with opened(root, "s", SPACES, 0) as study:
        assert study.ended() == trials


def test_a_second_process_is_told_to_wait(root: Path) -> None:
    """A study that is worked on is refused to others, and free again when it is closed."""
    place = DatabasePlace.of(root)
    expected = (
        f"{place.where}: the study s is worked on by another candle-ml; wait until that has ended"
        if place.file is None
        else f"{place.file.with_name('tune.lock')}: held by another candle-ml; wait until that has ended"
    )
    with opened(root, "s", SPACES, 0), pytest.raises(StateError) as caught, opened(root, "s", SPACES, 0):
        raise AssertionError("it was opened")
    assert str(caught.value) == expected
    with opened(root, "s", SPACES, 0) as study:
        assert study.ended() == ()


def test_nothing_shows_a_password(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A study that works prints and logs nothing, and a table that is missing is told without the address."""
    with opened(root, "s", SPACES, 0) as study:
        made(study, 1)
    with pytest.raises(StateError) as caught:
        ask_without_a_table(root)
    assert "trial_params" in str(caught.value)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")
    for part in (STRICT_PASSWORD, make_url(f"x://u:{STRICT_PASSWORD.replace('@', '%40')}@h").password):
        assert str(part) not in str(caught.value)
        assert str(part) not in repr(caught.value.__cause__)


def ask_without_a_table(root: Path) -> None:
    place = DatabasePlace.of(root)
    with opened(root, "s", SPACES, 0) as study:
        if place.file is None:
            execute(place.url.render_as_string(hide_password=False), f"DROP TABLE {SCHEMA}.trial_params")
        else:
            with closing(sqlite3.connect(place.file)) as connection:
                connection.execute("DROP TABLE trial_params")
        study.ask(1)


def test_a_database_with_another_table_of_revisions(root: Path) -> None:
    """On PostgreSQL the table `alembic_version` of MLflow is left alone; a SQLite file that has one is refused."""
    place = DatabasePlace.of(root)
    if place.file is None:
        url = place.url.render_as_string(hide_password=False)
        execute(url, "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('mlflow')")
        with opened(root, "s", SPACES, 0) as study:
            assert len(made(study, 1)) == 1
        assert execute(url, "SELECT version_num FROM alembic_version") == [("mlflow",)]
        return
    with closing(sqlite3.connect(place.file)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('mlflow')")
    with pytest.raises(StateError) as caught, opened(root, "s", SPACES, 0):
        raise AssertionError("it was opened")
    assert str(caught.value) == (
        f"{place.where}: its tables of trials are of another version of optuna, or the table alembic_version is not "
        "optuna's; install that version, or name another database by CANDLE_ML_DATABASE_URL"
    )


def test_the_tables_of_the_state_store_stay_apart(root: Path) -> None:
    """On PostgreSQL trials have a schema of their own; in SQLite no table of the state store is touched."""
    with opened(root, "s", SPACES, 0) as study:
        made(study, 1)
    place = DatabasePlace.of(root)
    engine = create_engine(place.url)
    own = {*metadata.tables, schema.VERSION_TABLE}
    found = set(inspect(engine).get_table_names())
    trials = set(inspect(engine).get_table_names(schema=SCHEMA if place.file is None else None))
    engine.dispose()
    assert own <= found
    assert {"studies", "trials", "alembic_version"} <= trials
    assert place.file is not None or found == own


def test_a_server_that_is_restarted_loses_no_trial(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PostgreSQL has ended every connection, what has ended is there and the search goes on."""
    address = server.url(server.create_database())
    monkeypatch.setenv(DATABASE_URL_VARIABLE, address)
    migrated(tmp_path)
    with opened(tmp_path, "s", SPACES, 0) as study:
        made(study, 1)
        execute(address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert len(made(study, 1)) == 2
    with opened(tmp_path, "s", SPACES, 0) as study:
        assert len(study.ended()) == 2

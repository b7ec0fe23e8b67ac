"""The commands `db` and `runs`, as a user runs them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from candle_ml.cli import main
from candle_ml.state import DATABASE_URL_VARIABLE, DatabasePlace, StateStore

from .conftest import Opener, Server, execute

Run = Callable[..., Result]
"""Called with the words of a command: what it printed and its exit code."""

REASON = "all annotations are of one class"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(main, words, input=answer)

    return command


@pytest.fixture
def shown(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names an empty database; how that is shown."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    return DatabasePlace.of(tmp_path).shown


def test_upgrade_makes_the_tables_once(run: Run, shown: str) -> None:
    """`db upgrade` says what it did, and does nothing the second time."""
    assert run("db", "upgrade").output == f"{shown}: revision 0003 (before: none)\n"
    assert run("db", "upgrade").output == f"{shown}: revision 0003 (already)\n"


def test_status_says_what_to_do(run: Run, shown: str) -> None:
    """`db status` shows the revision, the newest one and what to do, as text and as JSON."""
    assert run("db", "status").output == (
        f"database: {shown}\nrevision: none, newest: 0003\n"
        "no tables of candle-ml are there; candle-ml db upgrade makes them\n"
    )
    run("db", "upgrade")
    assert run("db", "status").output.endswith("revision: 0003, newest: 0003\nup to date\n")
    run("db", "downgrade", "0001", "--yes")
    assert run("db", "status").output.endswith("revision: 0001, newest: 0003\nbehind; run candle-ml db upgrade\n")
    assert json.loads(run("db", "status", "--json").output) == {
        "database": shown,
        "revision": "0001",
        "newest": "0003",
        "condition": "behind",
    }


def test_downgrade_asks_first(run: Run, shown: str) -> None:
    """`db downgrade` lists what would be lost; without a yes nothing changes."""
    run("db", "upgrade")
    listed = (
        f"{shown} loses what these revisions added:\n"
        "REVISION  WHAT\n"
        "0003      Which models were loaded for serving, and how that went.\n"
        "0002      Which process a training run lives in, and when it was last alive.\n"
        "Go on? [y/N]: "
    )
    refused = run("db", "downgrade", "0001", answer="n\n")
    assert (refused.exit_code, refused.output) == (1, f"{listed}n\nAborted!\n")
    assert run("db", "status").output.endswith("up to date\n")
    accepted = run("db", "downgrade", "0001", answer="y\n")
    assert (accepted.exit_code, accepted.output) == (0, f"{listed}y\n{shown}: revision 0001 (before: 0003)\n")


def test_downgrade_waits_for_runs(run: Run, shown: str, url: str, open_store: Opener) -> None:
    """While a run is running its tables stay, with -y too; once it has ended they go."""
    run("db", "upgrade")
    store = open_store(url)
    store.begin_run("one", "random-forest", "demo", "c0ffee", "text")
    for words in (("base", "--yes"), ("0001",)):
        refused = run("db", "downgrade", *words)
        assert refused.exit_code == 8
        assert refused.stderr == (
            f"state store {shown}: run one is running, process {os.getpid()} on {socket.gethostname()}; "
            "wait until it has ended, or end it\n"
        )
    store.finish_run("one", {})
    assert run("db", "downgrade", "base", "--yes").exit_code == 0


def test_downgrade_of_nothing(run: Run, shown: str) -> None:
    """There is nothing to take back where there are no tables."""
    result = run("db", "downgrade", "base", "--yes")
    assert result.exit_code == 8
    assert result.stderr == (
        f"state store {shown}: revision 'base' is not older than 'base'; there are no tables to take back\n"
    )


def test_an_unknown_revision(run: Run, shown: str) -> None:
    """A revision that does not exist is a usage error that lists those that do."""
    result = run("db", "downgrade", "0099")
    assert result.exit_code == 2
    assert "'0099' is not one of 'base', '0001', '0002', '0003'" in result.stderr


def test_runs_need_the_tables_of_a_server(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL without tables `runs list` tells which command makes them."""
    name = server.create_database()
    monkeypatch.setenv(DATABASE_URL_VARIABLE, server.url(name))
    result = run("runs", "list")
    assert result.exit_code == 8
    assert result.stderr == (
        f"state store postgresql://postgres@{server.folder}/{name}: no tables yet, 0003 is needed; "
        "run candle-ml db upgrade\n"
    )


@pytest.fixture
def three_runs(ready: str, open_store: Opener, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    """A finished, a failed and a running run."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, ready)
    store = open_store(ready)
    store.begin_run("one", "random-forest", "demo", "c0ffee", "name: demo\nseed: 7\n", "v1")
    store.finish_run("one", {"f1_macro": 0.51234, "loss": float("nan")})
    store.begin_run("two", "xgboost", "demo", "c0ffee", "name: demo\nseed: 7\n")
    store.fail_run("two", f"{REASON}\nannotate more")
    execute(ready, "UPDATE training_runs SET completed_at = created_at")
    store.begin_run("three", "xgboost", "demo", "c0ffee", "name: demo\nseed: 7\n")
    return store


def test_runs_are_listed(run: Run, three_runs: StateStore) -> None:
    """`runs list` shows runs as a table, newest first, with how they went."""
    three, two, one = (f"{run.created_at:%Y-%m-%dT%H:%M:%SZ}" for run in three_runs.runs())
    listed = run("runs", "list")
    assert listed.exit_code == 0
    assert [line.split() for line in listed.output.splitlines()] == [
        ["RUN", "STATUS", "TYPE", "EXPERIMENT", "DATA", "STARTED", "AT", "TOOK", "MACRO", "F1", "ERROR"],
        ["three", "running", "xgboost", "demo", three],
        ["two", "failed", "xgboost", "demo", two, "0:00:00", *REASON.split()],
        ["one", "finished", "random-forest", "demo", "v1", one, "0:00:00", "0.512"],
    ]


def test_runs_are_chosen(run: Run, three_runs: StateStore) -> None:
    """`runs list` takes a status and a number, and prints JSON that a script can read."""
    assert [one["run_id"] for one in json.loads(run("runs", "list", "-n", "2", "--json").output)] == ["three", "two"]
    (finished,) = json.loads(run("runs", "list", "--status", "finished", "--json").output)
    assert finished["metrics"] == {"f1_macro": 0.51234, "loss": None}
    assert finished["created_at"] == f"{three_runs.run('one').created_at:%Y-%m-%dT%H:%M:%SZ}"
    assert run("runs", "list", "--status", "interrupted").output == "no run is interrupted\n"


def test_a_run_is_shown(run: Run, three_runs: StateStore) -> None:
    """`runs show` prints everything of one run, or exactly the configuration that it was trained with."""
    lines = dict(line.split(maxsplit=1) for line in run("runs", "show", "one").output.splitlines())
    assert lines["status"] == "finished"
    assert lines["config_hash"] == "c0ffee"
    assert lines["metrics.f1_macro"] == "0.51234"
    assert lines["metrics.loss"] == "undefined"
    assert "error" not in lines
    assert run("runs", "show", "one", "--pipeline").output == "name: demo\nseed: 7\n"
    assert json.loads(run("runs", "show", "two", "--json").output)["error"].endswith("\nannotate more")


def test_an_unknown_run(run: Run, three_runs: StateStore) -> None:
    """`runs show` of a run that is not there says where to look."""
    result = run("runs", "show", "four")
    assert result.exit_code == 8
    assert result.stderr.endswith(": no run 'four'; candle-ml runs list shows those there are\n")


def test_a_project_without_runs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a subfolder of a project the state is that of the project; before the first run the list says so."""
    monkeypatch.delenv(DATABASE_URL_VARIABLE, raising=False)
    run("init", ".")
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path / "notes")
    result = run("runs", "list")
    assert (result.exit_code, result.output) == (0, "no run is recorded; candle-ml train makes one\n")
    assert (tmp_path / ".candle-ml" / "state.db").is_file()
    assert [path.name for path in (tmp_path / "notes").iterdir()] == []


def test_no_project_and_no_database(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a project and without a database in the environment nothing is made."""
    monkeypatch.delenv(DATABASE_URL_VARIABLE, raising=False)
    result = run("db", "status")
    assert result.exit_code == 2
    assert result.stderr == (
        "config/pipeline.yaml: not in this folder or above it; run candle-ml init, or name it with -c\n"
    )


def found_by_doctor(run: Run) -> tuple[int, tuple[str, str]]:
    """The exit code of `doctor`, and the status and the detail of what it says of the state store."""
    told = run("doctor", "--json")
    (one,) = (one for one in json.loads(told.stdout) if one["subject"] == "state store")
    return told.exit_code, (one["status"], one["detail"])


def test_doctor_looks_at_an_embedded_store(run: Run, tmp_path: Path) -> None:
    """A file that is not there yet, is old or up to date is well; one that is lost or newer is a problem."""
    assert run("init", ".").exit_code == 0
    file = tmp_path / ".candle-ml" / "state.db"
    assert found_by_doctor(run) == (0, ("ok", f"{file}: not made yet"))
    assert not file.exists()
    run("db", "upgrade")
    assert found_by_doctor(run) == (0, ("ok", f"{file}: up to date"))
    run("db", "downgrade", "0001", "--yes")
    assert found_by_doctor(run) == (0, ("ok", f"{file}: of an older version; what uses it migrates it"))
    execute(f"sqlite:///{file}", "UPDATE candle_ml_revision SET version_num = '9999'")
    newer = "schema revision 9999 is newer than this version of candle-ml, which knows up to 0003; update candle-ml"
    assert found_by_doctor(run) == (1, ("problem", f"state store {file}: {newer}"))
    file.unlink()
    (file.parent / "runs" / "1234").mkdir(parents=True)
    lost = f"is not there, though {file.parent / 'runs'} holds runs"
    expected = "restore it from a backup, or run candle-ml db upgrade for a new one"
    assert found_by_doctor(run) == (1, ("problem", f"state store {file}: {lost}; {expected}"))


def test_doctor_looks_for_the_folder_of_a_named_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the environment names in a folder that is not there is a problem, as a slip of the pen makes it."""
    assert run("init", ".").exit_code == 0
    file = tmp_path / "missing" / "state.db"
    monkeypatch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{file}")
    told = f"its folder {file.parent} is not there; make it, or correct {DATABASE_URL_VARIABLE}"
    assert found_by_doctor(run) == (1, ("problem", f"state store {file}: {told}"))
    file.parent.mkdir()
    assert found_by_doctor(run) == (0, ("ok", f"{file}: not made yet"))


def test_doctor_looks_at_postgresql(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without tables, with old ones or none that answers is a problem; one that is up to date is well."""
    assert run("init", ".").exit_code == 0
    url = server.url(server.create_database())
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    shown = DatabasePlace.of(Path.cwd()).shown
    needed = "0003 is needed; run candle-ml db upgrade"
    assert found_by_doctor(run) == (1, ("problem", f"state store {shown}: no tables yet, {needed}"))
    run("db", "upgrade")
    assert found_by_doctor(run) == (0, ("ok", f"{shown}: up to date"))
    run("db", "downgrade", "0001", "--yes")
    assert found_by_doctor(run) == (1, ("problem", f"state store {shown}: schema revision 0001, {needed}"))
    monkeypatch.setenv(DATABASE_URL_VARIABLE, "postgresql+psycopg://ann@127.0.0.1:1/candles")
    expected = f"check that PostgreSQL runs there, and the address in {DATABASE_URL_VARIABLE}"
    assert found_by_doctor(run) == (
        1,
        (
            "problem",
            f"state store postgresql://ann@127.0.0.1:1/candles: cannot be reached (Connection refused); {expected}",
        ),
    )

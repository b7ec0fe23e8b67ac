"""Processes at once on one database: nothing is lost and nobody is told of a lock."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from candle_ml.errors import StateError
from candle_ml.state import Database, DatabasePlace, schema

from .conftest import Opener, Server, Starter, execute

TRAIN = """
for number in range(10):
    run = f"{NAME}-{number}"
    store.begin_run(run, "random-forest", "demo", f"hash {number}", f"text {number}")
    store.record_load("demo", "loaded", version=number, run_id=run)
    store.finish_run(run, {"number": number})
    store.runs(5)
"""


def test_trainings_and_a_service_at_once(ready: str, start_process: Starter, open_store: Opener) -> None:
    """Three processes that write as fast as they can, while this one reads, lose no run, configuration or load."""
    store = open_store(ready)
    processes = [start_process(ready, f"NAME = {name!r}\n{TRAIN}") for name in "abc"]
    while any(process.poll() is None for process in processes):
        store.runs(5)
        store.ping()
        time.sleep(0.01)
    assert [(process.returncode, process.communicate()[1]) for process in processes] == [(0, "")] * 3
    finished = {run.run_id: run.metrics for run in store.runs(status="finished")}
    assert finished == {f"{name}-{number}": {"number": number} for name in "abc" for number in range(10)}
    assert sorted(load.run_id or "" for load in store.loads()) == sorted(finished)
    assert [store.config_text(f"hash {number}") for number in range(10)] == [f"text {number}" for number in range(10)]


def test_a_new_file_is_made_by_several_at_once(tmp_path: Path, start_process: Starter, open_store: Opener) -> None:
    """Three processes that open a project's first store at the same time all succeed."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    code = "store.begin_run(f'{time.time_ns()}', 'random-forest', 'demo', 'c0ffee', 'text')"
    processes = [start_process(url, code) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert len(open_store(url).runs()) == 3


def test_threads_that_create_the_tables_at_once(url: str, tmp_path: Path) -> None:
    """Two upgrades at the same time, over connections of their own, make the tables once."""
    databases = [Database(DatabasePlace.of(tmp_path, url)) for _ in range(3)]
    threads = [threading.Thread(target=schema.upgrade, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {schema.status(database).condition for database in databases} == {"current"}
    for database in databases:
        database.close()


def test_a_write_waits_for_a_long_one(tmp_path: Path, open_store: Opener) -> None:
    """A write begins as soon as another process's transaction, which held the lock, has ended."""
    store = open_store(f"sqlite:///{tmp_path / 'state.db'}")
    holder = sqlite3.connect(tmp_path / "state.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    threading.Timer(1.0, holder.execute, args=("COMMIT",)).start()
    store.begin_run("r1", "random-forest", "demo", "c0ffee", "text")
    assert store.run("r1").status == "running"
    holder.close()


def test_a_lock_that_never_ends(tmp_path: Path, open_store: Opener) -> None:
    """After its patience a write says in plain words that another process is in the way; reading goes on."""
    store = open_store(f"sqlite:///{tmp_path / 'state.db'}", patience=0.2)
    holder = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError) as caught:
        store.begin_run("r1", "random-forest", "demo", "c0ffee", "text")
    assert str(caught.value) == (
        f"state store {tmp_path / 'state.db'}: another process is writing and does not end; wait for it, or end it"
    )
    assert store.runs() == ()
    holder.close()


def test_the_end_of_a_run_waits_for_the_server(server: Server, tmp_path: Path, open_store: Opener) -> None:
    """A training that ends while PostgreSQL restarts is recorded as finished."""
    url = server.url(server.create_database())
    schema.upgrade(Database(DatabasePlace.of(tmp_path, url)))
    store = open_store(url)
    store.begin_run("r1", "random-forest", "demo", "c0ffee", "text")
    server.stop()
    finishing = threading.Thread(target=store.finish_run, args=("r1", {"f1_macro": 0.5}))
    finishing.start()
    server.start()
    finishing.join()
    assert store.run("r1").metrics == {"f1_macro": 0.5}


def test_a_lost_connection_is_made_again(server: Server, tmp_path: Path, open_store: Opener) -> None:
    """A store goes on after the server has ended its connections."""
    url = server.url(server.create_database())
    schema.upgrade(Database(DatabasePlace.of(tmp_path, url)))
    store = open_store(url)
    execute(
        server.url("postgres"), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    store.ping()
    assert store.runs() == ()

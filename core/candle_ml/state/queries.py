"""What the store asks a database, each inside a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, case, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from candle_ml.state.database import now
from candle_ml.state.liveness import ProcessIdentity, cause_of_death
from candle_ml.state.records import LoadOutcome, ModelLoad, RunStatus, TrainingRun
from candle_ml.state.tables import model_loads, pipeline_configs, training_runs

_OPEN = training_runs.c.status.in_(("running", "interrupted"))
"""A run that was taken for dead may still end, or show that it lives."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a run when it begins."""

    run_id: str
    model_type: str
    experiment_name: str
    pipeline_config_hash: str
    dataset_version: str | None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended; `metrics_summary` is JSON."""

    status: RunStatus
    metrics_summary: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NewLoad:
    """What is known of a load once it is over; `receipt` is JSON."""

    model_name: str
    outcome: LoadOutcome
    version: int | None
    run_id: str | None
    digest: str | None
    receipt: str | None
    error: str | None


def insert_run(
    connection: Connection, run: NewRun, config_text: str, process: ProcessIdentity, began_at: datetime | None = None
) -> bool:
    """Insert a running run and, where its hash is new, the configuration; False where another run has that id."""
    moment = now(connection)
    config = {"hash": run.pipeline_config_hash, "text": config_text, "created_at": moment}
    _insert_once(connection, pipeline_configs, config)
    values = {**asdict(run), "status": "running", **asdict(process)}
    if _insert_once(connection, training_runs, {**values, "created_at": began_at or moment, "heartbeat_at": moment}):
        return True
    # Doing it twice does no harm: the same process may not have heard that it was done.
    there = connection.execute(select(training_runs).where(training_runs.c.run_id == run.run_id)).mappings().one()
    return {name: there[name] for name in values} == values


def end_run(connection: Connection, run_id: str, end: RunEnd, took: timedelta | None = None) -> RunEnd | None:
    """Close a run that has not ended; returns how the run has ended now, None where there is none of that id.

    It ended now, or `took` after it had begun.
    """
    begun = select(training_runs.c.created_at).where(training_runs.c.run_id == run_id)
    began = None if took is None else connection.execute(begun).scalar_one_or_none()
    values = {**asdict(end), "completed_at": now(connection) if began is None or took is None else began + took}
    connection.execute(update(training_runs).where(training_runs.c.run_id == run_id, _OPEN).values(**values))
    columns = [training_runs.c[field.name] for field in fields(RunEnd)]
    row = connection.execute(select(*columns).where(training_runs.c.run_id == run_id)).one_or_none()
    return None if row is None else RunEnd(*row)


def touch_runs(connection: Connection, run_ids: frozenset[str]) -> None:
    """Note that runs are alive."""
    alive = {"status": "running", "error": None, "heartbeat_at": now(connection)}
    connection.execute(update(training_runs).where(training_runs.c.run_id.in_(run_ids), _OPEN).values(**alive))


def interrupt_runs(connection: Connection, run_ids: frozenset[str], cause: str) -> None:
    """Mark running runs as interrupted."""
    running = (training_runs.c.run_id.in_(run_ids), training_runs.c.status == "running")
    connection.execute(update(training_runs).where(*running).values(status="interrupted", error=cause))


def give_up_run(connection: Connection, run_id: str, reason: str) -> None:
    """Note why a run waits no more to be uploaded; one that has not ended is interrupted."""
    values = {"status": case((_OPEN, "interrupted"), else_=training_runs.c.status), "error": reason}
    connection.execute(update(training_runs).where(training_runs.c.run_id == run_id).values(**values))


def runs(connection: Connection, wanted: Sequence[ColumnElement[bool]] = ()) -> tuple[TrainingRun, ...]:
    """The runs that meet every condition, newest first; a running one whose process has died is interrupted."""
    moment = now(connection)
    newest_first = select(training_runs).order_by(training_runs.c.created_at.desc(), training_runs.c.run_id)
    return tuple(_training_run(row, moment) for row in connection.execute(newest_first.where(*wanted)).mappings())


def config_text(connection: Connection, config_hash: str) -> str | None:
    """The text of a configuration, if there is one of that hash."""
    wanted = select(pipeline_configs.c.text).where(pipeline_configs.c.hash == config_hash)
    found: str | None = connection.execute(wanted).scalar_one_or_none()
    return found


def insert_load(connection: Connection, load: NewLoad) -> int:
    """Insert a load; returns its id."""
    values = {**asdict(load), "loaded_at": now(connection)}
    key: int = connection.execute(insert(model_loads).values(**values).returning(model_loads.c.id)).scalar_one()
    return key


def loads(
    connection: Connection, wanted: Sequence[ColumnElement[bool]] = (), limit: int | None = None
) -> tuple[ModelLoad, ...]:
    """The loads that meet every condition, newest first."""
    newest_first = select(model_loads).where(*wanted).order_by(model_loads.c.id.desc()).limit(limit)
    return tuple(ModelLoad(**row) for row in connection.execute(newest_first).mappings())


def _insert_once(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row unless there is one of its key; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing()).rowcount == 1


def _cause(row: RowMapping, moment: datetime) -> str | None:
    if row["heartbeat_at"] is None:
        return "an earlier version began it and no longer says whether it runs"
    process = ProcessIdentity(*(row[field.name] for field in fields(ProcessIdentity)))
    return cause_of_death(process, row["heartbeat_at"], moment)


def _training_run(row: RowMapping, moment: datetime) -> TrainingRun:
    values = {field.name: row[field.name] for field in fields(TrainingRun) if field.name in row}
    cause = _cause(row, moment) if row["status"] == "running" else None
    # Seen anew each time and not written: whoever may only read sees the same.
    values |= {} if cause is None else {"status": "interrupted", "error": cause}
    metrics = json.loads(row["metrics_summary"] or "{}")
    return TrainingRun(**values, config_hash=row["pipeline_config_hash"], metrics=metrics)

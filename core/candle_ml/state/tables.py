"""The tables of the newest schema; the migrations build the same, which a test holds."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which knows no time zones, keeps it without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData()

pipeline_configs = Table(
    "pipeline_configs",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

training_runs = Table(
    "training_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("model_type", Text, nullable=False),
    Column("experiment_name", Text, nullable=False),
    Column("pipeline_config_hash", Text, ForeignKey("pipeline_configs.hash"), nullable=False),
    Column("dataset_version", Text),
    Column("metrics_summary", Text),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    Column("host", Text),
    Column("machine", Text),
    Column("process_id", Integer),
    Column("process_started", Double),
    Column("heartbeat_at", UtcTime),
    CheckConstraint("status IN ('running', 'finished', 'failed', 'interrupted')", name="training_runs_status"),
    Index("training_runs_created_at", "created_at"),
)

model_loads = Table(
    "model_loads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("version", Integer),
    Column("run_id", Text),
    Column("digest", Text),
    Column("receipt", Text),
    Column("loaded_at", UtcTime, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    CheckConstraint("outcome IN ('loaded', 'refused')", name="model_loads_outcome"),
    Index("model_loads_loaded_at", "loaded_at"),
)

"""Configurations and the training runs made with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "pipeline_configs",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "training_runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("model_type", sa.Text, nullable=False),
        sa.Column("experiment_name", sa.Text, nullable=False),
        sa.Column("pipeline_config_hash", sa.Text, sa.ForeignKey("pipeline_configs.hash"), nullable=False),
        sa.Column("dataset_version", sa.Text),
        sa.Column("metrics_summary", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status IN ('running', 'finished', 'failed', 'interrupted')", name="training_runs_status"),
    )
    op.create_index("training_runs_created_at", "training_runs", ["created_at"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("training_runs")
    op.drop_table("pipeline_configs")

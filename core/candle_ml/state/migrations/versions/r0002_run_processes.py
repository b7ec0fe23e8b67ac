"""Which process a training run lives in, and when it was last alive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; runs from before have none of them, so one that still runs counts as dead."""
    op.add_column("training_runs", sa.Column("host", sa.Text))
    op.add_column("training_runs", sa.Column("machine", sa.Text))
    op.add_column("training_runs", sa.Column("process_id", sa.Integer))
    op.add_column("training_runs", sa.Column("process_started", sa.Double))
    op.add_column("training_runs", sa.Column("heartbeat_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the columns."""
    for column in ("heartbeat_at", "process_started", "process_id", "machine", "host"):
        op.drop_column("training_runs", column)

"""Which models were loaded for serving, and how that went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "model_loads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("run_id", sa.Text),
        sa.Column("digest", sa.Text),
        sa.Column("receipt", sa.Text),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.CheckConstraint("outcome IN ('loaded', 'refused')", name="model_loads_outcome"),
    )
    op.create_index("model_loads_loaded_at", "model_loads", ["loaded_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("model_loads")

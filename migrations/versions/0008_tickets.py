"""Columns and an index by which a worker finds the job that should run next.

The release before neither reads nor writes the columns: the jobs that it queues get an empty key, and whoever looks for
work next fills in what they need.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_READY = "status = 'queued' AND not_before IS NULL"


def upgrade() -> None:
    """Add the columns and the index of the jobs that may be claimed."""
    op.add_column("jobs", sa.Column("data", sa.JSON(), nullable=True))
    op.add_column("jobs", sa.Column("data_key", sa.String(32), server_default="", nullable=False))
    op.add_column("workers", sa.Column("looked_in", sa.Text(), nullable=True))
    op.create_index(
        "ix_jobs_next",
        "jobs",
        ["kind", "queue", "data_key", "priority", "owner", "id"],
        sqlite_where=sa.text(_READY),
        postgresql_where=sa.text(_READY),
    )


def downgrade() -> None:
    """Drop the index and the columns. SQLite must not rebuild the table: that would delete all rows with a job's id."""
    op.drop_index("ix_jobs_next", "jobs")
    op.drop_column("workers", "looked_in")
    op.drop_column("jobs", "data_key")
    op.drop_column("jobs", "data")

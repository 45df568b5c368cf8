"""Columns and an index by which a worker finds the job that should run next, in place of those of the old rules.

The release before neither reads nor writes the columns: the jobs that it queues get an empty key, and whoever looks for
work next fills in what they need. Its reconcilers read the queued jobs by an index of their status instead. Every index
that goes is one write less of each change of a job; without that of leases a heartbeat writes to no index at all.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_READY = "status = 'queued' AND not_before IS NULL"
_DELAYED = "status = 'queued' AND not_before IS NOT NULL"
_OLD = {
    "ix_jobs_waiting": ("status", "queue", "queued_at"),
    "ix_jobs_published": ("status", "queue", "priority", "published_at"),
    "ix_jobs_unpublished": ("status", "published_at"),
    "ix_jobs_lease": ("status", "lease_expires_at"),
    "ix_jobs_not_before": ("status", "not_before"),
}


def upgrade() -> None:
    """Add the columns and the indexes of the jobs that may be claimed, now or later; drop those of the old rules."""
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
    op.create_index(
        "ix_jobs_delayed",
        "jobs",
        ["status", "not_before"],
        sqlite_where=sa.text(_DELAYED),
        postgresql_where=sa.text(_DELAYED),
    )
    for name in _OLD:
        op.drop_index(name, "jobs")


def downgrade() -> None:
    """Undo all of it. SQLite must not rebuild the table: that would delete all rows with a job's id."""
    for name, columns in _OLD.items():
        op.create_index(name, "jobs", list(columns))
    op.drop_index("ix_jobs_delayed", "jobs")
    op.drop_index("ix_jobs_next", "jobs")
    op.drop_column("workers", "looked_in")
    op.drop_column("jobs", "data_key")
    op.drop_column("jobs", "data")

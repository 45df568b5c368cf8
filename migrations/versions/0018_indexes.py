"""An index that has a number of a job's spec by the job, and one that tells SQLite all of the jobs that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_READY = sa.text("status = 'queued' AND not_before IS NULL")
_THERE = sa.text("number IS NOT NULL")
_NEXT = ("kind", "queue", "data_key", "priority", "owner", "id")


def upgrade() -> None:
    """Create the first, and the second with the columns of its own condition."""
    columns = ["path", "job", "number"]
    op.create_index("ix_job_values_of_job", "job_values", columns, sqlite_where=_THERE, postgresql_where=_THERE)
    _replace(*_NEXT, "status", "not_before")


def downgrade() -> None:
    """Drop the first, and create the second as it was."""
    op.drop_index("ix_job_values_of_job", "job_values")
    _replace(*_NEXT)


def _replace(*columns: str) -> None:
    op.drop_index("ix_jobs_next", "jobs")
    op.create_index("ix_jobs_next", "jobs", list(columns), sqlite_where=_READY, postgresql_where=_READY)

"""A column for the kind of work that a job is.

The release before knows training alone and leaves the column out: its jobs get the default.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, `train` for every existing job, and its index."""
    op.add_column("jobs", sa.Column("kind", sa.Text(), server_default="train", nullable=False))
    op.create_index("ix_jobs_kind", "jobs", ["kind", "created_at", "id"])


def downgrade() -> None:
    """Drop the index and the column. SQLite must not rebuild the table: that would delete all rows with a job's id."""
    op.drop_index("ix_jobs_kind", "jobs")
    op.drop_column("jobs", "kind")

"""The instant before which a queued job is not to be tried again.

The release before ignores the column: its workers may take such a job early, and its reconcilers may publish it early,
which this release's claim drops.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(23), "sqlite")


def upgrade() -> None:
    """Add the column, null for every existing job, and its index."""
    op.add_column("jobs", sa.Column("not_before", _INSTANT, nullable=True))
    op.create_index("ix_jobs_not_before", "jobs", ["status", "not_before"])


def downgrade() -> None:
    """Drop the index and the column. SQLite must not rebuild the table: that would delete all rows with a job's id."""
    op.drop_index("ix_jobs_not_before", "jobs")
    op.drop_column("jobs", "not_before")

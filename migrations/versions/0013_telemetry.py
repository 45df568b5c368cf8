"""What the metrics count, and the request that each job came from.

The release before writes none of it: its jobs come from no known request, and what its workers finish is not counted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LIVE = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    """Add the column and the table, both empty, and the index of the jobs that wait or run."""
    op.add_column("jobs", sa.Column("trace", sa.JSON(), nullable=True))
    op.create_table(
        "tallies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("amount", sa.Float(53), nullable=False),
    )
    columns = ["status", "kind", "queue", "owner", "queued_at", "not_before"]
    op.create_index("ix_jobs_live", "jobs", columns, sqlite_where=_LIVE, postgresql_where=_LIVE)


def downgrade() -> None:
    """Drop them, and what was counted. SQLite must not rebuild `jobs`: that would delete all rows with a job's id."""
    op.drop_index("ix_jobs_live", "jobs")
    op.drop_table("tallies")
    op.drop_column("jobs", "trace")

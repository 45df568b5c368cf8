"""Metrics of runs that were imported from other trackers.

A release before lists imported jobs as it lists jobs of any kind that it does not know.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of metrics."""
    op.create_table(
        "job_metrics",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name"),
    )


def downgrade() -> None:
    """Drop it, and the imported jobs with it: the release before would keep them without their metrics."""
    op.execute("DELETE FROM jobs WHERE kind = 'imported'")
    op.drop_table("job_metrics")

"""An index on the ends of the jobs' ids, by which people name jobs.

The index is on an expression, so that the release before, which does not know the index, fills it too.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index on the last four characters of `jobs.id`."""
    op.create_index("ix_jobs_id_ending", "jobs", [text("substr(id, 33)")])


def downgrade() -> None:
    """Drop the index on the ids' ends."""
    op.drop_index("ix_jobs_id_ending", "jobs")

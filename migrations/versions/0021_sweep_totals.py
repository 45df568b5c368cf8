"""What the jobs of a sweep had come to when it ended.

The release before writes none: of its sweeps the jobs that are still there are summed up.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("sweeps", sa.Column("totals", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("sweeps", "totals")

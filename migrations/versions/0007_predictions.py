"""Columns for the mistakes of a finished job's weights, and for what a worker is for.

The release before leaves both out: its jobs have no list of mistakes, and its workers train.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: no mistakes are known of existing evaluations, and every known worker trains."""
    op.add_column("evaluations", sa.Column("mistakes", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("role", sa.Text(), server_default="train", nullable=False))


def downgrade() -> None:
    """Drop the columns. The reports of predictors are deleted: the release before would take them for workers."""
    op.execute("DELETE FROM workers WHERE role <> 'train'")
    op.drop_column("workers", "role")
    op.drop_column("evaluations", "mistakes")

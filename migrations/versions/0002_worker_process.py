"""Columns that distinguish a worker's process from those of other machines, containers and boots.

Workers of the release before leave both empty; no process takes such a worker for gone before its lease runs out.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns to `workers`."""
    op.add_column("workers", sa.Column("pid_namespace", sa.Text(), nullable=True))
    op.add_column("workers", sa.Column("pid_born", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the two columns from `workers`."""
    op.drop_column("workers", "pid_born")
    op.drop_column("workers", "pid_namespace")

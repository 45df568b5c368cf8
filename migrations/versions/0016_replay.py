"""Replays with their verdicts, the state of each epoch as a digest, and an index of jobs by their validation loss.

A worker of the release before writes no digest and no verdict: of its epochs the digest is null, and the verdict of a
replay that it has ended is written by the next reconciler of this release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FILTERED = ("status", "kind", "architecture_kind", "device_kind", "device", "preset", "owner")
_UNJUDGED = "replay_of IS NOT NULL AND replay IS NULL"


def upgrade() -> None:
    """Add the columns, null for all that is there, and the indexes."""
    op.add_column("jobs", sa.Column("replay_of", sa.String(36), nullable=True))
    op.add_column("jobs", sa.Column("replay", sa.JSON(), nullable=True))
    op.add_column("epochs", sa.Column("digest", sa.String(64), nullable=True))
    op.create_index("ix_jobs_by_val_loss", "jobs", ["val_loss", "number", *_FILTERED])
    where = sa.text(_UNJUDGED)
    op.create_index("ix_jobs_unjudged", "jobs", ["status", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop all of it."""
    for name in ("ix_jobs_unjudged", "ix_jobs_by_val_loss"):
        op.drop_index(name, "jobs")
    op.drop_column("epochs", "digest")
    for name in ("replay", "replay_of"):
        op.drop_column("jobs", name)

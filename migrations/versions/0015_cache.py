"""Jobs that use what equal ones have trained: results of finished ones, running ones to wait for, checkpoints.

A worker of the release before trains such a job, and tells nobody who waits for it when it ends: the reconciler of this
release does. Jobs of before serve nobody, as they lack the hash by which equal ones are found.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TEXTS = {
    "twin_hash": 32,
    "leads": 32,
    "following": 36,
    "served_from": 36,
    "continued_from": 36,
    "state_hash": 64,
}
_INDEXES = {
    "ix_jobs_twins": ["twin_hash", "status", "finished_at"],
    "ix_jobs_leading": ["leads"],
    "ix_jobs_following": ["following"],
    "ix_jobs_state_hash": ["state_hash"],
}


def upgrade() -> None:
    """Add the columns, empty but for the cache, which is off, and the indexes by which jobs find each other."""
    op.add_column("jobs", sa.Column("cache", sa.Text(), nullable=False, server_default="off"))
    for name, length in _TEXTS.items():
        op.add_column("jobs", sa.Column(name, sa.String(length), nullable=True))
    op.add_column("jobs", sa.Column("kept_bytes", sa.BigInteger(), nullable=True))
    for name, columns in _INDEXES.items():
        some = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, "jobs", columns, sqlite_where=some, postgresql_where=some)
    some = sa.text("kept_bytes IS NOT NULL")
    op.create_index("ix_jobs_kept", "jobs", ["finished_at", "kept_bytes"], sqlite_where=some, postgresql_where=some)


def downgrade() -> None:
    """Drop them. Jobs that wait for an equal one are queued like others."""
    op.execute("UPDATE jobs SET not_before = NULL WHERE following IS NOT NULL")
    for name in ("ix_jobs_kept", *reversed(_INDEXES)):
        op.drop_index(name, "jobs")
    for name in ("kept_bytes", *reversed(_TEXTS), "cache"):
        op.drop_column("jobs", name)

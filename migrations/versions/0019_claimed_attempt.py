"""A column by which a claim says that the worker knows the job's kind, and the trigger that refuses any other claim.

Workers of the release before know training alone. They claim jobs of every kind, and say nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TRIGGER = """
CREATE TRIGGER jobs_claimed_unknown BEFORE UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.status = 'running' AND NEW.kind <> 'train' AND OLD.status = 'queued'
      AND (NEW.claimed_attempt IS NULL OR NEW.claimed_attempt <> NEW.attempt))
"""
_FUNCTION = """
CREATE FUNCTION refuse_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Add both. Who claims a job in vain changes no row, as where another worker has claimed it first."""
    op.add_column("jobs", sa.Column("claimed_attempt", sa.Integer(), nullable=True))
    if op.get_context().dialect.name == "sqlite":
        op.execute(f"{_TRIGGER} BEGIN SELECT RAISE(IGNORE); END")
    else:
        op.execute(_FUNCTION)
        op.execute(f"{_TRIGGER} EXECUTE FUNCTION refuse_claim()")


def downgrade() -> None:
    """Drop both."""
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TRIGGER jobs_claimed_unknown")
    else:
        op.execute("DROP TRIGGER jobs_claimed_unknown ON jobs")
        op.execute("DROP FUNCTION refuse_claim()")
    op.drop_column("jobs", "claimed_attempt")

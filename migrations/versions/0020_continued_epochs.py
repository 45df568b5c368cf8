"""How many epochs of a job are those of the one that it went on from.

The release before writes none for a job that goes on: its sweep counts them as trained.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COUNTED = """
UPDATE jobs SET continued_epochs = (
    SELECT count(*) FROM epochs JOIN attempts ON attempts.job_id = epochs.job_id AND attempts.attempt = epochs.attempt
    WHERE epochs.job_id = jobs.id AND epochs.epoch < attempts.resumed_from_epoch
) WHERE continued_from IS NOT NULL
"""


def upgrade() -> None:
    """Add the column; jobs of before get what was counted of them until now."""
    op.add_column("jobs", sa.Column("continued_epochs", sa.Integer(), nullable=True))
    op.execute(_COUNTED)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("jobs", "continued_epochs")

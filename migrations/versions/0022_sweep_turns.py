"""The clock of a sweep, and the turn of each of its trials: the order in which results are taken in where it matters.

Trials of the release before all have turn 0: those that still run are taken in in the order of their points.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_COLUMNS = [("sweeps", "clock"), ("sweep_trials", "turn")]


def upgrade() -> None:
    """Add the columns."""
    for table, column in _COLUMNS:
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them."""
    for table, column in _COLUMNS:
        op.drop_column(table, column)

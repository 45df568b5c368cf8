"""Notes of jobs, keys of batches, and the log of changed jobs with the triggers that write it.

The release before leaves notes null and makes no batches. Its changes are logged by the triggers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(23), "sqlite")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TRIGGERS = {
    "jobs_logged_insert": ("INSERT ON jobs FOR EACH ROW", "NEW"),
    "jobs_logged_update": ("UPDATE OF event_seq ON jobs FOR EACH ROW WHEN (NEW.event_seq <> OLD.event_seq)", "NEW"),
    "jobs_logged_delete": ("DELETE ON jobs FOR EACH ROW", "OLD"),
}
"""What sets off each trigger, and the row that names the job."""
_SQLITE_WORK = "BEGIN INSERT INTO job_changes (job_id) VALUES (%s.id); END"
_FUNCTION = """
CREATE FUNCTION log_changed_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO job_changes (job_id, transaction_id) VALUES (OLD.id, txid_current());
    ELSE
        INSERT INTO job_changes (job_id, transaction_id) VALUES (NEW.id, txid_current());
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Add column, tables and triggers; the log begins empty."""
    op.add_column("jobs", sa.Column("notes", sa.Text(), nullable=True))
    op.create_table(
        "batch_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("job_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", "owner"),
    )
    op.create_index("ix_batch_keys_created", "batch_keys", ["created_at"])
    op.create_table(
        "job_changes",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_changes_transaction", "job_changes", ["transaction_id"])
    _create_triggers()


def _create_triggers() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    if not sqlite:
        op.execute(_FUNCTION)
    for name, (what, row) in _TRIGGERS.items():
        work = _SQLITE_WORK % row if sqlite else "EXECUTE FUNCTION log_changed_job()"
        op.execute(f"CREATE TRIGGER {name} AFTER {what} {work}")


def downgrade() -> None:
    """Drop triggers, tables and column. Notes are lost."""
    sqlite = op.get_context().dialect.name == "sqlite"
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON jobs")
    if not sqlite:
        op.execute("DROP FUNCTION log_changed_job()")
    op.drop_table("job_changes")
    op.drop_table("batch_keys")
    op.drop_column("jobs", "notes")

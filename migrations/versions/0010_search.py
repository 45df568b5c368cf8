"""Jobs' numbers in the order of creation, the values of their specs, and their words, with the indexes of lists.

The release before leaves the new column null and both tables empty for the jobs that it inserts; they are indexed
afterwards, as those that are there already: `migrations.upgrade` does that in many small transactions, after this one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FILTERED = ("status", "kind", "architecture_kind", "device_kind", "device", "preset", "owner")
_NEW = {
    "ix_jobs_by_creation": ("number", *_FILTERED, "finished_at", "val_accuracy", "best_val_accuracy"),
    "ix_jobs_by_finish": ("finished_at", "number", *_FILTERED),
    "ix_jobs_by_val_accuracy": ("val_accuracy", "number", *_FILTERED),
    "ix_jobs_by_best_val_accuracy": ("best_val_accuracy", "number", *_FILTERED),
    "ix_jobs_of_status": ("status", "number"),
    "ix_jobs_of_kind": ("kind", "number"),
    "ix_jobs_of_architecture": ("architecture_kind", "number"),
    "ix_jobs_of_device_kind": ("device_kind", "number"),
    "ix_jobs_of_device": ("device", "number"),
    "ix_jobs_of_preset": ("preset", "number"),
    "ix_jobs_of_owner": ("owner", "number"),
    "ix_jobs_of_name": ("name", "number"),
    "ix_jobs_of_config_hash": ("config_hash", "number"),
}
_OLD = {
    "ix_jobs_created": ("created_at", "id"),
    "ix_jobs_finished": ("finished_at", "id"),
    "ix_jobs_val_accuracy": ("val_accuracy", "id"),
    "ix_jobs_best_val_accuracy": ("best_val_accuracy", "id"),
    "ix_jobs_status_created": ("status", "created_at", "id"),
    "ix_jobs_kind": ("kind", "created_at", "id"),
    "ix_jobs_kind_val_accuracy": ("architecture_kind", "val_accuracy", "id"),
    "ix_jobs_config_hash": ("config_hash", "created_at", "id"),
}


def upgrade() -> None:
    """Add the column and the tables, and replace the indexes of lists."""
    op.add_column("jobs", sa.Column("number", sa.BigInteger(), nullable=True))
    op.create_index("ix_jobs_number", "jobs", ["number"], unique=True)
    for name, columns in _NEW.items():
        op.create_index(name, "jobs", list(columns))
    for name in _OLD:
        op.drop_index(name, "jobs")
    _create_values()
    _create_words()
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE job_number_ties")


def _job_number() -> sa.Column[int]:
    return sa.Column("job", sa.BigInteger(), sa.ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False)


def _create_values() -> None:
    op.create_table(
        "job_values",
        _job_number(),
        sa.Column("path", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Float(53), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job", "path"),
        sqlite_with_rowid=False,
    )
    for kind in ("number", "text"):
        there = sa.text(f"{kind} IS NOT NULL")
        columns = ["path", kind, "job"]
        op.create_index(f"ix_job_values_{kind}", "job_values", columns, sqlite_where=there, postgresql_where=there)


def _create_words() -> None:
    op.create_table(
        "job_words",
        sa.Column("word", sa.Text(), nullable=False),
        _job_number(),
        sa.PrimaryKeyConstraint("word", "job"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_job_words_job", "job_words", ["job"])


def downgrade() -> None:
    """Drop all of it, and create the indexes of the release before."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE job_number_ties")
    op.drop_table("job_words")
    op.drop_table("job_values")
    for name, columns in _OLD.items():
        op.create_index(name, "jobs", list(columns))
    for name in (*_NEW, "ix_jobs_number"):
        op.drop_index(name, "jobs")
    op.drop_column("jobs", "number")

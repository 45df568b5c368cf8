"""Sweeps, their points, trials and rungs, and jobs that are paused after an epoch.

A worker of the release before knows no pause: it trains such a job to its end. Neither does it decide how the sweep
goes on: a process of this release does, within seconds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(23), "sqlite")
_TRIGGERS = {
    "sweeps_logged_insert": ("INSERT ON sweeps FOR EACH ROW", "NEW"),
    "sweeps_logged_update": ("UPDATE OF event_seq ON sweeps FOR EACH ROW WHEN (NEW.event_seq <> OLD.event_seq)", "NEW"),
    "sweeps_logged_delete": ("DELETE ON sweeps FOR EACH ROW", "OLD"),
}
"""What sets off each trigger, and the row that names the sweep: the log of changed jobs tells of sweeps, too."""
_SQLITE_WORK = "BEGIN INSERT INTO job_changes (job_id) VALUES (%s.id); END"
_TABLES = ("sweep_events", "sweep_rungs", "sweep_trials", "sweep_points", "sweeps")


def upgrade() -> None:
    """Add the tables, empty, and the epoch to pause after and the sweep, null for every job there is."""
    op.add_column("jobs", sa.Column("pause_after", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("sweep", sa.String(36), nullable=True))
    _index("ix_jobs_of_sweep", "jobs", ["sweep", "number"], where="sweep IS NOT NULL")
    _create_sweeps()
    _create_points()
    _create_trials()
    _create_rungs()
    op.create_table(
        "sweep_events",
        _sweep_id(),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        *_keys("sweep_id", "seq"),
        sqlite_with_rowid=False,
    )
    sqlite = op.get_context().dialect.name == "sqlite"
    for name, (what, row) in _TRIGGERS.items():
        work = _SQLITE_WORK % row if sqlite else "EXECUTE FUNCTION log_changed_job()"
        op.execute(f"CREATE TRIGGER {name} AFTER {what} {work}")


def _create_sweeps() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("next_trial", sa.Integer(), nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_sweeps_unfinished", "sweeps", ["id"], where="finished_at IS NULL")
    op.create_index("ix_sweeps_of_owner", "sweeps", ["owner", "id"])
    op.create_index("ix_sweeps_of_status", "sweeps", ["status", "id"])


def _create_points() -> None:
    op.create_table(
        "sweep_points",
        _sweep_id(),
        sa.Column("point", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("value", sa.Float(53), nullable=True),
        sa.Column("std", sa.Float(53), nullable=True),
        sa.Column("loss", sa.Float(53), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        *_keys("sweep_id", "point"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sweep_points_loss", "sweep_points", ["sweep_id", "loss", "point"])


def _create_trials() -> None:
    op.create_table(
        "sweep_trials",
        _sweep_id(),
        sa.Column("point", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("repeat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.String(36), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=True),
        *_keys("sweep_id", "point", "repeat"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sweep_trials_job", "sweep_trials", ["job_id"], unique=True)
    _index("ix_sweep_trials_open", "sweep_trials", ["sweep_id", "point", "repeat"], where="state IN ('live', 'due')")


def _create_rungs() -> None:
    op.create_table(
        "sweep_rungs",
        _sweep_id(),
        sa.Column("rung", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("point", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("loss", sa.Float(53), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        *_keys("sweep_id", "rung", "point"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sweep_rungs_loss", "sweep_rungs", ["sweep_id", "rung", "loss", "point", "waiting"])


def _sweep_id() -> sa.Column[str]:
    return sa.Column("sweep_id", sa.String(36), nullable=False)


def _keys(*names: str) -> tuple[sa.Constraint, ...]:
    return sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], ondelete="CASCADE"), sa.PrimaryKeyConstraint(*names)


def _index(name: str, table: str, columns: list[str], *, where: str) -> None:
    """Create an index over the rows of a condition alone."""
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Drop them. Jobs that are paused then wait for good, and can be cancelled; the sweeps' other jobs stay."""
    sqlite = op.get_context().dialect.name == "sqlite"
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON sweeps")
    for table in _TABLES:
        op.drop_table(table)
    op.drop_index("ix_jobs_of_sweep", "jobs")
    op.drop_column("jobs", "sweep")
    op.drop_column("jobs", "pause_after")

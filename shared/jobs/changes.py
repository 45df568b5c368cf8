"""The log of changed jobs: which jobs were submitted, changed or deleted since an earlier look.

Triggers on `jobs` write the log, so every change is in it, whoever makes it: this release, or the one before it. A
change is an event (`event_seq`), an insertion or a deletion; heartbeats are none.

On SQLite entries are numbered in commit order, as there is one writer at a time. On PostgreSQL a transaction may commit
after one with larger numbers. A mark there is a snapshot, which knows the transactions that were in progress, so no
change is missed however late it is committed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, literal_column, select, text

from shared.database.tables import JobChange
from shared.jobs.guarded_write import table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database

KEPT = 20_000
"""Entries that are kept: thousands of jobs may change between two looks of a reader."""


@dataclass(frozen=True)
class Mark:
    """A state of the log, of which a reader asks what came later.

    Attributes:
        number: number of the newest entry, 0 where there is none.
        job_id: the job of that entry; another one under this number is that of another database.
        snapshot: PostgreSQL's snapshot; empty on SQLite.
    """

    number: int = 0
    job_id: str = ""
    snapshot: str = ""


def mark(db: Database) -> Mark:
    """Return the present state of the log."""
    with db.read() as connection:
        return mark_in(connection)


def mark_in(connection: Connection) -> Mark:
    """Return the state of the log in this transaction."""
    return _newest(connection) if connection.dialect.name == "sqlite" else Mark(*connection.execute(_STATE).one())


def unchanged(connection: Connection, before: Mark, now: Mark) -> bool:
    """Whether no job has changed between an earlier mark and that of this transaction; False where it cannot be told.

    Quicker than `since`, however much has changed.
    """
    if not before.number or (now.number, now.job_id) != (before.number, before.job_id):
        return False  # without entries one database is like another
    return now == before or connection.execute(_ANY_ENTRY, {"before": before.snapshot}).one_or_none() is None


def since(db: Database, before: Mark) -> tuple[list[str] | None, Mark]:
    """Return the ids of the jobs that have changed since a mark, each once, and the mark of now.

    The ids are None where they cannot be told: the database was replaced, or the log no longer reaches back so far.
    """
    with db.read() as connection:
        return _since_number(connection, before) if db.is_sqlite else _since_snapshot(connection, before)


def forget_old(db: Database) -> None:
    """Delete all entries but the newest `KEPT`."""
    newest = select(func.max(JobChange.number)).scalar_subquery()
    old = delete(table_of(JobChange)).where(JobChange.number <= newest - KEPT)
    db.write(lambda connection: connection.execute(old))


def _newest(connection: Connection) -> Mark:
    row = connection.execute(_NEWEST).one_or_none()
    return Mark() if row is None else Mark(row.number, row.job_id)


def _since_number(connection: Connection, before: Mark) -> tuple[list[str] | None, Mark]:
    entries = select(JobChange.number, JobChange.job_id).where(JobChange.number >= before.number)
    rows = connection.execute(entries.order_by(JobChange.number)).all()
    known = [(before.number, before.job_id)] if before.number else []
    if [tuple(row) for row in rows[: len(known)]] != known:
        return None, _newest(connection)
    later = rows[len(known) :]
    return list(dict.fromkeys(row.job_id for row in later)), Mark(*later[-1]) if later else before


_LATER = """
    FROM job_changes
    WHERE transaction_id >= txid_snapshot_xmin(CAST(:before AS txid_snapshot))
      AND NOT txid_visible_in_snapshot(transaction_id, CAST(:before AS txid_snapshot))
      AND transaction_id < txid_snapshot_xmax(txid_current_snapshot())
"""
"""The last condition holds for every visible entry, but for those of another server that were restored here."""
_ENTRIES = text(f"SELECT DISTINCT job_id {_LATER}")
_ANY_ENTRY = text(f"SELECT 1 {_LATER} LIMIT 1")
_NEWEST = select(JobChange.number, JobChange.job_id).order_by(JobChange.number.desc()).limit(1)
_STATE = text("""
    SELECT coalesce(newest.number, 0), coalesce(newest.job_id, ''), CAST(txid_current_snapshot() AS text)
    FROM (SELECT 1) AS one
    LEFT JOIN (SELECT number, job_id FROM job_changes ORDER BY number DESC LIMIT 1) AS newest ON true
""")
_OLDEST = select(func.min(JobChange.number))
_REPLACED = text(
    "SELECT txid_snapshot_xmin(CAST(:before AS txid_snapshot)) > txid_snapshot_xmax(txid_current_snapshot())"
)


def _since_snapshot(connection: Connection, before: Mark) -> tuple[list[str] | None, Mark]:
    snapshot, given = _snapshot(connection), {"before": before.snapshot}
    if snapshot == before.snapshot:
        return [], before
    now = replace(_newest(connection), snapshot=snapshot)
    forgotten = before.number and (connection.scalar(_OLDEST) or 0) > before.number
    if forgotten or connection.scalar(_REPLACED, given):
        return None, now
    return list(connection.scalars(_ENTRIES, given)), now


def _snapshot(connection: Connection) -> str:
    """Return the snapshot that all statements of this transaction see."""
    return str(connection.scalar(select(literal_column("CAST(txid_current_snapshot() AS text)"))))

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
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database

KEPT = 20_000
"""Entries that are kept: thousands of jobs may change between two looks of a reader."""
MOST_TOLD = 500
"""Most entries since a mark that a look tells."""


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

    def includes(self, other: Mark) -> bool:
        """Whether who sees this state of a log sees every change that the other one has."""
        if not self.snapshot or not other.snapshot:
            return self.number >= other.number
        last, unseen = _limits(self.snapshot)
        other_last, other_unseen = _limits(other.snapshot)
        return last >= other_last and {one for one in unseen if one < other_last} <= other_unseen


def _limits(snapshot: str) -> tuple[int, set[int]]:
    """Return the first transaction that had not begun, and those before it that were in progress."""
    _, last, unseen = snapshot.split(":")
    return int(last), set(map(int, filter(None, unseen.split(","))))


def mark(db: Database) -> Mark:
    """Return the present state of the log."""
    with db.read() as connection:
        return _newest(connection) if db.is_sqlite else Mark(*connection.execute(_STATE).one())


@dataclass(frozen=True)
class Look:
    """What one transaction sees of the log.

    Attributes:
        mark: the state of the log.
        changed: the ids of the jobs that have changed since an earlier mark; None where they cannot be told, or where
            there are more than `MOST_TOLD`.
        numbered: whether every job has its number.
    """

    mark: Mark
    changed: Sequence[str] | None
    numbered: bool


def look(connection: Connection, before: Mark) -> Look:
    """Look at the log by one statement."""
    return _look_at_numbers(connection, before) if connection.dialect.name == "sqlite" else _look(connection, before)


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


def _look_at_numbers(connection: Connection, before: Mark) -> Look:
    rows = connection.execute(_LOOK_AT_NUMBERS, {"number": before.number}).all() if before.number else []
    if not rows or len(rows) > MOST_TOLD + 1 or tuple(rows[0][:2]) != (before.number, before.job_id):
        return Look(_newest(connection), None, connection.scalar(_ALL_NUMBERED))
    number, job_id, numbered = rows[-1]
    return Look(Mark(number, job_id), [row.job_id for row in rows[1:]], bool(numbered))


def _look(connection: Connection, before: Mark) -> Look:
    asked = {"number": before.number, "before": before.snapshot or _NOTHING_SEEN}
    row = connection.execute(_LOOK, asked).one_or_none()
    if row is None:
        return Look(Mark(), None, connection.scalar(_ALL_NUMBERED))
    now = Mark(row.number, row.job_id, row.snapshot)
    told = before.number and row.last == before.job_id and len(row.later) <= MOST_TOLD and now.includes(before)
    return Look(now, row.later if told else None, row.numbered)


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
_NEWEST = select(JobChange.number, JobChange.job_id).order_by(JobChange.number.desc()).limit(1)
_STATE = text("""
    SELECT coalesce(newest.number, 0), coalesce(newest.job_id, ''), CAST(txid_current_snapshot() AS text)
    FROM (SELECT 1) AS one
    LEFT JOIN (SELECT number, job_id FROM job_changes ORDER BY number DESC LIMIT 1) AS newest ON true
""")
_NUMBERED = "NOT EXISTS (SELECT 1 FROM jobs WHERE number IS NULL)"
_ALL_NUMBERED = text(f"SELECT {_NUMBERED}")
_NOTHING_SEEN = "1:1:"
_LOOK_AT_NUMBERS = text(f"""
    SELECT number, job_id, {_NUMBERED} FROM job_changes WHERE number >= :number ORDER BY number LIMIT {MOST_TOLD + 2}
""")  # noqa: S608 -- no value is part of the text
_LOOK = text(f"""
    SELECT
        newest.number, newest.job_id, CAST(txid_current_snapshot() AS text) AS snapshot, {_NUMBERED} AS numbered,
        (SELECT job_id FROM job_changes WHERE number = :number) AS last,
        ARRAY(SELECT job_id {_LATER} LIMIT {MOST_TOLD + 1}) AS later
    FROM job_changes AS newest ORDER BY newest.number DESC LIMIT 1
""")  # noqa: S608 -- no value is part of the text
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

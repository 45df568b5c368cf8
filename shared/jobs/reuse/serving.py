"""The cache: a job whose twin has succeeded on the same data is served its epochs, figures and files at once.

All of it is copied, the files too, so that nobody's deletion or pruning costs the other job anything. What was trained
is counted where it was trained: a served job adds nothing to the metrics of epochs, and estimates leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from shared import wire
from shared.database import clock
from shared.database.tables import Artifact, Attempt, Epoch, Evaluation, Job
from shared.jobs.guarded_write import advance, insert_rows, lock_if, owned_by, table_of
from shared.jobs.running.job_log import write_lines
from shared.jobs.running.retry_policy import Ending, end_attempt
from shared.jobs.status import JobStatus, Outcome
from shared.wire.answer import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.running.attempts import Line
    from shared.jobs.running.claims import Claim

_MOST_SOURCES = 20
_JOBS = table_of(Job).c
_TAKEN = [_JOBS[name] for name in (*names(wire.Result), "epoch", "engine", "device", "device_kind", "exact")]


class Served(Enum):
    """What became of the serving of a job."""

    DONE = "done"
    GONE = "gone"
    """The twin is not there any more."""
    LOST = "lost"
    """The worker has lost the job."""


@dataclass(frozen=True)
class Source:
    """A twin that has succeeded.

    Attributes:
        job_id: its id.
        epochs: how many epochs it has.
        exact: whether a repetition where it was trained would give the same bits.
        environment: where and on which data it was trained, as its attempt recorded it.
        files: its artifacts: columns of `Artifact` except job_id and created_at.
    """

    job_id: str
    epochs: int
    exact: bool
    environment: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]]


def sources(db: Database, claim: Claim) -> list[Source]:
    """Return succeeded twins of a claimed job, on whatever data; those that trained come first, of them the newest."""
    twins = (Job.twin_hash == claim.twin_hash, Job.status == JobStatus.SUCCEEDED, Job.id != claim.job_id)
    attempt = table_of(Attempt).c
    last = (attempt.job_id == _JOBS.id) & (attempt.attempt == _JOBS.attempt)
    found = select(_JOBS.id, _JOBS.epoch, _JOBS.exact, attempt.environment).join(table_of(Attempt), last).where(*twins)
    newest = found.order_by(_JOBS.served_from.is_not(None), _JOBS.finished_at.desc()).limit(_MOST_SOURCES)
    with db.read() as connection:
        rows = connection.execute(newest).all()
        files = [rows_of(connection, Artifact, row.id, but=("created_at",)) for row in rows]
    return [
        Source(row.id, row.epoch, bool(row.exact), row.environment or {}, own)
        for row, own in zip(rows, files, strict=True)
    ]


def serve(
    db: Database,
    claim: Claim,
    source: Source,
    artifacts: Sequence[Mapping[str, Any]],
    *,
    lines: Sequence[Line] = (),
    keep_lines: int = 1,
) -> Served:
    """Finish a job as succeeded with what its twin has trained, in one transaction.

    Args:
        db: the database.
        claim: the worker's claim of the job.
        source: the twin.
        artifacts: the job's own copies of its files: columns of `Artifact` except job_id and created_at.
        lines: log lines that are not written yet.
        keep_lines: most lines of the job's log.
    """

    def work(connection: Connection) -> Served:
        if not lock_if(connection, claim.job_id, *owned_by(claim.attempt), Job.worker == claim.worker):
            return Served.DONE if _served_before(connection, claim) else Served.LOST
        found = _still_there(connection, source)
        if found is None:
            return Served.GONE
        _take(connection, claim, source, found)
        insert_rows(connection, Artifact, artifacts, job_id=claim.job_id, created_at=clock.database_now(connection))
        write_lines(connection, claim.job_id, claim.attempt, lines, keep_lines)
        end_attempt(connection, claim.job_id, claim.attempt, Ending(Outcome.SUCCEEDED))
        return Served.DONE

    return db.write(work)


def _served_before(connection: Connection, claim: Claim) -> bool:
    """Whether this attempt has succeeded already: the commit is repeated, as its answer was lost."""
    mine = (Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt, Attempt.worker == claim.worker)
    return connection.scalar(select(Attempt.outcome).where(*mine)) == Outcome.SUCCEEDED


def _still_there(connection: Connection, source: Source) -> Row[Any] | None:
    """Return what is taken of the twin's row, which stays until the transaction ends; None where it is gone."""
    there = select(*_TAKEN).where(_JOBS.id == source.job_id, _JOBS.status == JobStatus.SUCCEEDED)
    return connection.execute(there.with_for_update(read=True, key_share=True)).one_or_none()


def _take(connection: Connection, claim: Claim, source: Source, found: Row[Any]) -> None:
    """Give the job its twin's epochs, evaluations and figures; what it had of its own is deleted."""
    for table in (Epoch, Evaluation):
        connection.execute(delete(table_of(table)).where(table_of(table).c.job_id == claim.job_id))
    nothing = {"continued_from": None, "continued_epochs": None, "epoch_seconds": None}
    taken = found._asdict() | nothing | {"served_from": source.job_id}
    copy_epochs(connection, claim, rows_of(connection, Epoch, source.job_id), taken)
    insert_rows(connection, Evaluation, rows_of(connection, Evaluation, source.job_id), job_id=claim.job_id)
    mine = (Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt)
    connection.execute(update(table_of(Attempt)).where(*mine).values(environment=dict(source.environment)))


def copy_epochs(
    connection: Connection, claim: Claim, rows: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> None:
    """Give a job, whose row is locked, another one's epochs as its own, numbered as its events, and these columns."""
    job = advance(connection, claim.job_id, events=len(rows), **values)
    assert job is not None  # noqa: S101 -- its row is locked
    mine = {"attempt": claim.attempt}
    numbered = [{**row, **mine, "seq": seq} for seq, row in enumerate(rows, job.event_seq - len(rows) + 1)]
    insert_rows(connection, Epoch, numbered, job_id=claim.job_id)


def rows_of(connection: Connection, table: type[Any], job_id: str, but: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a job's rows of a table in the order of their key, without the job's id and the columns `but`."""
    columns = [column for column in table_of(table).c if column.name not in {"job_id", *but}]
    rows = connection.execute(select(*columns).where(table_of(table).c.job_id == job_id).order_by(columns[0]))
    return [row._asdict() for row in rows]

"""Idempotency keys: a submission, batch, retry or sweep that is repeated with the same key is not made twice.

The key is written in the jobs' own transaction, so all of them exist or none does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import delete, func, insert, literal, select, text
from sqlalchemy.exc import OperationalError

from shared.database import clock
from shared.database.tables import BatchKey, IdempotencyKey, Job
from shared.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from shared.jobs.actor import Actor
from shared.jobspec.hashes import asked_for, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobspec import Submission
    from shared.jobspec.fields.evaluation import EvaluationRequest

KEEP_SECONDS = 24 * 3600.0
WAIT_SECONDS = 2.0
"""How long a repeat waits on PostgreSQL for the first request in progress; on SQLite it waits like every write."""
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class SubmissionKey:
    """What identifies repetitions of one request.

    Attributes:
        key: chosen by the client, new for each job.
        body_sha256: SHA-256 of the request's meaning, in hexadecimal, independent of field order and spelling.
        owner: owner of the key: two owners may choose the same key.
    """

    key: str
    body_sha256: str
    owner: str = ""

    @classmethod
    def of_submission(cls, key: str, submission: Submission, actor: Actor) -> Self:
        """Return the key of a submission. Defaults are left out, so that fields added later change no key."""
        return cls(key, sha256_of(_meaning(submission)), _owner(actor))

    @classmethod
    def of_batch(cls, key: str, submissions: Sequence[Submission], actor: Actor) -> Self:
        """Return the key of a batch of submissions, in their order."""
        return cls(key, sha256_of({"jobs": [_meaning(one) for one in submissions]}), _owner(actor))

    @classmethod
    def of_sweep(cls, key: str, document: Mapping[str, Any], actor: Actor) -> Self:
        """Return the key of a sweep, given as its request with every default."""
        return cls(key, sha256_of({"sweep": document}), _owner(actor))

    @classmethod
    def of_evaluation(cls, key: str, job_id: str, request: EvaluationRequest, actor: Actor) -> Self:
        """Return the key of a request to evaluate the job `job_id`."""
        return cls(key, sha256_of({"evaluate": job_id, "asked": asked_for(request)}), _owner(actor))

    @classmethod
    def of_retry(cls, key: str, job_id: str, actor: Actor) -> Self:
        """Return the key of a retry of the job `job_id`."""
        return cls(key, sha256_of({"retry_of": job_id}), _owner(actor))

    @classmethod
    def of_replay(cls, key: str, job_id: str, where: Sequence[object], actor: Actor) -> Self:
        """Return the key of a replay of the job `job_id`, with where it is to run otherwise."""
        return cls(key, sha256_of({"replay_of": job_id, "where": list(where)}), _owner(actor))


def _meaning(submission: Submission) -> dict[str, Any]:
    return {"preset": submission.preset, "spec": asked_for(submission.spec)}


def _owner(actor: Actor) -> str:
    """Return the owner column of an actor's keys; never null, as it is part of the primary key."""
    return actor.owner or ""


def made_by(db: Database, key: SubmissionKey) -> str | None:
    """Return the id of the job that the key's first request made; None for a new key. Raises as `first_job`."""
    return db.write(lambda connection: first_job(connection, key))


def retried_by(db: Database, key: str, ending: str, *, actor: Actor) -> str | None:
    """Return the id with this ending whose retry the key made; None where the key made no such retry.

    The original job may have been deleted since: then only the retry still names it.
    """
    own = (IdempotencyKey.key == key, IdempotencyKey.owner == _owner(actor), actor.reach)
    statement = select(Job.retry_of).join(IdempotencyKey, IdempotencyKey.job_id == Job.id).where(*own)
    with db.read() as connection:
        fresh = IdempotencyKey.created_at >= clock.database_now_plus(connection, -KEEP_SECONDS)
        original = connection.scalar(statement.where(fresh))
    return original if original is not None and original.endswith(ending) else None


def batch_made_by(db: Database, key: SubmissionKey) -> list[str] | None:
    """Return the ids of the batch that the key's first request made; None for a new key. Raises as `first_job`."""
    return db.write(lambda connection: first_batch(connection, key))


def first_job(connection: Connection, key: SubmissionKey) -> str | None:
    """Return the id of the job that the key's first request made; None for a new key, which is then locked.

    Raises:
        IdempotencyKeyReused: the key was sent with a different request.
        IdempotencyKeyInUse: another transaction has locked the key for too long.
    """
    row = _first(connection, key)
    return None if row is None else str(row.job_id)


def first_batch(connection: Connection, key: SubmissionKey) -> list[str] | None:
    """As `first_job`, of a batch: the ids of its jobs, in its order, of which some may have been deleted since."""
    row = _first(connection, key)
    return None if row is None else list(row.job_ids)


def _first(connection: Connection, key: SubmissionKey) -> Row[Any] | None:
    """Lock the key; return the row of its first request, which `key` repeats, from the table that has it."""
    _keep_others_out(connection, key)
    for table, made in ((IdempotencyKey, IdempotencyKey.job_id), (BatchKey, BatchKey.job_ids)):
        own = (table.key == key.key, table.owner == key.owner)
        old = table.created_at < clock.database_now_plus(connection, -KEEP_SECONDS)
        row = connection.execute(select(made, table.body_sha256, old.label("old")).where(*own)).one_or_none()
        if row is not None and row.old:
            connection.execute(delete(table).where(*own))
        elif row is not None:
            return _same_request(key, row)
    return None


def _same_request(key: SubmissionKey, row: Row[Any]) -> Row[Any]:
    if row.body_sha256 != key.body_sha256:
        made = f"job {row.job_id}" if "job_id" in row._fields else _several(len(row.job_ids))
        raise IdempotencyKeyReused(
            f"The Idempotency-Key {key.key!r} was already used for a different request, which made {made}. "
            "Use a new key for each job, batch or sweep."
        )
    return row


def _several(count: int) -> str:
    return "a sweep, or a batch of one job" if count == 1 else f"a batch of {count:,} jobs"


def forget_batch(connection: Connection, key: SubmissionKey) -> None:
    """Free a key that `first_batch` has locked: what it made is gone."""
    connection.execute(delete(BatchKey).where(BatchKey.key == key.key, BatchKey.owner == key.owner))


def record(connection: Connection, key: SubmissionKey, job_id: str) -> None:
    """Record the key together with the job that this transaction has inserted."""
    values = {"key": key.key, "owner": key.owner, "body_sha256": key.body_sha256, "job_id": job_id}
    connection.execute(insert(IdempotencyKey).values(created_at=clock.database_now(connection), **values))


def record_batch(connection: Connection, key: SubmissionKey, job_ids: Sequence[str]) -> None:
    """Record the key together with the jobs that this transaction has inserted as one batch."""
    values = {"key": key.key, "owner": key.owner, "body_sha256": key.body_sha256, "job_ids": list(job_ids)}
    connection.execute(insert(BatchKey).values(created_at=clock.database_now(connection), **values))


def forget_old(db: Database) -> None:
    """Delete the keys that are older than `KEEP_SECONDS`."""

    def work(connection: Connection) -> None:
        long_ago = clock.database_now_plus(connection, -KEEP_SECONDS)
        for table in (IdempotencyKey, BatchKey):
            connection.execute(delete(table).where(table.created_at < long_ago))

    db.write(work)


def _keep_others_out(connection: Connection, key: SubmissionKey) -> None:
    """Lock the key until the transaction ends; on SQLite, which has one writer at a time, this does nothing."""
    if connection.dialect.name == "sqlite":
        return
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {int(WAIT_SECONDS * 1000)}"))
        number = func.hashtextextended(literal(f"idempotency {key.owner} {key.key}"), literal(0))
        connection.execute(select(func.pg_advisory_xact_lock(number)))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))  # other locks are waited for as without a key
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise IdempotencyKeyInUse(
            f"The first request with the Idempotency-Key {key.key!r} is still in progress. Send it again soon."
        ) from error

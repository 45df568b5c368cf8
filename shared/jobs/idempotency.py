"""A submission or retry that is sent again, because its answer was lost, makes no second job: the sender's key tells.

The key is written in the job's own transaction, so it stands exactly when the job does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sqlalchemy import delete, func, insert, literal, select, text
from sqlalchemy.exc import OperationalError

from shared.database import clock
from shared.database.tables import IdempotencyKey, Job
from shared.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from shared.jobs.actor import NOBODY, Actor
from shared.jobspec.identity import asked_for, sha256_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobspec import Submission

KEEP_SECONDS = 24 * 3600.0
WAIT_SECONDS = 2.0
"""How long a repeat waits for a first submission that is still in progress, on PostgreSQL; on SQLite as every write."""
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class SubmissionKey:
    """What makes a submission the same as another.

    Attributes:
        key: the sender's own, new for each job.
        body_sha256: of what is asked for, in hexadecimal; the same however the body words it.
        owner: whose key it is: two people may choose the same.
    """

    key: str
    body_sha256: str
    owner: str = ""

    @classmethod
    def of_submission(cls, key: str, submission: Submission, actor: Actor = NOBODY) -> Self:
        """The key of a job that is described. Defaults are left out, so one that is added later changes nothing."""
        return cls(key, sha256_of({"preset": submission.preset, "spec": asked_for(submission.spec)}), _owner(actor))

    @classmethod
    def of_retry(cls, key: str, job_id: str, actor: Actor = NOBODY) -> Self:
        """The key of a job that is another one's repetition."""
        return cls(key, sha256_of({"retry_of": job_id}), _owner(actor))


def _owner(actor: Actor) -> str:
    """Whose keys an actor's are; a part of the table's primary key, so never null."""
    return actor.owner or ""


def made_by(db: Database, key: SubmissionKey) -> str | None:
    """The job that was made under the key; None for a new key. Raises as `first_job`."""
    return db.write(lambda connection: first_job(connection, key))


def retried_by(db: Database, key: str, ending: str, *, actor: Actor = NOBODY) -> str | None:
    """The job, by an end of its id, whose retry was made under the key; None where the key stands for no such retry.

    It may have been deleted since: then the retry alone still names it.
    """
    mine = (IdempotencyKey.key == key, IdempotencyKey.owner == _owner(actor), actor.reach)
    statement = select(Job.retry_of).join(IdempotencyKey, IdempotencyKey.job_id == Job.id).where(*mine)
    with db.read() as connection:
        fresh = IdempotencyKey.created_at >= clock.database_now_plus(connection, -KEEP_SECONDS)
        original = connection.scalar(statement.where(fresh))
    return original if original is not None and original.endswith(ending) else None


def first_job(connection: Connection, key: SubmissionKey) -> str | None:
    """The job that the key stands for; None for a new key, which is then this transaction's until it ends.

    Raises:
        IdempotencyKeyReused: it stands for something else.
        IdempotencyKeyInUse: another transaction has it, and takes long.
    """
    _keep_others_out(connection, key)
    mine = (IdempotencyKey.key == key.key, IdempotencyKey.owner == key.owner)
    old = IdempotencyKey.created_at < clock.database_now_plus(connection, -KEEP_SECONDS)
    row = connection.execute(
        select(IdempotencyKey.job_id, IdempotencyKey.body_sha256, old.label("old")).where(*mine)
    ).one_or_none()
    if row is None:
        return None
    if row.old:
        connection.execute(delete(IdempotencyKey).where(*mine))
        return None
    if row.body_sha256 != key.body_sha256:
        raise IdempotencyKeyReused(
            f"The Idempotency-Key {key.key!r} was sent before, for something else: that made job {row.job_id}. "
            "Send a new key with each job."
        )
    return str(row.job_id)


def record(connection: Connection, key: SubmissionKey, job_id: str) -> None:
    """Let the key stand for the job that this transaction has made."""
    values = {"key": key.key, "owner": key.owner, "body_sha256": key.body_sha256, "job_id": job_id}
    connection.execute(insert(IdempotencyKey).values(created_at=clock.database_now(connection), **values))


def forget_old(db: Database) -> None:
    """Delete the keys that have been kept for `KEEP_SECONDS`."""

    def work(connection: Connection) -> None:
        long_ago = clock.database_now_plus(connection, -KEEP_SECONDS)
        connection.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < long_ago))

    db.write(work)


def _keep_others_out(connection: Connection, key: SubmissionKey) -> None:
    """One transaction at a time for each key. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "sqlite":
        return
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {int(WAIT_SECONDS * 1000)}"))
        number = func.hashtextextended(literal(f"idempotency {key.owner} {key.key}"), literal(0))
        connection.execute(select(func.pg_advisory_xact_lock(number)))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise IdempotencyKeyInUse(
            f"The first request with the Idempotency-Key {key.key!r} is still in progress. Send it again soon."
        ) from error

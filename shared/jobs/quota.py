"""How many jobs of one owner may wait to run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, literal, select

from shared.database.tables import Job
from shared.errors import TooManyQueuedJobs
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.jobs.actor import Actor

RETRY_SECONDS = 60
"""What `Retry-After` says: nobody knows when jobs will have started."""


def require_room(connection: Connection, actor: Actor, jobs: int) -> None:
    """Check, before jobs are inserted, that their owner may have so many more of them queued.

    Until the transaction ends, other submissions of the same owner wait here, so that none counts without these jobs.

    Args:
        connection: the transaction that inserts them.
        actor: who submits them, and how many queued jobs an owner may have.
        jobs: how many they are.

    Raises:
        TooManyQueuedJobs: there would be more.
    """
    most = actor.most_queued
    if not most:
        return
    queued = _queued(connection, actor)
    if queued + jobs > most:
        whose = "there are" if actor.owner is None else f"{actor.owner} has"
        raise TooManyQueuedJobs(
            f"At most {most} jobs of an owner may be queued (FLIGHTLINE_MAX_QUEUED_PER_OWNER): {whose} {queued}, and "
            f"this would add {jobs}. Wait for some to start, or cancel some.",
            RETRY_SECONDS,
        )


def room(connection: Connection, actor: Actor, jobs: int) -> int:
    """Return how many of so many jobs their owner may have queued now; as `require_room` otherwise."""
    if not actor.most_queued:
        return jobs
    return max(0, min(jobs, actor.most_queued - _queued(connection, actor)))


def _queued(connection: Connection, actor: Actor) -> int:
    """Return how many jobs the owner has queued, counted up to one more than are allowed."""
    if connection.dialect.name != "sqlite":  # which has one writer at a time
        number = func.hashtextextended(literal(f"queued {actor.owner or ''}"), literal(0))
        connection.execute(select(func.pg_advisory_xact_lock(number)))
    owned = Job.owner.is_(None) if actor.owner is None else Job.owner == actor.owner
    waiting = select(literal(1)).where(Job.status == JobStatus.QUEUED, owned).limit(actor.most_queued + 1)
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0

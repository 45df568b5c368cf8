"""Single flight: of jobs that ask for the same training in the same way, twins, one trains, and others follow it.

A job *leads* from the moment at which its attempt begins to train until that attempt ends, however it ends. A queued
twin whose `cache` is not off *follows*: no worker gets it. When the leader's attempt ends, the same transaction lets
its followers go: each is then claimed like any job, and served by the leader's result, or goes on in its place from its
checkpoint, or follows whoever came first. So nobody's cancel, failure or deletion costs another owner their job.

A follower is parked at an instant that never comes (`PARKED`), so that workers of the release before leave it alone.

Jobs of all owners are twins of each other: whoever may submit may read every job (`Actor.reach`), so a result that is
shared shows nobody what they could not read.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import aliased

from shared.database import clock
from shared.database.tables import Attempt, Job
from shared.jobs.guarded_write import add_events, advance_all, table_of
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from shared.database.engine import Database
    from shared.jobs.running.claims import Claim

PARKED = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
"""The `not_before` of a follower."""
_MOST_AT_ONCE = 500
_Leader = aliased(Job, name="leader")


def may_be_claimed() -> ColumnElement[bool]:
    """Return the SQL condition for jobs that need not follow another one."""
    alone = or_(Job.cache == "off", Job.pause_after.is_not(None))
    led = select(literal(1)).where(_Leader.leads == Job.twin_hash, _Leader.status == JobStatus.RUNNING)
    return or_(alone, ~led.correlate(table_of(Job)).exists())


def may_lead(connection: Connection, claim: Claim, seen: Collection[str]) -> bool:
    """Whether a job may begin to train: its cache is off, or no twin leads, and none has succeeded unseen.

    Until the transaction ends, no twin begins to.

    Args:
        connection: the transaction in which the job begins.
        claim: the job, which may lead already: a commit whose answer was lost is repeated.
        seen: the succeeded twins that the worker has looked at since its claim, and that do not serve the job.
    """
    if claim.twin_hash is None:
        return True
    if connection.dialect.name != "sqlite":  # which has one writer at a time
        number = func.hashtextextended(literal(f"twin {claim.twin_hash}"), literal(0))
        connection.execute(select(func.pg_advisory_xact_lock(number)))
    if claim.cache == "off":
        return True
    led = _leader(connection, claim.twin_hash, lock=False) not in {None, claim.job_id}
    return not led and not _succeeded_since(connection, claim, seen)


def _succeeded_since(connection: Connection, claim: Claim, seen: Collection[str]) -> bool:
    """Whether a twin has succeeded between the worker's look at those that have and now."""
    began = select(Attempt.started_at).where(Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt)
    twins = (Job.twin_hash == claim.twin_hash, Job.status == JobStatus.SUCCEEDED, Job.served_from.is_(None))
    late = select(table_of(Job).c.id).where(*twins, Job.finished_at >= began.scalar_subquery())
    return any(job_id not in seen for job_id in connection.scalars(late))


def leader_of(db: Database, job_id: str, twin_hash: str | None) -> str | None:
    """Return the twin that leads now; None where none does, or it is the job itself."""
    if twin_hash is None:
        return None
    with db.read() as connection:
        leader = _leader(connection, twin_hash, lock=False)
    return None if leader == job_id else leader


def leaders(connection: Connection, twin_hashes: Iterable[str | None]) -> dict[str, str]:
    """Return the jobs that lead now, by their twin hash, and lock them: they lead until the transaction ends."""
    found = {one: _leader(connection, one, lock=True) for one in dict.fromkeys(twin_hashes) if one is not None}
    return {twin_hash: leader for twin_hash, leader in found.items() if leader is not None}


def _leader(connection: Connection, twin_hash: str, *, lock: bool) -> str | None:
    leads = select(table_of(Job).c.id).where(Job.leads == twin_hash, Job.status == JobStatus.RUNNING)
    # A worker that holds its row's lock may be ending the job, and waiting for it would delay all others.
    locked = leads.with_for_update(skip_locked=True, key_share=True) if lock else leads
    found: str | None = connection.scalar(locked.order_by(Job.id).limit(1))
    return found


def park(connection: Connection, job_id: ColumnElement[str], found_by: dict[str, object]) -> bool:
    """Let a queued job whose twin leads follow it, and with it all twins that may be claimed; return whether it does.

    Args:
        connection: the transaction.
        job_id: an SQL expression for the job's id.
        found_by: the parameters of that.
    """
    twin_hash = connection.scalar(select(Job.twin_hash).where(Job.id == job_id), found_by)
    leader = None if twin_hash is None else _leader(connection, twin_hash, lock=True)
    if leader is None:
        return False
    waiting = (Job.status == JobStatus.QUEUED, Job.not_before.is_(None))
    twins = (Job.twin_hash == twin_hash, Job.cache != "off", Job.pause_after.is_(None))
    some = select(table_of(Job).c.id).where(*twins, *waiting).order_by(Job.id).limit(_MOST_AT_ONCE)
    ids = connection.scalars(some.with_for_update(skip_locked=True)).all()
    _point(connection, ids, leader, not_before=PARKED)
    return bool(ids)


def let_go(connection: Connection, leader: str) -> int:
    """Let the followers of a job go, whose attempt ends in this transaction; return how many they were."""
    followers = select(table_of(Job).c.id).where(Job.following == leader).order_by(Job.id)
    return _let_go(connection, connection.scalars(followers.with_for_update()).all())


def let_go_of_the_lost(db: Database) -> int:
    """Let followers go whose leader does not lead any more, without having told them; return how many they were.

    That is where a worker or reconciler of the release before has ended the leader, or the database was restored.
    """
    gone = ~(
        select(literal(1))
        .where(_Leader.id == Job.following, _Leader.status == JobStatus.RUNNING, _Leader.leads.is_not(None))
        .correlate(table_of(Job))
        .exists()
    )
    stranded = select(table_of(Job).c.id).where(Job.following.is_not(None), gone).limit(_MOST_AT_ONCE)
    with db.read() as connection:
        if connection.scalar(stranded.limit(1)) is None:
            return 0

    def work(connection: Connection) -> int:
        return _let_go(connection, connection.scalars(stranded.with_for_update(skip_locked=True)).all())

    return db.write(work)


def _let_go(connection: Connection, ids: Sequence[str]) -> int:
    for start in range(0, len(ids), _MOST_AT_ONCE):
        part = ids[start : start + _MOST_AT_ONCE]
        _point(connection, part, None, not_before=None, queued_at=clock.database_now(connection))
    return len(ids)


def _point(connection: Connection, ids: Sequence[str], leader: str | None, **values: Any) -> None:
    """Let queued jobs, whose rows are locked, follow a leader, or none."""
    changed = advance_all(connection, ids, following=leader, **values)
    told = [{"job_id": job.id, "seq": job.event_seq} for job in changed]
    add_events(connection, [one | {"kind": "following", "data": {"following": leader}} for one in told])

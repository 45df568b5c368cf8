"""The reconciler repairs what a crash left: running attempts without a worker, and queued jobs without a message.

Every worker and every API process has one on a timer; named locks let one of them act at a time. It only
*expires* attempts and *publishes* messages. A superfluous message is dropped by the claim, so in doubt it publishes.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import bindparam, func, select

from shared.database import clock
from shared.database.engine import Database
from shared.database.named_lock import NamedLock
from shared.database.tables import Attempt, Job
from shared.delivery.broker import PRIORITIES
from shared.delivery.publisher import publish_many
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.fleet import workers
from shared.jobs import changes, idempotency
from shared.jobs.running import leases
from shared.jobs.running.leases import LeaseWatch
from shared.jobs.running.retry_policy import Ending, due
from shared.jobs.status import JobStatus, Outcome, Queue
from shared.processes import born, pid_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from shared.delivery.broker import Broker
    from shared.settings import Settings

logger = logging.getLogger(__name__)

_LOOKS_PER_LEASE = 4
_NEXT_KIND = select(Job.kind).where(Job.kind > bindparam("last")).order_by(Job.kind).limit(1)


@dataclass(frozen=True)
class ReconcilerPace:
    """Sizes of a pass, and the time that a message is given to arrive."""

    batch: int = 500
    """Messages published at once."""
    most_expired: int = 100
    """Most attempts ended in one pass."""
    settle_seconds: float = 5.0
    """Seconds since its publication during which a job's message may simply not have been delivered yet."""
    unpublished_seconds: float = 2.0
    """Seconds since its queuing during which a job is most likely being published by the process that queued it."""


@dataclass(frozen=True)
class Report:
    """How many attempts one pass ended, and how many messages it published."""

    expired: int = 0
    published: int = 0


class Delivered(NamedTuple):
    """The running jobs of one kind, queue and priority, whose messages Redis has delivered from one list."""

    kind: str
    queue: str
    priority: int
    published_at: dt.datetime
    """When the newest of their messages was published."""
    started_at: dt.datetime
    """When the newest of their attempts started."""


def bounds(delivered: Iterable[Delivered]) -> dict[tuple[str, str, int], dt.datetime]:
    """Return for each list in Redis (kind, queue, priority) when its oldest message that may remain was published.

    A list delivers in the order of publishing, and a worker takes from the most urgent list that is not empty. So if a
    job of priority 5 was published at 10:00 and started at 10:03, no message published before 10:00 is left in the list
    of priority 5, and none published before 10:03 in the lists of priorities 6 to 9, which were empty at that moment.
    A job that is still queued although it was published before its list's bound has therefore lost its message.
    """
    found: dict[tuple[str, str, int], dt.datetime] = {}
    for one in delivered:
        own = {one.priority: one.published_at}
        for priority, bound in (own | dict.fromkeys(range(one.priority + 1, PRIORITIES), one.started_at)).items():
            place = one.kind, one.queue, priority
            found[place] = max(bound, found.get(place, bound))
    return found


class Reconciler:
    """The reconciler of one process, of which one acts at a time by named locks.

    There are two locks. Only a process whose own database connection is healthy may judge leases, and it releases that
    lock as soon as it is not. Any process may publish, as superfluous messages are harmless.

    Args:
        db: a `Database` that nothing else in this process uses, so that nothing else delays its answers.
        broker: publishes the messages.
        lease_seconds: how long a claim holds without a heartbeat.
        now: a clock in seconds that does not advance while the machine sleeps.
        pace: sizes and times of a pass.
    """

    def __init__(
        self,
        db: Database,
        broker: Broker,
        lease_seconds: float,
        now: Callable[[], float] = time.monotonic,
        pace: ReconcilerPace = ReconcilerPace(),
    ) -> None:
        self._db = db
        self._broker = broker
        self._pace = pace
        self._longest_pause = lease_seconds / _LOOKS_PER_LEASE
        self._watch = LeaseWatch(db, lease_seconds, now)
        holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._judging = NamedLock(db, "leases", holder)
        self._publishing = NamedLock(db, "reconciler", holder)

    @classmethod
    def build(cls, settings: Settings, broker: Broker) -> Self:
        """Build a reconciler from settings, with a `Database` of its own, so that other queries cannot delay it."""
        return cls(Database(settings.sqlalchemy_url), broker, settings.lease_seconds)

    def run_once(self) -> Report | None:
        """Make one pass; None when other processes hold both locks, or the database or Redis is unavailable."""
        try:
            expired = self._judge()
            published = self._publish_missing() if self._publishing.acquire() else None
        except DatabaseUnavailable as error:
            self._watch.health.fail()
            logger.warning("reconcile_failed", extra={"reason": str(error)})
            return None
        except QueueUnavailable as error:
            logger.warning("reconcile_failed", extra={"reason": str(error)})
            return None
        if expired is None and published is None:
            return None
        report = Report(expired or 0, published or 0)
        if report != Report():
            logger.info("reconciled", extra=asdict(report))
        return report

    def run_until(self, stop: Callable[[float], bool], interval_seconds: float) -> None:
        """Make pass after pass until `stop(seconds)`, which waits up to `seconds`, returns True."""
        while not stop(min(interval_seconds, self._longest_pause)):
            try:
                self.run_once()
            except Exception:
                # No error may end the thread: the next pass may succeed.
                logger.exception("reconcile_crashed")

    def start(self, interval_seconds: float) -> threading.Event:
        """Start passes in a daemon thread. Setting the returned event ends them."""
        stop = threading.Event()
        threading.Thread(
            target=self.run_until, args=(stop.wait, interval_seconds), name="reconciler", daemon=True
        ).start()
        return stop

    def _judge(self) -> int | None:
        """End the attempts whose leases have run out; None where this process is unhealthy or lacks the lock."""
        overdue = self._watch.check()
        if not self._watch.healthy:
            self._judging.release()
            return None
        if not self._judging.acquire():
            return None
        workers.forget(self._db, overdue.reports)
        idempotency.forget_old(self._db)
        changes.forget_old(self._db)
        queued = leases.expire(self._db, overdue.leases[: self._pace.most_expired])
        publish_many(self._db, self._broker, queued)
        return len(queued)

    def _publish_missing(self) -> int:
        if self._broker.has_lost_everything():
            return self._publish_everything()
        return self._publish_unpublished() + self._publish_overtaken() + self._publish_stranded()

    def _publish_everything(self) -> int:
        ids = _waiting(self._db)
        published = self._publish(ids)
        if published == len(ids):
            self._broker.confirm_republished()
        return published

    def _publish_where(self, *conditions: ColumnElement[bool]) -> int:
        return self._publish(_waiting(self._db, *conditions))

    def _publish(self, ids: Sequence[str]) -> int:
        """Publish these jobs; return how many were. The lock is renewed between batches: 100,000 take a minute."""
        return _publish_in_batches(self._db, self._broker, ids, self._pace.batch, go_on=self._publishing.acquire)

    def _publish_unpublished(self) -> int:
        """Publish jobs whose publish failed or was prevented by a crash, and retries that have become due."""
        with self._db.read() as connection:
            settled = clock.long_ago(connection, Job.queued_at, self._pace.unpublished_seconds)
            now = clock.database_now(connection)
        unpublished = self._publish_where(Job.published_at.is_(None), settled)
        return unpublished + self._publish_where(Job.not_before <= now, Job.published_at < Job.not_before)

    def _publish_overtaken(self) -> int:
        """Publish queued jobs whose message must have been delivered before another one that was; see `bounds`."""
        with self._db.read() as connection:
            rows: Sequence[Sequence[Any]] = connection.execute(
                select(
                    Job.kind,
                    Job.queue,
                    Job.priority,
                    func.max(Job.published_at),
                    func.max(Attempt.started_at),
                )
                .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.attempt == Job.attempt))
                .where(Job.status == JobStatus.RUNNING, Job.published_at.is_not(None))
                .group_by(Job.kind, Job.queue, Job.priority)
            ).all()
            settled = clock.database_now_plus(connection, -self._pace.settle_seconds)
        return sum(  # one range of the index for each list in Redis
            self._publish_where(
                *(Job.kind == kind, Job.queue == queue, Job.priority == priority),
                *(Job.published_at < bound, Job.published_at < settled),
            )
            for (kind, queue, priority), bound in bounds(Delivered(*row) for row in rows).items()
        )

    def _publish_stranded(self) -> int:
        """Publish jobs published a while ago whose queue in Redis is empty: their messages were lost."""
        return sum(self._publish_stranded_of(kind) for kind in _kinds(self._db))

    def _publish_stranded_of(self, kind: str) -> int:
        depths = self._broker.depths(kind)
        empty = [queue.value for queue in Queue if depths is not None and depths[queue] == 0]
        if not empty:
            return 0
        with self._db.read() as connection:
            settled = clock.long_ago(connection, Job.published_at, self._pace.settle_seconds)
        return self._publish_where(Job.kind == kind, Job.queue.in_(empty), settled)


def _waiting(db: Database, *conditions: ColumnElement[bool]) -> list[str]:
    """Return the ids of the queued jobs that match and are due, most urgent and oldest first."""
    with db.read() as connection:
        queued = select(Job.id).where(Job.status == JobStatus.QUEUED, due(connection), *conditions)
        return list(connection.scalars(queued.order_by(Job.priority.desc(), Job.queued_at, Job.id)))


def _kinds(db: Database) -> list[str]:
    """Return the kinds of all jobs, including kinds of a later release, by one index lookup per kind."""
    kinds: list[str] = []
    with db.read() as connection:
        while (kind := connection.scalar(_NEXT_KIND, {"last": kinds[-1] if kinds else ""})) is not None:
            kinds.append(kind)
    return kinds


def _publish_in_batches(
    db: Database, broker: Broker, ids: Sequence[str], batch: int, go_on: Callable[[], bool] = lambda: True
) -> int:
    """Publish these in order until Redis is unavailable or `go_on()` returns False; return how many were published."""
    for start in range(0, len(ids), batch):
        if not (go_on() and publish_many(db, broker, ids[start : start + batch])):
            return start
    return len(ids)


def sweep(db: Database, broker: Broker, pace: ReconcilerPace = ReconcilerPace()) -> Report:
    """Repair what the last stack on this machine left, when the next one starts.

    Attempts of workers of this pid namespace whose process has ended are ended at once, before their leases run out.
    Nothing is assumed about workers of another host with the same name. Queued jobs without a message are published:
    all queued jobs when Redis has lost everything.

    Raises:
        DatabaseUnavailable, QueueUnavailable: the database or Redis is unavailable.
    """
    expired = 0
    for process in workers.known_in(db, pid_namespace()):
        if born(process.pid) != process.born:
            detail = f"Worker {process.worker} was gone when the stack started again."
            ending = Ending(Outcome.LOST, "worker_lost", detail, retryable=True)
            expired += len(leases.lose(db, process.worker, ending))
            workers.leave(db, process.worker)
    lost_everything = broker.has_lost_everything()
    ids = _waiting(db) if lost_everything else _waiting(db, Job.published_at.is_(None))
    published = _publish_in_batches(db, broker, ids, pace.batch)
    if lost_everything and published == len(ids):
        broker.confirm_republished()
    return Report(expired, published)

"""Puts right what a crash left: attempts nobody works on, and queued jobs whose message is gone.

It runs by a timer in every worker and in the API processes, one at a time by a row of `locks`. It only ever *publishes*
and *expires*: a message too many is dropped by the claim, so it may err on that side.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from shared import attempts, clock, idempotency, workers
from shared.broker import PRIORITIES
from shared.ending import Ending, due
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.publishing import publish_many
from shared.status import JobStatus, Outcome, Queue
from shared.tables import Attempt, Job, Lock
from shared.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from shared.broker import Broker
    from shared.db import Database

logger = logging.getLogger(__name__)

BATCH = 500
SETTLE_SECONDS = 5.0
"""A job published or queued more recently may simply be on its way."""
UNPUBLISHED_SECONDS = 2.0
"""A job queued more recently is most likely being published by whoever queued it."""
_LOCK = "reconciler"
_LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Report:
    """What one pass did."""

    expired: int = 0
    published: int = 0


class Reconciler:
    """One process' turn-taking reconciler.

    Args:
        db: the database.
        broker: Redis.
        lease_seconds: an attempt is only ended after this process itself has seen the database for so long: after an
            outage every lease looks expired, and the workers deserve the chance to renew theirs.
    """

    def __init__(self, db: Database, broker: Broker, lease_seconds: float) -> None:
        self._db = db
        self._broker = broker
        self._lease_seconds = lease_seconds
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"

    def run_once(self) -> Report | None:
        """One pass; None when another process has the turn, or when the database or Redis does not answer."""
        try:
            if not self._take_turn():
                return None
            expired = self._expire()
            published = self._publish_missing()
        except (DatabaseUnavailable, QueueUnavailable) as error:
            logger.warning("reconcile_failed", extra={"reason": str(error)})
            return None
        if expired or published:
            logger.info("reconciled", extra={"expired": expired, "published": published})
        return Report(expired, published)

    def run_until(self, stop: Callable[[float], bool], interval_seconds: float) -> None:
        """Pass after pass, until `stop(interval_seconds)`, which waits that long, says so."""
        while not stop(interval_seconds):
            try:
                self.run_once()
            except Exception:
                # Whatever it was, the timer must not die of it: the next pass may succeed.
                logger.exception("reconcile_crashed")

    def start(self, interval_seconds: float) -> threading.Event:
        """Run by a daemon thread. Setting the event that is returned ends it."""
        stop = threading.Event()
        threading.Thread(
            target=self.run_until, args=(stop.wait, interval_seconds), name="reconciler", daemon=True
        ).start()
        return stop

    def _take_turn(self) -> bool:
        def work(connection: Connection) -> bool:
            row = {"name": _LOCK, "holder": self._holder}
            expiry = connection.scalar(select(clock.database_now_plus(connection, _LOCK_SECONDS)))
            now = clock.database_now(connection)
            free = (Lock.holder == self._holder) | (Lock.expires_at < now)
            return upsert(connection, Lock, [row | {"expires_at": expiry}], where=lambda _new: free) > 0

        return self._db.write(work)

    def _expire(self) -> int:
        if not self._db.healthy_for(self._lease_seconds):
            return 0
        workers.forget_silent(self._db)
        idempotency.forget_old(self._db)
        queued = attempts.expire(self._db)
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
        """Publish these; returns how many it came to. The turn is renewed on the way: 100,000 take a minute."""
        return _publish_in_batches(self._db, self._broker, ids, go_on=self._take_turn)

    def _publish_unpublished(self) -> int:
        """A publish that failed, or that a crash prevented; a retry that is due, also where its message came early."""
        with self._db.read() as connection:
            settled = clock.database_now_plus(connection, -UNPUBLISHED_SECONDS)
            now = clock.database_now(connection)
        unpublished = self._publish_where(Job.published_at.is_(None), Job.queued_at < settled)
        return unpublished + self._publish_where(Job.not_before <= now, Job.published_at < Job.not_before)

    def _publish_overtaken(self) -> int:
        """A message is gone when its queue has given out a younger one of its priority, or a less urgent one."""
        with self._db.read() as connection:
            given_out = connection.execute(
                select(
                    Job.queue,
                    Job.priority,
                    func.max(Job.published_at).label("youngest"),
                    func.max(Attempt.started_at).label("latest"),
                )
                .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.attempt == Job.attempt))
                .where(Job.status == JobStatus.RUNNING, Job.published_at.is_not(None))
                .group_by(Job.queue, Job.priority)
            ).all()
            settled = clock.database_now_plus(connection, -SETTLE_SECONDS)
        # One bound for each list in Redis, so that each is one range of the index.
        bounds: dict[tuple[str, int], dt.datetime] = {(row.queue, row.priority): row.youngest for row in given_out}
        for row in given_out:
            for priority in range(row.priority + 1, PRIORITIES):
                bounds[row.queue, priority] = max(row.latest, bounds.get((row.queue, priority), row.latest))
        return sum(
            self._publish_where(
                Job.queue == queue, Job.priority == priority, Job.published_at < bound, Job.published_at < settled
            )
            for (queue, priority), bound in bounds.items()
        )

    def _publish_stranded(self) -> int:
        """A queue whose lists are empty, while jobs published a while ago wait for it, has lost their messages."""
        depths = self._broker.depths()
        empty = [queue.value for queue in Queue if depths is not None and depths[queue] == 0]
        if not empty:
            return 0
        with self._db.read() as connection:
            settled = clock.database_now_plus(connection, -SETTLE_SECONDS)
        return self._publish_where(Job.queue.in_(empty), Job.published_at < settled)


def _waiting(db: Database, *conditions: ColumnElement[bool]) -> list[str]:
    """The ids of the queued jobs that match and may be tried now, the most urgent and oldest first."""
    with db.read() as connection:
        queued = select(Job.id).where(Job.status == JobStatus.QUEUED, due(connection), *conditions)
        return list(connection.scalars(queued.order_by(Job.priority.desc(), Job.queued_at, Job.id)))


def _publish_in_batches(
    db: Database, broker: Broker, ids: Sequence[str], go_on: Callable[[], bool] = lambda: True
) -> int:
    """Publish these in order, for as long as Redis takes them and `go_on()` says so; returns how many it came to."""
    for start in range(0, len(ids), BATCH):
        if not (go_on() and publish_many(db, broker, ids[start : start + BATCH])):
            return start
    return len(ids)


def sweep(db: Database, broker: Broker) -> Report:
    """Put right what the last stack on this machine left, when the next one starts.

    Attempts of this host's workers whose process is gone are ended at once, without waiting for their leases; queued
    jobs that have no message are published: all of them when Redis has lost everything.

    Raises:
        DatabaseUnavailable, QueueUnavailable: one of the two does not answer.
    """
    expired = 0
    for worker_id, pid in workers.known_on(db, socket.gethostname()):
        if not _is_worker(pid):
            detail = f"Worker {worker_id} was gone when the stack started again."
            expired += len(attempts.lose(db, worker_id, Ending(Outcome.LOST, "worker_lost", detail, retryable=True)))
            workers.leave(db, worker_id)
    lost_everything = broker.has_lost_everything()
    ids = _waiting(db) if lost_everything else _waiting(db, Job.published_at.is_(None))
    published = _publish_in_batches(db, broker, ids)
    if lost_everything and published == len(ids):
        broker.confirm_republished()
    return Report(expired, published)


def _is_worker(pid: int) -> bool:
    """Whether a process of this machine is alive and a worker (the number may be another process' by now)."""
    try:
        if Path("/proc/self").exists():
            return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, 0)  # where there is no /proc: alive is all that can be known
    except OSError:
        return False
    return True

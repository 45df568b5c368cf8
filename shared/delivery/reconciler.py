"""The reconciler repairs what a crash left: running attempts without a worker, and queues without enough tickets.

Every worker and every API process has one on a timer; named locks let one of them act at a time. It *ends* attempts
whose leases ran out and queued jobs whose images nobody has, and *adds* tickets. A ticket too many does no harm.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from shared.database.engine import Database
from shared.database.named_lock import NamedLock
from shared.delivery import tickets
from shared.delivery.publisher import publish_many
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.fleet import workers
from shared.jobs import changes, idempotency
from shared.jobs.replay import verdict
from shared.jobs.reuse import twins
from shared.jobs.running import leases
from shared.jobs.running.data_grace import DataGrace
from shared.jobs.running.leases import LeaseWatch
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.processes import born, pid_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.delivery.broker import Broker
    from shared.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
"""How often the process that has the turn looks for missing tickets: as long may a worker be idle in vain."""
_LOOKS_PER_LEASE = 4
_MOST_EXPIRED = 100
"""Most attempts ended in one pass."""


@dataclass(frozen=True)
class Report:
    """How many attempts and queued jobs one pass ended, and how many tickets it added."""

    expired: int = 0
    without_data: int = 0
    tickets: int = 0


class Reconciler:
    """The reconciler of one process, of which one acts at a time by named locks.

    There are two locks. Only a process whose own database connection is healthy may judge leases, and it releases that
    lock as soon as it is not. Any process may add tickets, as superfluous ones are harmless.

    Args:
        db: a `Database` that nothing else in this process uses, so that nothing else delays its answers.
        broker: sends the tickets.
        lease_seconds: how long a claim holds without a heartbeat.
        data_grace_seconds: how long a queued job waits for a worker with its images.
        now: a clock in seconds that does not advance while the machine sleeps.
    """

    def __init__(
        self,
        db: Database,
        broker: Broker,
        lease_seconds: float,
        data_grace_seconds: float = 60.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._broker = broker
        self._lease_seconds = lease_seconds
        self._longest_pause = lease_seconds / _LOOKS_PER_LEASE
        self._now = now
        self._watch = LeaseWatch(db, lease_seconds, now)
        self._data_grace = DataGrace(db, data_grace_seconds, lease_seconds, now)
        holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._judging = NamedLock(db, "leases", holder)
        self._adding = NamedLock(db, "tickets", holder)
        self._has_turn = False

    @classmethod
    def build(cls, settings: Settings, broker: Broker) -> Self:
        """Build a reconciler from settings, with a `Database` of its own, so that other queries cannot delay it."""
        return cls(Database(settings.sqlalchemy_url), broker, settings.lease_seconds, settings.data_grace_seconds)

    def run_once(self) -> Report | None:
        """Make one pass; None when other processes hold both locks, or the database or Redis is unavailable."""
        try:
            judged = self._judge()
            self._has_turn = self._adding.acquire()
            added = self._add_tickets() if self._has_turn else None
        except DatabaseUnavailable as error:
            self._watch.health.fail()
            logger.warning("reconcile_failed", extra={"reason": str(error)})
            return None
        except QueueUnavailable as error:
            logger.warning("reconcile_failed", extra={"reason": str(error)})
            return None
        if judged is None and added is None:
            return None
        report = Report(*(judged or (0, 0)), added or 0)
        if report != Report():
            logger.info("reconciled", extra=asdict(report))
        return report

    def look(self) -> None:
        """Add missing tickets between two passes, where this process had the turn in the last one."""
        try:
            if self._has_turn:
                self._add_tickets()
        except (DatabaseUnavailable, QueueUnavailable):
            self._has_turn = False  # the next pass says so

    def run_until(self, stop: Callable[[float], bool], interval_seconds: float) -> None:
        """Make pass after pass, and looks between them, until `stop(seconds)`, which waits so long, returns True."""
        interval = min(interval_seconds, self._longest_pause)
        next_pass = self._now()
        while not stop(min(interval, LOOK_SECONDS)):
            try:
                if self._now() < next_pass:
                    self.look()
                else:
                    next_pass = self._now() + interval
                    self.run_once()
            except Exception:
                # No error may end the thread: the next pass may succeed.
                logger.exception("reconcile_crashed")
        self._give_up_turns()

    def start(self, interval_seconds: float) -> threading.Event:
        """Start passes in a daemon thread. Setting the returned event ends them."""
        stop = threading.Event()
        threading.Thread(
            target=self.run_until, args=(stop.wait, interval_seconds), name="reconciler", daemon=True
        ).start()
        return stop

    def _judge(self) -> tuple[int, int] | None:
        """End attempts whose leases have run out, and jobs without data; None while this process may not judge."""
        overdue = self._watch.check()
        if not self._watch.healthy:
            self._judging.release()
        if not self._watch.healthy or not self._judging.acquire():
            self._data_grace.forget()
            return None
        workers.forget(self._db, overdue.reports)
        idempotency.forget_old(self._db)
        changes.forget_old(self._db)
        verdict.judge_missed(self._db)
        queued = leases.expire(self._db, overdue.leases[:_MOST_EXPIRED])
        publish_many(self._db, self._broker, queued)
        twins.let_go_of_the_lost(self._db)
        return len(queued), self._data_grace.judge(self._watch.health.since or self._now())

    def _give_up_turns(self) -> None:
        """Let another process take over at once, and not only after this one's locks have expired."""
        with suppress(DatabaseUnavailable):
            for lock in (self._adding, self._judging):
                lock.release()

    def _add_tickets(self) -> int:
        return tickets.add_missing(self._db, self._broker, silent_seconds=self._lease_seconds)


def repair(db: Database, broker: Broker, lease_seconds: float) -> Report:
    """Repair what the last stack on this machine left, when the next one starts.

    Attempts of workers of this pid namespace whose process has ended are ended at once, before their leases run out.
    Nothing is assumed about workers of another host with the same name. Missing tickets are added.

    Raises:
        DatabaseUnavailable, QueueUnavailable: the database or Redis is unavailable.
    """
    broker.ping()
    expired = 0
    for process in workers.known_in(db, pid_namespace()):
        if born(process.pid) != process.born:
            detail = f"Worker {process.worker} was gone when the stack started again."
            ending = Ending(Outcome.LOST, "worker_lost", detail, retryable=True)
            expired += len(leases.lose(db, process.worker, ending))
            workers.leave(db, process.worker)
    return Report(expired, tickets=tickets.add_missing(db, broker, silent_seconds=lease_seconds))

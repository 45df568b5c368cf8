"""Leases: how a judge sees that one has run out, or that a worker has died, and ends the attempt.

A worker renews its lease. A judge, which watches all leases, may itself have slept, been paused or been cut off from
the database together with the worker, and its wall clock may have been set meanwhile. So a judge never compares clocks:
it ends an attempt when it has *seen the lease unchanged* for the lease's duration, by its own monotonic clock, while
the database answered it all the time.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import select

from shared.database import clock
from shared.database.health import HealthClock
from shared.database.tables import Attempt, Job
from shared.fleet import workers
from shared.jobs.running.retry_policy import Ending, end_attempt
from shared.jobs.status import JobStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.fleet.workers import LastReport
    from shared.timers import Moment

T = TypeVar("T", bound="Hashable")

_NEXT_CHILD_SECONDS = 0.5
"""Time that a new child needs at least before its first claim, as it has to load torch first."""


@dataclass(frozen=True)
class HeldLease:
    """The lease of a running attempt as it was read; after a renewal it is unequal to the earlier one."""

    job_id: str
    attempt: int
    worker: str | None
    expires_at: dt.datetime | None


@dataclass(frozen=True)
class Overdue:
    """The leases and reports that one look found to be overdue."""

    leases: Sequence[HeldLease]
    """Leases that have run out, the longest overdue first."""
    reports: Sequence[LastReport]
    """Last reports of workers that have been silent for so long that they are to be removed."""


@dataclass(frozen=True)
class _Wait:
    until: float
    seconds: float


class Watchlist(Generic[T]):
    """Measures how long each of several values has been seen unchanged.

    Args:
        seconds: least time that each value is given before it is over.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waits: dict[T, _Wait] = {}

    def update(self, present: Mapping[T, float], *, last_look: float, now: float) -> None:
        """Note the present values, each with the seconds that it has left by the database's clock.

        A new value appeared after `last_look`. It is given at least the watchlist's seconds from then, so that earlier
        changes of the database's clock do not matter, and at least the seconds that it has left from now.
        """
        least = self._seconds
        self._waits = {
            one: self._waits.get(one) or _Wait(max(last_look + least, now + left), max(least, left))
            for one, left in present.items()
        }

    def over(self, *, healthy_since: float, now: float) -> list[T]:
        """Return the values whose time is over, counted from `healthy_since` at the earliest."""
        return [one for one, wait in self._waits.items() if now >= max(wait.until, healthy_since + wait.seconds)]


class LeaseWatch:
    """One process's view of all leases and all workers' reports.

    Args:
        db: a `Database` that nothing else uses, so that nothing else delays the judge's questions.
        lease_seconds: how long a claim holds without a heartbeat.
        now: a clock in seconds that does not advance while the machine sleeps.
    """

    def __init__(self, db: Database, lease_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._now = now
        self._lease_seconds = lease_seconds
        self._looked: float | None = None
        self._leases: Watchlist[HeldLease] = Watchlist(lease_seconds)
        self._silent: Watchlist[LastReport] = Watchlist(lease_seconds)
        self.health = HealthClock(lease_seconds, now)

    @property
    def healthy(self) -> bool:
        """Whether this process may judge: the database has answered it for a whole lease."""
        return self.health.healthy_for(self._lease_seconds)

    def check(self) -> Overdue:
        """Read all leases and reports; return those that are overdue.

        Raises:
            DatabaseUnavailable: the database is unavailable. Once it answers, every lease gets its whole time again.
        """
        with self.health.question():
            # An empty write: where writes fail, workers cannot renew their leases and must not be judged late.
            leases, silent = self._db.write(_read)
        now = self._now()
        last_look = now if self._looked is None else self._looked
        self._leases.update(leases, last_look=last_look, now=now)
        self._silent.update(dict.fromkeys(silent, 0.0), last_look=last_look, now=now)
        self._looked = now
        since = now if self.health.since is None else self.health.since
        return Overdue(self._leases.over(healthy_since=since, now=now), self._silent.over(healthy_since=since, now=now))


def held(connection: Connection) -> dict[HeldLease, float]:
    """Return the lease of every running attempt, with the seconds that it has left by the database's clock."""
    rows = connection.execute(
        select(Job.id, Job.attempt, Job.worker, Job.lease_expires_at, clock.database_now(connection).label("now"))
        .where(Job.status == JobStatus.RUNNING)
        .order_by(Job.lease_expires_at)
    )
    return {
        HeldLease(row.id, row.attempt, row.worker, row.lease_expires_at): (
            0.0 if row.lease_expires_at is None else (row.lease_expires_at - row.now).total_seconds()
        )
        for row in rows
    }


def _read(connection: Connection) -> tuple[dict[HeldLease, float], list[LastReport]]:
    return held(connection), workers.silent(connection)


def expire(db: Database, leases: Sequence[HeldLease]) -> list[str]:
    """End the attempts of these leases unless renewed since; return the ids of the jobs that are queued again."""

    def work(connection: Connection) -> list[str]:
        # A worker that holds its row's lock is alive, and waiting for it would delay all others.
        rows = select(Job.id).where(Job.id.in_([lease.job_id for lease in leases])).with_for_update(skip_locked=True)
        free = set(connection.scalars(rows))
        return [
            lease.job_id
            for lease in leases
            if lease.job_id in free and _expire_one(connection, lease) == JobStatus.QUEUED
        ]

    return db.write(work) if leases else []


def _expire_one(connection: Connection, lease: HeldLease) -> JobStatus | None:
    detail = f"Worker {lease.worker} stopped renewing its lease: its machine, its network or its process is gone."
    ending = Ending(Outcome.LOST, "lease_expired", detail, retryable=True)
    unchanged = Job.lease_expires_at.is_not_distinct_from(lease.expires_at)
    return end_attempt(connection, lease.job_id, lease.attempt, ending, unchanged)


def lose(db: Database, worker: str, ending: Ending, *, died_at: Moment | None = None) -> list[str]:
    """End the running attempts of a worker whose process was observed to have died.

    Args:
        db: the database.
        worker: id of the worker.
        ending: how the attempts ended: lost, or released when the process was killed because it had to stop.
        died_at: when the process died; attempts begun later belong to its successor.

    Returns:
        The ids of the jobs that are queued again.
    """

    def work(connection: Connection) -> list[str]:
        # Lock first: waiting for the lock must not come between the readings of the two clocks.
        now = connection.execute(select(clock.database_now(connection))).scalar_one()
        elapsed = 0.0 if died_at is None else died_at.elapsed()
        before = now - dt.timedelta(seconds=elapsed - _NEXT_CHILD_SECONDS)
        rows = connection.execute(
            select(Job.id, Job.attempt)
            .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.attempt == Job.attempt))
            .where(Job.worker == worker, Job.status == JobStatus.RUNNING, Attempt.started_at <= before)
        ).all()
        return [row.id for row in rows if end_attempt(connection, row.id, row.attempt, ending) == JobStatus.QUEUED]

    return db.write(work)

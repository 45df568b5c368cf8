"""Everything that is done to a service, one class each, and how it is put right."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

import redis
from sqlalchemy import update

from shared.database.tables import Job
from shared.delivery.broker import queue_keys
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.jobs.status import JobStatus, Queue
from tests.chaos.disk import Disk
from tests.chaos.stack import SETTINGS, Stack, children_of, signal_group
from tests.chaos.watch import Running, Watch

_LEASE = float(str(SETTINGS["lease_seconds"]))
_COPIES = 3
_SOME = 0.5


class Kind(ABC):
    """One fault. `begin` once, and `end` after `lasts_seconds`, from the main thread."""

    name: ClassVar[str]
    share: ClassVar[int] = 1
    """How often it comes in a round of all kinds."""
    databases: ClassVar[tuple[str, ...]] = ("sqlite", "postgresql")
    storages: ClassVar[tuple[str, ...]] = ("folder", "s3")
    lasts_seconds: ClassVar[tuple[float, float]] = (0.0, 0.0)

    def __init__(self, stack: Stack, watch: Watch, choice: float) -> None:
        self.stack, self.watch, self.choice = stack, watch, choice

    @abstractmethod
    def part(self) -> str | None:
        """What it hurts, which no other fault may hurt at the same time; None when there is nothing to hurt now."""

    def hits(self) -> list[Running]:
        """The running attempts that it may cost."""
        return self.watch.running

    @abstractmethod
    def begin(self) -> None:
        """Do it."""

    def end(self) -> None:  # noqa: B027 -- most need nothing put right
        """Put it right."""


class OnWorker(Kind):
    """A fault of one worker that is at a job."""

    share = 2

    def part(self) -> str | None:
        workers = {child.pid: name for name, child in self.stack.workers.items() if child.pid}
        busy = [one for one in self.watch.running if one.pid in workers and self._fits(one)]
        if not busy:
            return None
        self.target = busy[int(self.choice * len(busy))]
        return workers[self.target.pid]

    def _fits(self, running: Running) -> bool:
        return bool(children_of(running.pid))

    def hits(self) -> list[Running]:
        return [self.target]

    def _signal_children(self, how: signal.Signals) -> None:
        for child in children_of(self.target.pid):
            with suppress(ProcessLookupError):
                os.kill(child, how)


class KillChild(OnWorker):
    """The process that trains dies, as by the kernel's hand when memory is full."""

    name = "kill -9 a worker's child"
    share = 3

    def begin(self) -> None:
        self._signal_children(signal.SIGKILL)


class KillWorker(OnWorker):
    """A worker dies with all that belongs to it."""

    name = "kill -9 a worker"

    def begin(self) -> None:
        os.kill(self.target.pid, signal.SIGKILL)


class StopWorker(OnWorker):
    """A worker is asked to stop."""

    name = "SIGTERM a worker"

    def begin(self) -> None:
        os.kill(self.target.pid, signal.SIGTERM)


class FreezeWorker(OnWorker):
    """A worker stands still for longer than its lease, then goes on as if nothing had happened."""

    name = "SIGSTOP a worker past its lease"
    lasts_seconds = (_LEASE + 1, _LEASE + 4)

    def begin(self) -> None:
        signal_group(self.target.pid, signal.SIGSTOP)

    def end(self) -> None:
        signal_group(self.target.pid, signal.SIGCONT)


class FreezeChild(OnWorker):
    """The process that trains stands still; its parent does not."""

    name = "SIGSTOP a worker's child"
    share = 1
    lasts_seconds = (_LEASE / 2, 3 * _LEASE)

    def begin(self) -> None:
        self._frozen = children_of(self.target.pid)
        self._signal_children(signal.SIGSTOP)

    def end(self) -> None:
        for child in set(self._frozen) & set(children_of(self.target.pid)):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)


class DamageCheckpoint(OnWorker):
    """The newest checkpoint turns to rubbish, and then the process that trains dies."""

    name = "damage the newest checkpoint"

    def _fits(self, running: Running) -> bool:
        return super()._fits(running) and running.checkpoint is not None and self.stack.disk.holds(running.checkpoint)

    def begin(self) -> None:
        assert self.target.checkpoint is not None
        self.stack.disk.damage(self.target.checkpoint, self.choice)
        self._signal_children(signal.SIGKILL)


class _OnRedis(Kind):
    def part(self) -> str | None:
        return "redis"


class KillRedis(_OnRedis):
    """Redis dies, and is started again over its append-only file after a while."""

    name = "kill -9 Redis"
    lasts_seconds = (0.5, 6.0)

    def begin(self) -> None:
        self.stack.kill_redis()

    def end(self) -> None:
        self.stack.start_redis()


class FlushRedis(_OnRedis):
    """Redis loses everything."""

    name = "FLUSHALL"

    def begin(self) -> None:
        with suppress(redis.RedisError), redis.Redis.from_url(self.stack.settings.broker_url) as client:
            client.flushall()


class FreezeRedis(_OnRedis):
    """Redis answers nothing for a while."""

    name = "SIGSTOP Redis"
    lasts_seconds = (2.0, 8.0)

    def begin(self) -> None:
        signal_group(self.stack.redis.pid, signal.SIGSTOP)

    def end(self) -> None:
        signal_group(self.stack.redis.pid, signal.SIGCONT)


class LoseTickets(_OnRedis):
    """The tickets of some queues are gone, while all else in Redis stays."""

    name = "lose tickets"

    def begin(self) -> None:
        lost = [queue for queue in Queue if queue == Queue.ANY or self.choice < _SOME]
        with suppress(redis.RedisError), redis.Redis.from_url(self.stack.settings.broker_url) as client:
            client.delete(*(key for queue in lost for key in queue_keys(queue)))


class PublishAgain(_OnRedis):
    """Tickets that name all unfinished jobs, and some finished ones, are sent, several of each."""

    name = "double tickets"

    def begin(self) -> None:
        ids = [*self.watch.unfinished, *self.watch.finished[-5:]]
        with suppress(QueueUnavailable):
            self.stack.broker.enqueue_many([(job_id, "any", 9) for job_id in ids for _ in range(_COPIES)])


class _OnDatabase(Kind):
    def part(self) -> str | None:
        return "database"


class QueueAsBefore(_OnDatabase):
    """All queued jobs are as the release before leaves them: without a word on their images, and as published."""

    name = "queue jobs as the release before"

    def part(self) -> str | None:
        return "database" if self.watch.unfinished else None

    def begin(self) -> None:
        before = {"data": None, "data_key": "", "published_at": dt.datetime.now(dt.UTC)}
        queued = update(Job).where(Job.status == JobStatus.QUEUED).values(before)
        with suppress(DatabaseUnavailable):
            self.stack.db.write(lambda connection: connection.execute(queued))


class KillPostgres(_OnDatabase):
    """PostgreSQL dies, and is started again after a while."""

    name = "kill -9 PostgreSQL"
    databases = ("postgresql",)
    lasts_seconds = (0.5, 8.0)
    how = signal.SIGKILL

    def begin(self) -> None:
        assert self.stack.postgres is not None
        self.stack.postgres.kill(self.how)

    def end(self) -> None:
        assert self.stack.postgres is not None
        self.stack.postgres.start_again()


class StopPostgres(KillPostgres):
    """PostgreSQL is shut down without waiting for anybody."""

    name = "stop PostgreSQL at once"
    how = signal.SIGQUIT


class FreezePostgres(_OnDatabase):
    """PostgreSQL holds its connections and answers nothing."""

    name = "SIGSTOP PostgreSQL"
    databases = ("postgresql",)
    lasts_seconds = (2.0, 8.0)

    def begin(self) -> None:
        assert self.stack.postgres is not None
        self._stopped = self.stack.postgres.processes()
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, how)


class LockSqlite(_OnDatabase):
    """Another program holds SQLite's one write lock."""

    name = "lock SQLite"
    databases = ("sqlite",)
    lasts_seconds = (2.0, 14.0)
    share = 2

    def begin(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _hold(self) -> None:
        """Take the lock as soon as it is to be had, and keep it."""
        connection = sqlite3.connect(str(self.stack.db.engine.url.database), timeout=0.2, isolation_level=None)
        while not self._over.is_set():
            with suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE")
                self._over.wait()
        connection.close()


class KillApiProcess(Kind):
    """One of the API's processes dies; its master starts another."""

    name = "kill -9 an API process"

    def part(self) -> str | None:
        return "api" if self.stack.api.pid and children_of(self.stack.api.pid) else None

    def begin(self) -> None:
        processes = children_of(self.stack.api.pid or 0)
        with suppress(ProcessLookupError, IndexError):
            os.kill(processes[int(self.choice * len(processes))], signal.SIGKILL)


class KillApi(KillApiProcess):
    """The whole API dies."""

    name = "kill -9 the API"

    def begin(self) -> None:
        signal_group(self.stack.api.pid, signal.SIGKILL)


class FillDisk(Kind):
    """The artifacts' disk is full for a while."""

    name = "fill the artifacts' disk"
    storages = ("folder",)
    lasts_seconds = (1.0, 4.0)

    def part(self) -> str | None:
        return "storage" if self.stack.disk.mounted else None

    def begin(self) -> None:
        assert isinstance(self.stack.disk, Disk)
        self.began = time.time()
        self.stack.disk.fill()

    def end(self) -> None:
        assert isinstance(self.stack.disk, Disk)
        self.stack.disk.free()


class LoseStorage(Kind):
    """The artifact storage is unavailable for a while: its volume is not mounted, its server fails or says nothing."""

    name = "the storage is unavailable"
    share = 2
    lasts_seconds = (2.0, 12.0)

    def part(self) -> str | None:
        """Once the database names a file: before that, an empty folder is a new storage."""
        return "storage" if self.watch.names_files else None

    def begin(self) -> None:
        self.stack.disk.begin_outage(self.choice)

    def end(self) -> None:
        self.stack.disk.end_outage()


KINDS: tuple[type[Kind], ...] = (
    *(KillChild, KillWorker, StopWorker, FreezeWorker, FreezeChild, DamageCheckpoint),
    *(KillRedis, FlushRedis, FreezeRedis, LoseTickets, PublishAgain, QueueAsBefore),
    *(KillApiProcess, KillApi, FillDisk, LoseStorage),
    *(KillPostgres, StopPostgres, FreezePostgres, LockSqlite),
)
"""All of them, in the order of the table."""

"""The parent's work beside Celery: reports the worker, notices its child's death, reconciles, and stops in time."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from typing import Self

from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.delivery.publisher import publish_many
from shared.delivery.reconciler import Reconciler
from shared.delivery.sweeps import SweepKeeper
from shared.errors import DatabaseUnavailable
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.running import leases
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import RUN_KINDS, Outcome, Queue, WorkerState
from shared.settings import Settings
from shared.timers import Deadline, Moment
from worker.processes.child_state import ChildState
from worker.processes.child_watch import ChildWatch
from worker.processes.idle_watchdog import LOOK_SECONDS, IdleWatchdog
from worker.processes.leaving import leave
from worker.processes.stop_flag import StopFlag

logger = logging.getLogger(__name__)

STUCK_LEASES = 2.0
"""Leases after which a working child without a sign of life is killed: its job is another worker's by then."""
_AFTER_KILL_SECONDS = 5.0


class Parent:
    """Threads beside Celery's own, one for each task, so that none waits for another's.

    The threads report the worker and look after it, notice its child's death, reconcile, and notice when the worker is
    cut off.

    Args:
        settings: the worker's settings.
        identity: the worker's identity.
        stop: the stop flag, shared with the child.
        db: the database.
        broker: Redis.
        reconciler: this process' reconciler.
        sweeps: this process' keeper of sweeps.
        watch: the watch over the child.
        watchdog: finds out that the worker is cut off.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        stop: StopFlag,
        *,
        db: Database,
        broker: Broker,
        reconciler: Reconciler,
        sweeps: SweepKeeper,
        watch: ChildWatch,
        watchdog: IdleWatchdog,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._stop = stop
        self._db = db
        self._broker = broker
        self._reconciler = reconciler
        self._sweeps = sweeps
        self._watch = watch
        self._watchdog = watchdog
        self._stopping = threading.Event()
        self._closed = threading.Event()
        self._listed = False
        self._reported = -math.inf
        work = {
            "parent": self._run,
            "deaths": self.watch_deaths,
            "reconciler": self._reconcile,
            "sweeps": self._keep_sweeps,
            "watchdog": self._run_watchdog,
        }
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in work.items()]
        self.exit_code = 0
        """The exit code of the process after a warm shutdown."""

    @classmethod
    def build(cls, settings: Settings, identity: Identity, stop: StopFlag, child_state: ChildState) -> Self:
        """A parent of the real parts that the settings ask for."""
        broker = Broker(settings.broker_url)
        stuck = Deadline(STUCK_LEASES * settings.lease_seconds, longest_look=settings.lease_seconds)
        return cls(
            settings,
            identity,
            stop,
            db=Database(settings.sqlalchemy_url),
            broker=broker,
            reconciler=Reconciler.build(settings, broker),
            sweeps=SweepKeeper.build(settings, broker),
            watch=ChildWatch(child_state, stuck),
            watchdog=IdleWatchdog(child_state, settings.cut_off_seconds),
        )

    def start(self) -> None:
        """Start the threads, once Celery has forked the child."""
        for thread in self._threads:
            if not thread.ident:
                thread.start()

    def stop(self) -> None:
        """Ask the child to save and release its job; after `stop_grace_seconds`, kill the child and exit."""
        self._stop.set()
        if not self._stopping.is_set():
            self._stopping.set()
            timer = threading.Timer(self._settings.stop_grace_seconds, self._end_all)
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """Take the worker off the list of workers, as the process' last act, if the database answers soon."""
        self._closed.set()
        leave(self._db, self._identity.id, after=self._threads, seconds=_AFTER_KILL_SECONDS)

    def _run(self) -> None:
        while not self._closed.wait(self._settings.reconcile_seconds):
            try:
                self.look_after()
            except DatabaseUnavailable as error:
                logger.warning("parent_waits_for_database", extra={"reason": str(error)})
            except Exception:
                logger.exception("parent_failed")

    def look_after(self) -> None:
        """Make one round of the periodic work: report, and check the child and the queues."""
        if self._stop.is_set() and not self._stopping.is_set():
            self._shut_down(int(self._stop.failed))
        try:
            self._report()
        except DatabaseUnavailable:
            self._look_at_child()
            raise
        self._watchdog.database_answered()
        self._watch.kill_if_stuck()
        depths = [self._broker.depths(kind) or {} for kind in RUN_KINDS]
        queues = Queue.ANY, Queue(self._identity.device_kind)
        self._watchdog.messages_wait(sum(one.get(queue, 0) for one in depths for queue in queues))

    def _look_at_child(self) -> None:
        """Kill a stuck child where the database can be read but not written: the child itself may hold SQLite's lock.

        A lease thread that is well tries to write as long as this process did, and gives a sign of life in between.
        """
        try:
            self._db.ping()
        except DatabaseUnavailable:
            self._watch.reprieve()
        else:
            self._watch.kill_if_stuck()

    def watch_deaths(self) -> None:
        """Record the death of each child at once; where the database does not answer, until it does."""
        died_at: Moment | None = None
        while not self._closed.is_set():
            patience = math.inf if died_at is None else self._settings.reconcile_seconds
            died_at = self._watch.wait_for_death(self._closed, patience) or died_at
            if died_at is None:
                continue
            try:
                self._record_death(died_at)
                died_at = None
            except DatabaseUnavailable as error:
                logger.warning("death_waits_for_database", extra={"reason": str(error)})
            except Exception:
                # The job's lease runs out; no error may end this thread.
                logger.exception("death_not_recorded")
                died_at = None

    def _record_death(self, died_at: Moment) -> None:
        ending = Ending(
            Outcome.LOST,
            "worker_lost",
            f"The process of worker {self._identity.id} died while it was training (killed, or out of memory?).",
            retryable=True,
        )
        if self._stopping.is_set():
            ending = Ending(Outcome.RELEASED, detail=f"Worker {self._identity.id} was stopped before it could save.")
        queued = leases.lose(self._db, self._identity.id, ending, died_at=died_at)
        if not self._stopping.is_set():
            logger.warning("child_died", extra={"queued_again": len(queued)})
        publish_many(self._db, self._broker, queued)  # the reconciler does it where that fails

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported < self._settings.lease_seconds / 3:
            self._db.ping()
            return
        state = WorkerState.STOPPING if self._stopping.is_set() else WorkerState.IDLE
        listed = workers.report(self._db, self._identity.id, state=state)
        self._reported = now
        if self._listed and not listed and not self._stopping.is_set():
            logger.error("worker_not_listed_any_more")
            self._shut_down(1)
        self._listed = listed

    def _reconcile(self) -> None:
        self._reconciler.run_until(self._closed.wait, self._settings.reconcile_seconds)

    def _keep_sweeps(self) -> None:
        self._sweeps.run_until(self._closed.wait, self._settings.reconcile_seconds)

    def _run_watchdog(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            reason = self._watchdog.reason_to_exit()
            if reason and not self._stopping.is_set():
                logger.error("worker_cut_off", extra={"reason": reason})
                self._shut_down(1)

    def _shut_down(self, exit_code: int) -> None:
        """Have Celery shut down warmly, as at a supervisor's SIGTERM; the process exits with this code."""
        self.exit_code = exit_code
        self.stop()
        os.kill(os.getpid(), signal.SIGTERM)

    def _end_all(self) -> None:
        logger.warning("stop_grace_over", extra={"seconds": self._settings.stop_grace_seconds})
        self._watch.kill()
        # Time for the thread that notices deaths to release the job, and for Celery to exit by itself.
        time.sleep(_AFTER_KILL_SECONDS)
        os._exit(1)

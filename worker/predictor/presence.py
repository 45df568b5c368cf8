"""A predictor's presence beside its answers: in the list of workers, in signs of life to askers, in its own death."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from typing import Self

import redis

from shared.database.engine import Database
from shared.delivery.predictors import LONGEST_SECONDS
from shared.errors import DatabaseUnavailable
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.settings import Settings
from worker.predictor.desk import Desk
from worker.processes.idle_watchdog import LOOK_SECONDS, IdleWatchdog
from worker.processes.leaving import leave
from worker.run_job.versions import installed

logger = logging.getLogger(__name__)

LIFE_SECONDS = 2.0
"""How often an asker is told that its question is being answered."""
_LEAVE_SECONDS = 5.0


class Presence:
    """Three threads: one reports the predictor to the database, one shows life in Redis, one notices what is stuck.

    Args:
        settings: the predictor's settings.
        identity: the predictor's identity.
        desk: where its questions are answered.
        db: a `Database` that nothing else uses, so that nothing else delays the reports.
    """

    def __init__(self, settings: Settings, identity: Identity, desk: Desk, db: Database) -> None:
        self._settings = settings
        self._identity = identity
        self._desk = desk
        self._db = db
        self._watchdog = IdleWatchdog(desk, settings.cut_off_seconds)
        self._closed = threading.Event()
        self._registered = False
        self._reported = -math.inf
        work = {"report": self._report, "life": self._show_life, "watchdog": self._watch}
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in work.items()]
        self.exit_code = 0
        """The exit code of the process after a warm shutdown."""

    @classmethod
    def build(cls, settings: Settings, identity: Identity, desk: Desk) -> Self:
        """A presence of the real parts that the settings ask for."""
        return cls(settings, identity, desk, Database(settings.sqlalchemy_url))

    def start(self) -> None:
        """Start the threads, once the predictor takes messages; a second call does nothing."""
        for thread in self._threads:
            if not thread.ident:
                thread.start()

    def close(self) -> None:
        """Take the predictor off the list of workers, as the process' last act, if the database answers soon."""
        self._closed.set()
        leave(self._db, self._identity.id, after=self._threads, seconds=_LEAVE_SECONDS)

    def _report(self) -> None:
        while not self._closed.is_set():
            try:
                self._report_once()
                self._watchdog.database_answered()
                self._closed.wait(self._settings.lease_seconds / 3)
            except DatabaseUnavailable as error:
                logger.warning("report_failed", extra={"reason": str(error)})
                self._closed.wait(self._settings.reconcile_seconds)

    def _report_once(self) -> None:
        """Register the predictor, again where the database has forgotten it; later refresh its heartbeat."""
        if self._registered and workers.report(self._db, self._identity.id):
            return
        versions = {name: installed(name) for name in ("flightline", "torch", "torchvision", "celery", "onnxruntime")}
        workers.register(self._db, self._identity, device_name=None, versions=versions, datasets=[])
        if not self._registered:
            logger.info("predictor_ready", extra={"worker": self._identity.id})
        self._registered = True

    def _show_life(self) -> None:
        while not self._closed.wait(LIFE_SECONDS):
            try:
                self._desk.show_life()
                self._watchdog.messages_wait(self._desk.exchange.waiting())
            except redis.RedisError as error:
                logger.warning("life_not_shown", extra={"reason": str(error)})

    def _watch(self) -> None:
        """Stop the process, for its supervisor to start another, when it is cut off from the database or from Redis."""
        while not self._closed.wait(LOOK_SECONDS):
            if self._desk.seconds > LONGEST_SECONDS:
                logger.error("question_stuck", extra={"seconds": LONGEST_SECONDS})
                os._exit(1)  # nothing else ends a call that does not return
            reason = self._watchdog.reason_to_exit()
            if reason:
                logger.error("predictor_cut_off", extra={"reason": reason})
                self.exit_code = 1
                os.kill(os.getpid(), signal.SIGTERM)
                return

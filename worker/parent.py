"""What the parent does beside Celery: keep the worker listed, notice its child's death, reconcile, stop in time."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import Any

from shared import attempts, workers
from shared.broker import Broker
from shared.db import Database
from shared.errors import DatabaseUnavailable
from shared.publishing import publish_many
from shared.reconciler import Reconciler
from shared.settings import Settings
from shared.status import WorkerState
from shared.workers import Identity
from worker.stop import StopFlag

logger = logging.getLogger(__name__)

_AFTER_KILL_SECONDS = 5.0


class Parent:
    """One thread beside Celery's own.

    Args:
        settings: the worker's settings.
        identity: who the worker is.
        stop: the stop flag, shared with the child.
        child_pid: where the child writes its process id.
    """

    def __init__(self, settings: Settings, identity: Identity, stop: StopFlag, child_pid: Any) -> None:
        self._settings = settings
        self._identity = identity
        self._stop = stop
        self._child_pid = child_pid
        self._watched = 0
        self._reported = 0.0
        self._closed = threading.Event()
        # Celery forks a new child whenever one dies. Held while this thread is inside the database's or Redis' library,
        # so that the fork never copies one of their locks while it is taken.
        self._quiet = threading.Lock()
        os.register_at_fork(
            before=self._quiet.acquire, after_in_parent=self._quiet.release, after_in_child=self._quiet.release
        )
        self._db = Database(settings.sqlalchemy_url)
        self._broker = Broker(settings.broker_url)
        self._reconciler = Reconciler(self._db, self._broker, settings.lease_seconds)
        self._thread = threading.Thread(target=self._run, name="parent", daemon=True)

    def start(self) -> None:
        """Begin, once Celery has forked the child."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """Ask the child to save and release its job; kill it when it has not done so in `stop_grace_seconds`."""
        if not self._stop.is_set():
            self._stop.set()
            timer = threading.Timer(self._settings.stop_grace_seconds, self._kill_child)
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """Take the worker off the list, at the very end."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_AFTER_KILL_SECONDS)
        with suppress(DatabaseUnavailable):
            workers.leave(self._db, self._identity.id)

    def _run(self) -> None:
        while not self._closed.is_set():
            died = self._wait_for_death(self._settings.reconcile_seconds)
            try:
                with self._quiet:
                    self._look_after(died)
            except DatabaseUnavailable as error:
                logger.warning("parent_waits_for_database", extra={"reason": str(error)})
            except Exception:
                logger.exception("parent_failed")

    def _wait_for_death(self, seconds: float) -> bool:
        """Wait up to `seconds`; True as soon as the child has died."""
        pid = int(self._child_pid.value)
        if pid in {0, self._watched}:
            # No child yet, or the one whose death has been dealt with: Celery is about to fork the next.
            self._closed.wait(min(seconds, 0.1))
            return False
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._watched = pid
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            died = bool(poll.poll(seconds * 1000))
        finally:
            os.close(descriptor)
        if died:
            self._watched = pid
        return died

    def _look_after(self, died: bool) -> None:
        if died:
            self._lose()
        self._report()
        self._reconciler.run_once()

    def _lose(self) -> None:
        detail = f"The process of worker {self._identity.id} died while it was training (killed, or out of memory?)."
        queued = attempts.lose(self._db, self._identity.id, detail)
        publish_many(self._db, self._broker, queued)
        if not self._stop.is_set():
            logger.warning("child_died", extra={"queued_again": len(queued)})

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported >= self._settings.lease_seconds / 3:
            state = WorkerState.STOPPING if self._stop.is_set() else WorkerState.IDLE
            workers.report(self._db, self._identity.id, state=state)
            self._reported = now

    def _kill_child(self) -> None:
        logger.warning("stop_grace_over", extra={"seconds": self._settings.stop_grace_seconds})
        with suppress(ProcessLookupError):
            os.kill(int(self._child_pid.value), signal.SIGKILL)
        # Celery may wait for the dead child's answer; what had to be written has been written by then.
        time.sleep(_AFTER_KILL_SECONDS)
        with suppress(DatabaseUnavailable):
            workers.leave(self._db, self._identity.id)
        os._exit(1)

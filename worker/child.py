"""The child process: it loads torch once, keeps decoded data between jobs, and runs one job at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time

from shared.errors import DatabaseUnavailable
from shared.settings import Settings
from shared.workers import Identity
from worker.devices import Device
from worker.stop import StopFlag

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class Child:
    """Made in the parent before the fork; `start` and `run` are called in the child.

    Args:
        settings: the worker's settings.
        device: what the process is pinned to.
        identity: who the worker is.
        stop: the shared stop flag.
    """

    def __init__(self, settings: Settings, device: Device, identity: Identity, stop: StopFlag) -> None:
        self._settings = settings
        self._device = device
        self._identity = identity
        self._stop = stop
        self.pid = multiprocessing.RawValue("i", 0)
        """Shared with the parent: the live child's process id; 0 before there is one."""

    def start(self) -> None:
        """Load torch and report for work, right after the fork."""
        self._stop.set_on_sigterm()
        self.pid.value = os.getpid()
        from worker.context import Context

        self._context = Context.build(self._settings, self._device, self._identity, self._stop)
        while not self._stop.is_set():
            try:
                self._context.register()
            except DatabaseUnavailable as error:
                logger.warning("register_failed", extra={"reason": str(error)})
                time.sleep(_RETRY_SECONDS)
            else:
                logger.info("worker_ready", extra={"worker": self._identity.id, "device": self._device.name})
                return

    def run(self, job_id: str) -> None:
        """Work on one message."""
        from worker import task

        if self._stop.is_set():
            # Celery may hand out one more message while it shuts down; the row stays queued and is published again.
            self._context.give_back(job_id)
            return
        task.run(self._context, job_id)

"""The child process: loads torch once, holds decoded data between jobs, and runs one job at a time."""

from __future__ import annotations

import logging
import os
import threading
import time

from shared.errors import DatabaseUnavailable
from shared.fleet.workers import Identity
from shared.settings import Settings
from shared.telemetry import tracing
from worker.device_pin import Device, NoSuchDevice, require_usable
from worker.processes import memory
from worker.processes.child_state import ChildState
from worker.processes.stop_flag import StopFlag

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


def give_back() -> None:
    """Let go of what only a next job would use: images prepared for training, and memory that was freed."""
    from worker.training.engines.resident import prepared

    prepared.forget()
    memory.give_back()


class Child:
    """The worker's child process. Built in the parent before the fork; `start` and `run` are called in the child.

    Args:
        settings: the worker's settings.
        device: the device that the process is pinned to.
        identity: the worker's identity.
        stop: the stop flag, shared with the parent.
        child_state: the child's state, shared with the parent.
    """

    def __init__(
        self, settings: Settings, device: Device, identity: Identity, stop: StopFlag, child_state: ChildState
    ) -> None:
        self._settings = settings
        self._device = device
        self._identity = identity
        self._stop = stop
        self._child_state = child_state
        self._rest = self._rest_to_come()

    def start(self) -> None:
        """Load torch and register the worker, right after the fork."""
        self._child_state.born(os.getpid())
        try:
            self._build()
        except NoSuchDevice as error:
            self._give_up(error)
        except Exception:
            # Without torch, or with a broken device, the next child would fail as well.
            logger.exception("child_cannot_start", extra={"device": self._device.name})
            self._stop.fail()

    def _give_up(self, error: NoSuchDevice) -> None:
        """Stop the worker with a failure: the supervisor's next start may find a device that works."""
        logger.error("device_unusable", extra={"device": self._device.name, "reason": str(error)})
        self._stop.fail()

    def _build(self) -> None:
        from worker.run_job.context import Context

        require_usable(self._device)
        tracing.configure("flightline-worker")
        self._context = Context.build(self._settings, self._device, self._identity, self._stop, self._child_state)
        while not self._stop.is_set():
            try:
                self._context.register()
            except DatabaseUnavailable as error:
                logger.warning("register_failed", extra={"reason": str(error)})
                time.sleep(_RETRY_SECONDS)
            else:
                self._context.dataset_reports.watch()
                self._child_state.ready()
                logger.info("worker_ready", extra={"worker": self._identity.id, "device": self._device.name})
                return

    def close(self) -> None:
        """Send the last spans, at the end of the process."""
        tracing.close()

    def run(self, job_id: str) -> None:
        """Look for work, as a ticket told that was sent for this job.

        Never raises: Celery would only log the error, and acknowledge the message all the same.
        """
        self._rest.cancel()
        if self._rest.is_alive():
            self._rest.join()  # it may be at it
        try:
            # The pool's own handler, which it installs after `start`, would end the process in the middle of a step.
            with self._stop.set_by_sigterm(), self._child_state.at_work():
                self._run(job_id)
        except Exception:
            # The job's lease runs out, and the job is tried again; this worker continues.
            logger.exception("task_crashed")
        self._rest = self._rest_to_come()
        self._rest.start()

    @staticmethod
    def _rest_to_come() -> threading.Timer:
        """A timer that gives memory back once no job has followed the last one for a while."""
        timer = threading.Timer(memory.IDLE_SECONDS, give_back)
        timer.daemon = True
        return timer

    def _check_device(self) -> None:
        """Stop the worker if its GPU has failed: in this process, each further job would fail at once."""
        try:
            require_usable(self._device)
        except NoSuchDevice as error:
            self._give_up(error)

    def _run(self, job_id: str) -> None:
        if not self._stop.is_set():
            from worker.run_job import task

            task.run(self._context)
            self._check_device()
        elif not self._stop.failed:
            # Celery may deliver one more ticket while it shuts down: another worker may have it at once. A worker that
            # could not start has nothing to send it with: it is missed soon enough.
            self._context.republish(job_id)

"""The Celery side of a worker: one parent that stays free of torch, one child that trains."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from kombu.transport.virtual import base

from shared import logs
from shared.delivery.broker import TASK_NAME, celery_config
from shared.fleet.workers import Identity
from shared.jobs.status import RUN_KINDS, Queue, celery_name, message_queue
from shared.settings import Settings
from worker.device_pin import Device
from worker.processes.child import Child
from worker.processes.child_state import ChildState
from worker.processes.late_ack import LateRequest
from worker.processes.parent import Parent
from worker.processes.stop_flag import StopFlag


def run_worker(settings: Settings, device: Device) -> int:
    """Serve the queues of one device until the worker is asked to stop. The device must be pinned already.

    Returns:
        The process' exit code.
    """
    logs.configure(settings.log_level, settings.log_format)
    silence_requeuing()
    os.dup2(2, 1)  # Celery prints to standard output when it stops; a worker's output is its log
    identity = Identity.of_this_process(device.name, device.kind)
    stop = StopFlag()
    child_state = ChildState()
    child = Child(settings, device, identity, stop, child_state)
    parent = Parent.build(settings, identity, stop, child_state)
    app = make_app(settings, child)
    _connect(child, parent)
    worker: Any = app.Worker(
        hostname=identity.id,
        queues=[celery_name(message_queue(kind, queue)) for kind in RUN_KINDS for queue in (Queue.ANY, device.kind)],
        concurrency=1,
        pool="prefork",
        loglevel=settings.log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    parent.close()
    return int(worker.exitcode or parent.exit_code)


def silence_requeuing() -> None:
    """Drop kombu's warning about a message that arrives while a worker shuts down: it is requeued."""
    logging.getLogger(base.__name__).addFilter(lambda record: record.msg != base.W_NO_CONSUMERS)


def make_app(settings: Settings, child: Child) -> Celery:
    """The Celery app with the worker's only task."""
    # Celery warns root of pickle, though only JSON is accepted here, and of a default that is set here.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
    app = Celery("flightline")
    app.conf.update(celery_config(settings.broker_url), broker_connection_max_retries=None)

    @app.task(name=TASK_NAME, Request=LateRequest)
    def train(job_id: str) -> None:
        child.run(job_id)

    return app


def _connect(child: Child, parent: Parent) -> None:
    """Connect Celery's signals, strongly: Celery would hold only weak references to the handlers."""
    signals.setup_logging.connect(keep_our_logging, weak=False)
    signals.worker_ready.connect(lambda sender, **_: _consume(sender, parent), weak=False)
    signals.worker_shutting_down.connect(lambda **_: parent.stop(), weak=False)
    signals.worker_process_init.connect(lambda **_: child.start(), weak=False)
    signals.worker_process_shutdown.connect(lambda **_: child.close(), weak=False)


def _consume(consumer: object, parent: Parent) -> None:
    # Once more: Celery has reset the filters at its start, and would warn of a default that is set here.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    LateRequest.consumer = consumer
    parent.start()


def keep_our_logging(**_: object) -> None:
    """Do nothing: Celery leaves logging as it is when this signal has a handler."""

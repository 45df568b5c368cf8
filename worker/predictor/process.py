"""The predictor's process: a Celery worker whose only thread for tasks is the main one, so that it holds torch once.

A training worker has a parent and a child, so that a crash does not cost a job more than its attempt. A predictor has
nothing to lose: its supervisor starts it anew, askers ask again, and one process takes less memory.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch
from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from shared import logs
from shared.delivery.broker import celery_config
from shared.delivery.questions import QUEUE, TASK_NAME
from shared.fleet.workers import Identity
from shared.jobs.status import WorkerRole
from shared.settings import Settings
from worker.app import keep_our_logging, silence_requeuing
from worker.predictor.desk import Desk
from worker.predictor.presence import Presence


def run_predictor(settings: Settings) -> int:
    """Answer questions until the process is asked to stop. Loads torch.

    Returns:
        The process' exit code.
    """
    logs.configure(settings.log_level, settings.log_format)
    silence_requeuing()
    os.dup2(2, 1)  # Celery prints to standard output when it stops; a predictor's output is its log
    torch.set_num_threads(1)  # several threads that wait for each other lose where training takes the other cores
    identity = Identity.of_this_process("cpu", "cpu", WorkerRole.PREDICT)
    desk = Desk.build(settings)
    presence = Presence.build(settings, identity, desk)
    app = make_app(settings, desk)
    signals.setup_logging.connect(keep_our_logging, weak=False)
    signals.worker_ready.connect(lambda **_: _begin(presence), weak=False)
    worker: Any = app.Worker(
        hostname=identity.id,
        queues=[QUEUE],
        pool="solo",
        concurrency=1,
        loglevel=settings.log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    presence.close()
    return int(worker.exitcode or presence.exit_code)


def _begin(presence: Presence) -> None:
    # Once more: Celery has reset the filters at its start, and would warn of a default that is set here.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    presence.start()


def make_app(settings: Settings, desk: Desk) -> Celery:
    """The Celery app with the predictor's only task.

    A message is acknowledged before it is worked on. Redis thus never repeats a question whose predictor died: its
    asker has given up by then.
    """
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
    app = Celery("flightline")
    app.conf.update(celery_config(settings.broker_url), broker_connection_max_retries=None)

    @app.task(name=TASK_NAME, acks_late=False)
    def predict(question_id: str) -> None:
        desk.handle(question_id)

    return app

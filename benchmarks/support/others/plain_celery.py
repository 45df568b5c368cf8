"""Plain Celery: late acknowledgement, one message at a time, results in Redis."""

from __future__ import annotations

import os

from celery import Celery

from benchmarks.support.others import tiny

_URL = os.environ["BENCHMARK_REDIS_URL"]

app = Celery("plain", broker=_URL, backend=_URL)
app.conf.update(
    task_acks_late=True, worker_prefetch_multiplier=1, worker_enable_remote_control=False, result_expires=600
)
run = app.task(name="tiny")(tiny.run)

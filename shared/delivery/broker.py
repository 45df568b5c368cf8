"""Messages in Redis, sent through Celery.

A message is a ticket: it has a worker look for work, and the database decides which job that is. It carries the id of
the job that it was sent for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
from celery import Celery
from redis.connection import DefaultParser

from shared.database.fork_gate import GATE
from shared.delivery import questions
from shared.delivery.redis_url import checked, kombu_url
from shared.delivery.rest import FAILURES, ONCE_MORE, Rest
from shared.errors import QueueUnavailable
from shared.jobs.status import JobKind, Queue, celery_name, message_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

TASK_NAME = "flightline.train"
PRIORITIES = 10
ACCEPTED_MEANWHILE = "Jobs are still accepted, and queued once Redis is back."
"""The end of the messages about a Redis that is unavailable."""

_PRIORITY_SEPARATOR = "\x06\x16"  # kombu's separator between a queue's name and its priority
_DAYS = 86_400
_ANSWER_SECONDS = 1.0
"""How long a caller waits for Redis: a ticket that is not sent is added later, and a count may be missing."""


class RefusesWrites(redis.ConnectionError):
    """Redis answered MISCONF: its disk is full, and it refuses writes until there is space.

    redis-py raises it like a wrong command, which would end a worker; it is treated as an outage instead.
    """


DefaultParser.EXCEPTION_CLASSES["MISCONF"] = RefusesWrites


def celery_config(redis_url: str) -> dict[str, Any]:
    """Return Celery's settings, the same for publishers and consumers; docs/delivery.md explains them."""
    return {
        "broker_url": kombu_url(checked(redis_url)),
        "broker_connection_timeout": 3,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "priority_steps": list(range(PRIORITIES)),
            "sep": _PRIORITY_SEPARATOR,
            # Only the reconciler redelivers: Redis must never redeliver a running job's message by itself.
            "visibility_timeout": 30 * _DAYS,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        "task_acks_late": True,
        # If on, the parent would get no task_failure signal when its child dies, and a job that kills it would loop.
        "task_reject_on_worker_lost": False,
        "task_create_missing_queues": True,
        "task_default_queue": celery_name(Queue.ANY),
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_proc_alive_timeout": 120,
        "timezone": "UTC",
    }


class Broker:
    """Publishes messages. Safe to share between threads; connections are made on first use.

    `GATE` delays forks while a lock of the Redis or Celery library is held.

    Args:
        redis_url: the Redis of the queues.
        rest: when that Redis is left alone; by default an object of its own.
    """

    def __init__(self, redis_url: str, rest: Rest | None = None) -> None:
        self._app = Celery("flightline", set_as_current=False)
        self._app.conf.update(celery_config(redis_url))
        self.rest = rest or Rest(redis_url)
        patience = {"socket_timeout": _ANSWER_SECONDS, "socket_connect_timeout": _ANSWER_SECONDS}
        # No retries with two seconds of sleep between them: a caller waits for the publish.
        self._app.conf.broker_transport_options.update(patience, max_retries=0)
        self._redis = redis.Redis.from_url(redis_url, retry=ONCE_MORE, **patience)

    @GATE.inside()
    def enqueue_many(self, messages: Sequence[tuple[str, str, int]]) -> None:
        """Publish several jobs' messages in the given order, over one connection.

        Args:
            messages: each job's id, its queue (``any``, ``cpu`` or ``cuda``; for jobs of another kind than training
                the name from `message_queue`) and its priority (0 to 9, 9 the most urgent; Redis' own scale is
                reversed).

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            with self.rest.asking(), self._app.producer_pool.acquire(block=True, timeout=5) as producer:
                for job_id, queue, priority in messages:
                    self._app.send_task(
                        TASK_NAME,
                        args=[job_id],
                        queue=_checked_name(queue),
                        priority=broker_priority(priority),
                        producer=producer,
                        retry=False,
                    )
        except FAILURES as error:
            raise _unavailable(error) from error

    @GATE.inside()
    def send_question(self, question_id: str) -> None:
        """Send the message of a question to the predictors.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            with self.rest.asking():
                self._app.send_task(questions.TASK_NAME, args=[question_id], queue=questions.QUEUE, retry=False)
        except FAILURES as error:
            raise QueueUnavailable(f"Redis does not answer ({error}). Ask again once it is back.") from error

    @GATE.inside()
    def ping(self) -> None:
        """Raise `QueueUnavailable` unless Redis answers."""
        try:
            self._redis.ping()
        except FAILURES as error:
            raise _unavailable(error) from error

    @GATE.inside()
    def depths(self, kind: str = JobKind.TRAIN) -> dict[Queue, int] | None:
        """Return the number of messages for jobs of this kind in each queue; None while Redis is unavailable."""
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for queue in Queue:
                for key in queue_keys(message_queue(kind, queue)):
                    pipeline.llen(key)
            with self.rest.asking():
                lengths = pipeline.execute()
        except FAILURES:
            return None
        return {queue: sum(lengths[i * PRIORITIES : (i + 1) * PRIORITIES]) for i, queue in enumerate(Queue)}

    def close(self) -> None:
        """Close this process's connections to Redis."""
        self.rest.close()
        self._redis.close()
        self._app.close()


def broker_priority(priority: int) -> int:
    """Convert a job's priority (9 the most urgent) to Redis' scale (0 the most urgent), or back."""
    return PRIORITIES - 1 - priority


def queue_keys(queue: str) -> list[str]:
    """Return the keys of the Redis lists of a queue of messages, most urgent first."""
    name = celery_name(queue)
    return [name if step == 0 else f"{name}{_PRIORITY_SEPARATOR}{step}" for step in range(PRIORITIES)]


def _checked_name(queue: str) -> str:
    """Return the name in Redis of a queue; raises ValueError where the queue does not exist."""
    Queue(queue.rpartition(".")[2])
    return celery_name(queue)


def _unavailable(error: Exception) -> QueueUnavailable:
    return QueueUnavailable(f"Redis does not answer ({error}). {ACCEPTED_MEANWHILE}")

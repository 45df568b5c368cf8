"""Publishing of committed jobs as messages in Redis. A failed publish leaves `published_at` null, to be repeated."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import Job
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.jobs import actions
from shared.jobs.running.retry_policy import due
from shared.jobs.status import JobStatus, message_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.database.engine import Database
    from shared.delivery.broker import Broker

logger = logging.getLogger(__name__)


def publish(db: Database, broker: Broker, job_id: str) -> bool:
    """Publish a queued job's message after the transaction that queued it, unless its next attempt is not due yet.

    Returns:
        False when Redis or the database is unavailable: the reconciler publishes the job later.
    """
    try:
        return publish_many(db, broker, [job_id])
    except DatabaseUnavailable as error:
        logger.warning("publish_unnoted", extra={"job": job_id, "reason": str(error)})
        return False


def publish_many(db: Database, broker: Broker, job_ids: Sequence[str]) -> bool:
    """Publish those jobs that are due, most urgent and oldest first. False while Redis is unavailable."""
    if not job_ids:  # for an empty list, SQLite would scan every queued job
        return True
    with db.read() as connection:
        statement = (
            select(Job.id, Job.kind, Job.queue, Job.priority)
            .where(Job.id.in_(job_ids), Job.status == JobStatus.QUEUED, due(connection))
            .order_by(Job.priority.desc(), Job.queued_at, Job.id)
        )
        messages = [(row.id, message_queue(row.kind, row.queue), row.priority) for row in connection.execute(statement)]
    if not messages:
        return True
    try:
        broker.enqueue_many(messages)
    except QueueUnavailable as error:
        logger.warning("publish_failed", extra={"jobs": len(messages), "reason": str(error)})
        return False
    actions.mark_published(db, [job_id for job_id, _, _ in messages])
    return True

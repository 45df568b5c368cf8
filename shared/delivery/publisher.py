"""Tickets for jobs that were queued just now. Where one cannot be sent, `shared.delivery.tickets` adds it later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import Job
from shared.delivery.tickets import MOST
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.jobs.running.retry_policy import due
from shared.jobs.status import JobStatus, message_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.database.engine import Database
    from shared.delivery.broker import Broker

logger = logging.getLogger(__name__)


def publish(db: Database, broker: Broker, job_id: str) -> bool:
    """Send a ticket for a job after the transaction that queued it, unless its next attempt is not due yet.

    Returns:
        False when Redis or the database is unavailable: the ticket is added later.
    """
    return publish_many(db, broker, [job_id])


def publish_many(db: Database, broker: Broker, job_ids: Sequence[str]) -> bool:
    """Send tickets for those jobs that are due, the most urgent and oldest first; as `publish`.

    Of many jobs in one queue only the first get a ticket, as many as `shared.delivery.tickets` wants there.
    """
    if not job_ids:  # for an empty list, SQLite would scan every queued job
        return True
    try:
        messages = _messages(db, job_ids)
        if messages:
            broker.enqueue_many(messages)
    except (DatabaseUnavailable, QueueUnavailable) as error:
        logger.warning("publish_failed", extra={"jobs": len(job_ids), "reason": str(error)})
        return False
    return True


def _messages(db: Database, job_ids: Sequence[str]) -> list[tuple[str, str, int]]:
    with db.read() as connection:
        statement = (
            select(Job.id, Job.kind, Job.queue, Job.priority)
            .where(Job.id.in_(job_ids), Job.status == JobStatus.QUEUED, due(connection))
            .order_by(Job.priority.desc(), Job.id)
        )
        messages = [(row.id, message_queue(row.kind, row.queue), row.priority) for row in connection.execute(statement)]
    queues: dict[str, list[tuple[str, str, int]]] = {}
    for message in messages:
        queues.setdefault(message[1], []).append(message)
    few = {message for queue in queues.values() for message in queue[:MOST]}
    return [message for message in messages if message in few]

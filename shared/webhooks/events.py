"""Events, recorded in the very transaction that makes them happen: one delivery for each webhook that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import uuid6
from sqlalchemy import bindparam, insert, select

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Job, JobTag, Webhook, WebhookDelivery
from shared.webhooks.status import DeliveryStatus, EventType, WebhookState
from shared.wire.answer import Answer, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_DELIVERIES: Any = WebhookDelivery.__table__
# Built once: SQLAlchemy analyses every new statement.
_SUBSCRIBERS = select(Webhook.id, Webhook.events).where(Webhook.state != WebhookState.DELETED)
_JOB = select(
    *(Job.id, Job.kind, Job.name, Job.owner, Job.status, Job.attempt, Job.epoch, Job.error_code, Job.error_detail),
    *(Job.created_at, Job.started_at, Job.finished_at),
    *(getattr(Job, name) for name in names(wire.Result)),
).where(Job.id == bindparam("job"))
_TAGS = select(JobTag.tag).where(JobTag.job_id == bindparam("job")).order_by(JobTag.tag)


def jobs_finished(connection: Connection, job_ids: Sequence[str]) -> None:
    """Record that jobs have finished. The transaction must have written their last status before.

    Without a webhook this is one read of an empty table. The rows of webhooks are read without a lock: the end of a
    job never waits for a person who changes a webhook.
    """
    event = EventType.JOB_FINISHED
    webhooks = [row.id for row in connection.execute(_SUBSCRIBERS) if event in row.events]
    for job_id in job_ids if webhooks else ():
        job = _finished_job(connection, job_id)
        record(connection, webhooks, event, job.finished_at, job, job_id=job_id)


def record(
    connection: Connection,
    webhooks: Sequence[str],
    event: EventType,
    timestamp: str | None,
    data: Answer,
    *,
    job_id: str | None = None,
) -> list[str]:
    """Record one event for these webhooks, due at once; return the ids of the deliveries, in their order.

    Args:
        connection: connection of a write transaction.
        webhooks: ids of the webhooks.
        event: what has happened.
        timestamp: when it happened.
        data: what the message says of it.
        job_id: the job that the event is about.
    """
    now = clock.database_now(connection)
    body = {"type": event, "timestamp": timestamp, "data": data}
    common = {"event": event, "job_id": job_id, "payload": orjson.dumps(body, default=vars).decode()}
    ids = [str(uuid6.uuid7()) for _ in webhooks]
    rows = [
        {"id": own, "webhook_id": webhook, "status": DeliveryStatus.PENDING, "attempts": 0, **common}
        for own, webhook in zip(ids, webhooks, strict=True)
    ]
    connection.execute(insert(_DELIVERIES).values(created_at=now, next_at=now), rows)
    return ids


def _finished_job(connection: Connection, job_id: str) -> wire.FinishedJob:
    row = connection.execute(_JOB, {"job": job_id}).one()
    tags = connection.scalars(_TAGS, {"job": job_id})
    return wire.FinishedJob(
        id=row.id,
        kind=row.kind,
        name=row.name,
        tags=list(tags),
        owner=row.owner,
        status=row.status,
        attempts=row.attempt,
        error=_failure(row),
        result=wire.Result(**{name: getattr(row, name) for name in names(wire.Result)}) if row.epoch else None,
        created_at=isoformat(row.created_at),
        started_at=isoformat(row.started_at),
        finished_at=isoformat(row.finished_at),
    )


def _failure(row: Any) -> wire.Failure | None:
    return None if row.error_code is None else wire.Failure(code=row.error_code, detail=row.error_detail)

"""Events, recorded in the very transaction that makes them happen: one delivery for each webhook that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import uuid6
from sqlalchemy import BindParameter, bindparam, insert, select

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Job, JobTag, Webhook, WebhookDelivery
from shared.webhooks.status import DeliveryStatus, EventType, WebhookState
from shared.wire.answer import Answer, names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

_DELIVERIES: Any = WebhookDelivery.__table__
# Built once: SQLAlchemy analyses every new statement.
_SUBSCRIBERS = select(Webhook.id, Webhook.events).where(Webhook.state != WebhookState.DELETED)
_CHOSEN: BindParameter[list[str]] = bindparam("jobs", expanding=True)
_JOBS = select(
    *(Job.id, Job.kind, Job.name, Job.owner, Job.status, Job.attempt, Job.epoch, Job.error_code, Job.error_detail),
    *(Job.created_at, Job.started_at, Job.finished_at),
    *(getattr(Job, name) for name in names(wire.Result)),
).where(Job.id.in_(_CHOSEN))
_TAGS = select(JobTag.job_id, JobTag.tag).where(JobTag.job_id.in_(_CHOSEN)).order_by(JobTag.tag)


def jobs_finished(connection: Connection, job_ids: Sequence[str]) -> None:
    """Record that jobs have finished. The transaction must have written their last status before.

    Without a webhook this is one read of an empty table. The rows of webhooks are read without a lock: the end of a
    job never waits for a person who changes a webhook.
    """
    webhooks = _subscribers(connection, EventType.JOB_FINISHED)
    if not webhooks:
        return
    chosen, tags = {"jobs": list(job_ids)}, dict[str, list[str]]()
    for job_id, tag in connection.execute(_TAGS, chosen):
        tags.setdefault(job_id, []).append(tag)
    jobs = {row.id: _finished_job(row, tags.get(row.id, [])) for row in connection.execute(_JOBS, chosen)}
    told = [(jobs[job_id], one) for job_id in job_ids for one in webhooks]
    _insert(connection, [_row(one, EventType.JOB_FINISHED, job.finished_at, job, job.id) for job, one in told])


def sweep_finished(connection: Connection, ended: Callable[[], wire.FinishedSweep]) -> None:
    """Record that a sweep has finished or was cancelled, and that the last of its jobs has ended.

    Args:
        connection: the transaction that writes so.
        ended: reads the sweep as it ended; asked only where somebody is told.
    """
    if webhooks := _subscribers(connection, EventType.SWEEP_FINISHED):
        sweep = ended()
        _insert(connection, [_row(one, EventType.SWEEP_FINISHED, sweep.finished_at, sweep, None) for one in webhooks])


def record_test(connection: Connection, webhook: wire.Webhook, now: str) -> str:
    """Record the event `webhook.test` for one webhook; return the delivery's id."""
    row = _row(webhook.id, EventType.TEST, now, webhook, None)
    _insert(connection, [row])
    return str(row["id"])


def _subscribers(connection: Connection, event: EventType) -> list[str]:
    return [row.id for row in connection.execute(_SUBSCRIBERS) if event in row.events]


def _row(webhook_id: str, event: EventType, timestamp: str | None, data: Answer, job_id: str | None) -> dict[str, Any]:
    body = {"type": event, "timestamp": timestamp, "data": data}
    return {
        "id": str(uuid6.uuid7()),
        "webhook_id": webhook_id,
        "event": event,
        "job_id": job_id,
        "payload": orjson.dumps(body, default=vars).decode(),
        "status": DeliveryStatus.PENDING,
        "attempts": 0,
    }


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    now = clock.database_now(connection)
    connection.execute(insert(_DELIVERIES).values(created_at=now, next_at=now), rows)


def _finished_job(row: Any, tags: list[str]) -> wire.FinishedJob:
    return wire.FinishedJob(
        id=row.id,
        kind=row.kind,
        name=row.name,
        tags=tags,
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

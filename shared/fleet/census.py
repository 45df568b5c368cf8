"""How many jobs wait, run or are paused, how many workers there are, and what was counted: the metrics' read of SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, null, select, text

from shared.database import clock
from shared.database.tables import LIVE, Job, Webhook
from shared.jobs.reads import queries
from shared.jobs.running.retry_policy import due
from shared.jobs.status import JobStatus
from shared.telemetry import tallies
from shared.webhooks.status import WebhookState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database


@dataclass(frozen=True)
class LiveJobs:
    """Jobs that wait, run or are paused, alike in all of this."""

    status: str
    kind: str
    queue: str
    owner: str
    jobs: int
    oldest_seconds: float
    """How long the one that is due has been so that has waited longest; 0 where none is due."""


@dataclass(frozen=True)
class Census:
    """What the database holds at one time."""

    live: Sequence[LiveJobs]
    counted: Sequence[tallies.Counter]
    workers: Mapping[tuple[str, str, str], int]
    """Number of known workers by role, kind of device and state."""
    webhooks: Mapping[str, int]
    """Number of webhooks by state."""


def take(db: Database, *, silent_seconds: float) -> Census:
    """Read the census. It costs what jobs have not finished, however many have.

    Args:
        db: the database.
        silent_seconds: time without a report after which a worker counts as `gone`.

    Raises:
        DatabaseUnavailable: the database is unavailable.
    """
    with db.read() as connection:
        live, counted, webhooks = _live(connection), tallies.read(connection), _webhooks(connection)
    known = queries.workers(db, silent_seconds=silent_seconds)
    workers = Counter((str(one.role), one.device_kind, str(one.state)) for one in known)
    return Census(live, counted, workers, webhooks)


def _webhooks(connection: Connection) -> dict[str, int]:
    counted = select(Webhook.state, func.count().label("number")).group_by(Webhook.state)
    return {row.state: row.number for row in connection.execute(counted) if row.state != WebhookState.DELETED}


def _live(connection: Connection) -> list[LiveJobs]:
    """Count the jobs that wait and run from `ix_jobs_live` alone; a parameter in its condition would rule that out.

    Those that are paused are counted from `ix_jobs_of_status`: the release before knows `ix_jobs_live` as it is.
    """
    now = connection.execute(select(clock.database_now(connection))).scalar_one()
    since: Any = case((due(connection), func.coalesce(Job.not_before, Job.queued_at, type_=Job.queued_at.type)))
    alike = (Job.status, Job.kind, Job.queue, Job.owner)
    counted = select(*alike, func.count().label("jobs"), func.min(since).label("oldest")).group_by(*alike)
    paused = select(*alike, func.count().label("jobs"), null().label("oldest")).group_by(*alike)
    found = [
        *connection.execute(counted.where(text(LIVE))),
        *connection.execute(paused.where(Job.status == JobStatus.PAUSED)),
    ]
    return [
        LiveJobs(
            *(row.status, row.kind, row.queue, row.owner or "", row.jobs),
            oldest_seconds=0.0 if row.oldest is None else max(0.0, (now - row.oldest).total_seconds()),
        )
        for row in found
    ]

"""Paused jobs: how one that has done the epochs that were asked for goes on with more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.database import clock
from shared.database.tables import Job
from shared.jobs.guarded_write import add_status_event, advance
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection


def go_on(connection: Connection, job_id: str, pause_after: int | None) -> bool:
    """Queue a paused job again, to go on from its checkpoint up to the epoch `pause_after`; None: to its end.

    Returns:
        False when the job is not paused, as somebody else has let it go on, or cancelled it.
    """
    now = clock.database_now(connection)
    job = advance(
        connection,
        job_id,
        Job.status == JobStatus.PAUSED,
        status=JobStatus.QUEUED,
        pause_after=pause_after,
        queued_at=now,
        published_at=None,
    )
    if job is None:
        return False
    add_status_event(connection, job, JobStatus.QUEUED)
    return True

"""Writing of a job's log: lines are numbered in order, and the oldest are deleted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from shared.database import clock
from shared.database.tables import JobLog
from shared.jobs.guarded_write import insert_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.jobs.running.attempts import Line


def write_lines(connection: Connection, job_id: str, attempt: int, lines: Sequence[Line], keep: int) -> None:
    """Add lines of an attempt to the job's log, and delete all but the newest `keep` lines of the job."""
    newest = select(func.max(JobLog.line), clock.database_now(connection)).where(JobLog.job_id == job_id)
    last, now = connection.execute(newest).one()
    written = last or 0
    rows = []
    for number, line in enumerate(lines, written + 1):
        said = now - dt.timedelta(seconds=line.seconds_ago)
        rows.append({"line": number, "level": line.level, "message": line.message, "created_at": said})
    insert_rows(connection, JobLog, rows, job_id=job_id, attempt=attempt)
    if (oldest := written + len(lines) - keep) > 0:
        connection.execute(delete(JobLog).where(JobLog.job_id == job_id, JobLog.line <= oldest))

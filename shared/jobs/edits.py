"""Changes of a job by its users: name, tags and notes at any time, the priority while it is queued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from shared.database.tables import Job, JobTag
from shared.errors import IllegalTransition, JobNotFound
from shared.jobs.actor import Actor, not_yours
from shared.jobs.guarded_write import add_events, advance, insert_rows, lock_all, table_of
from shared.jobs.search import index
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from shared.database.engine import Database

LABELS = ("name", "tags", "notes")


def edit(db: Database, job_id: str, changes: Mapping[str, Any], *, actor: Actor) -> None:
    """Change a job, all of it or nothing. After a change of the priority the caller must publish the job again.

    Args:
        db: the database.
        job_id: the job.
        changes: new values of `name` and `notes` (None for none), `tags` (a list), `priority` (0 to 9, 9 the most
            urgent); what is left out stays. The spec keeps the labels with which the job was submitted.
        actor: on whose behalf the job is changed.

    Raises:
        JobNotFound: no such job.
        NotYours: the job belongs to another owner.
        IllegalTransition: a priority is given, and the job is no longer queued.
    """
    db.write(lambda connection: _edit(connection, job_id, changes, actor))


def _edit(connection: Connection, job_id: str, changes: Mapping[str, Any], actor: Actor) -> None:
    reading = (table_of(Job).c.owner, table_of(Job).c.status)
    job = lock_all(connection, [job_id], actor.reach, reading=reading).get(job_id)
    if job is None:
        raise JobNotFound(job_id)
    if refused := not_yours(job_id, job.owner, actor):
        raise refused
    columns = {name: changes[name] for name in ("name", "notes", "priority") if name in changes}
    if "priority" in changes:
        _require_queued(job_id, job.status)
        columns["published_at"] = None
    if "tags" in changes:
        connection.execute(delete(table_of(JobTag)).where(JobTag.job_id == job_id))
        insert_rows(connection, JobTag, [{"job_id": job_id, "tag": tag} for tag in changes["tags"]])
    labels = {name: changes[name] for name in LABELS if name in changes}
    events = [("edited", labels)] if labels else []
    events += [("priority", {"priority": changes["priority"]})] if "priority" in changes else []
    row = advance(connection, job_id, events=len(events), **columns)
    assert row is not None  # noqa: S101 -- its row is locked
    if labels:
        index.index_words(connection, job_id)
    numbered = enumerate(events, row.event_seq - len(events) + 1)
    add_events(
        connection, [{"job_id": job_id, "seq": seq, "kind": kind, "data": data} for seq, (kind, data) in numbered]
    )


def _require_queued(job_id: str, status: str) -> None:
    if status != JobStatus.QUEUED:
        now = f"has already {status}" if status in ("succeeded", "failed") else f"is {status}"
        message = f"Job {job_id} {now}; its priority can be changed only while it is queued."
        raise IllegalTransition(message)

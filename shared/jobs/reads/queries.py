"""Every read that the API serves, returned as answers (`shared.wire`) built from Core rows."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import case, func, select, text

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import LIVE, Artifact, Attempt, Epoch, Evaluation, Job, JobLog, JobTag, Worker
from shared.errors import JobNotFound
from shared.jobs.actor import Actor
from shared.jobs.reads.lacking import Lacking
from shared.jobs.running.retry_policy import due
from shared.jobs.status import (
    KNOWN_KINDS,
    RUN_KINDS,
    JobStatus,
    Queue,
    WorkerRole,
    WorkerState,
    celery_name,
    message_queue,
)
from shared.wire.answer import Answer, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.delivery.broker import Broker

A = TypeVar("A", bound=Answer)

EPOCH_COLUMNS = names(wire.EpochColumns)

# Large columns that lists do not show are not read.
_LEFT_OUT = {
    *("checkpoint", "lease_expires_at", "warnings", "trace", "data", "data_key", "published_at"),
    *("claimed_attempt", "twin_hash", "leads", "state_hash", "kept_bytes"),
}
JOB_COLUMNS = tuple(c for c in Job.__table__.columns if c.name not in _LEFT_OUT)

Workers = list[wire.Worker]
"""Workers as `workers` returns them."""


def job(db: Database, job_id: str, *, live: Callable[[], Workers] | None = None, actor: Actor) -> wire.Job:
    """Read one job.

    Args:
        db: the database.
        job_id: the job.
        live: returns the live workers; if given, a queued job's warnings name what no live worker offers.
        actor: on whose behalf the job is read.

    Raises:
        JobNotFound: no such job.
    """
    with db.read() as connection:
        row = connection.execute(select(*JOB_COLUMNS).where(Job.id == job_id, actor.reach)).one_or_none()
        if row is None:
            raise JobNotFound(job_id)
        tags = tags_of(connection, [job_id])
    [answer] = job_answers([row], tags, live)
    return answer


def jobs_by_id(
    db: Database, job_ids: Sequence[str], *, live: Callable[[], Workers] | None = None, actor: Actor
) -> list[wire.Job]:
    """Read those of these jobs that exist, in the order of the ids; `live` as for `job`."""
    statement = select(*JOB_COLUMNS).where(Job.id.in_(job_ids), actor.reach)
    with db.read() as connection:
        rows = {row.id: row for row in connection.execute(statement)}
        tags = tags_of(connection, list(rows))
    return job_answers([rows[job_id] for job_id in job_ids if job_id in rows], tags, live)


def job_answers(
    rows: Sequence[Row[Any]], tags: Mapping[str, list[str]], live: Callable[[], Workers] | None
) -> list[wire.Job]:
    """Build jobs from rows of `JOB_COLUMNS`; `live` returns the live workers, and is called only for queued jobs."""
    queued = any(_waits_for_workers(row) for row in rows)
    lacking = Lacking(live()) if queued and live is not None else None
    return [_job(row, tags.get(row.id, []), _warnings(row, lacking)) for row in rows]


def _waits_for_workers(row: Row[Any]) -> bool:
    """Whether this release knows what the job waits for: it is queued, and of a known kind."""
    return row.status == JobStatus.QUEUED and row.kind in KNOWN_KINDS


def _warnings(row: Row[Any], lacking: Lacking | None) -> list[str]:
    """Return what a queued job waits for, including workers where the live ones are known; [] for other jobs."""
    if lacking is None or not _waits_for_workers(row):
        return _waiting(row)
    return [*lacking.of(row.queue, row.spec["dataset"]), *_waiting(row)]


def tags_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Read the tags of several jobs by job id, in one query."""
    tags: dict[str, list[str]] = {}
    if job_ids:
        statement = select(JobTag.job_id, JobTag.tag).where(JobTag.job_id.in_(job_ids)).order_by(JobTag.tag)
        for job_id, tag in connection.execute(statement):
            tags.setdefault(job_id, []).append(tag)
    return tags


def _job(row: Row[Any], tags: list[str], warnings: list[str]) -> wire.Job:
    return wire.Job(
        id=row.id,
        owner=row.owner,
        kind=row.kind,
        name=row.name,
        tags=tags,
        notes=row.notes,
        preset=row.preset,
        status=row.status,
        cancel_requested=bool(row.cancel_requested),
        priority=row.priority,
        spec=row.spec,
        spec_hash=row.spec_hash,
        config_hash=row.config_hash,
        cost=_columns_of(wire.Cost, row),
        warnings=warnings,
        estimate=None,
        progress=_progress(row),
        result=_columns_of(wire.Result, row) if row.epoch else None,
        device=row.device,
        engine=row.engine,
        worker=row.worker,
        attempts=row.attempt,
        exact=bool(row.exact),
        error=_failure(row),
        retry_of=row.retry_of,
        sweep=row.sweep,
        replay_of=row.replay_of,
        replay=None if row.replay is None else wire.Replay(**row.replay),
        cache=row.cache,
        following=row.following,
        served_from=row.served_from,
        continued_from=row.continued_from,
        created_at=isoformat(row.created_at),
        queued_at=isoformat(row.queued_at),
        not_before=_next_attempt(row),
        started_at=isoformat(row.started_at),
        finished_at=isoformat(row.finished_at),
    )


def _columns_of(kind: type[A], row: Row[Any]) -> A:
    """Build an answer whose fields are columns of the row."""
    return kind(**{name: getattr(row, name) for name in names(kind)})


def _failure(row: Row[Any]) -> wire.Failure | None:
    return None if row.error_code is None else wire.Failure(code=row.error_code, detail=row.error_detail)


def _next_attempt(row: Row[Any]) -> str | None:
    """Return the instant before which a queued job is not tried again; None where it does not wait for one."""
    return isoformat(row.not_before) if row.status == JobStatus.QUEUED and row.following is None else None


def _waiting(row: Row[Any]) -> list[str]:
    """Return the warning of a job that waits for an equal one, or for its next attempt after a failed one."""
    if row.following is not None:
        what = f"Job {row.following} trains the same right now: this one waits for its result and holds no worker."
        return [f"{what} If that job does not succeed, this one goes on in its place."]
    if (instant := _next_attempt(row)) is None:
        return []
    return [f"Attempt {row.attempt} failed for a reason that may pass; the next one starts at {instant} or later."]


def _progress(row: Row[Any]) -> wire.Progress:
    running = row.status == JobStatus.RUNNING and row.epoch_seconds is not None
    last = row.pause_after or row.epochs
    eta = round(max(0, last - row.epoch) * row.epoch_seconds, 1) if running else None
    return wire.Progress(epoch=row.epoch, epochs=row.epochs, eta_seconds=eta)


def _require(connection: Connection, job_id: str, actor: Actor) -> None:
    if connection.scalar(select(Job.id).where(Job.id == job_id, actor.reach)) is None:
        raise JobNotFound(job_id)


def epochs(db: Database, job_id: str, after: int = 0, *, actor: Actor) -> wire.EpochColumns:
    """Read a job's epochs after number `after`, as columns of equal length.

    Raises:
        JobNotFound: no such job.
    """
    wanted = select(*columns_of(wire.Epoch, Epoch)).where(Epoch.job_id == job_id, Epoch.epoch > after)
    with db.read() as connection:
        _require(connection, job_id, actor)
        rows = connection.execute(wanted.order_by(Epoch.epoch)).all()
    columns: Iterable[Any] = zip(*rows, strict=True) if rows else ((),) * len(EPOCH_COLUMNS)
    return wire.EpochColumns(**{name: list(column) for name, column in zip(EPOCH_COLUMNS, columns, strict=True)})


def columns_of(kind: type[Answer], table: type[Any]) -> list[Any]:
    """Return the columns of a table that have the names of an answer's fields."""
    return [getattr(table, name) for name in names(kind)]


def attempts(db: Database, job_id: str, *, actor: Actor) -> list[wire.Attempt]:
    """Read a job's attempts in order; the outcome of a running attempt is None.

    Raises:
        JobNotFound: no such job.
    """
    with db.read() as connection:
        _require(connection, job_id, actor)
        statement = select(*Attempt.__table__.columns).where(Attempt.job_id == job_id).order_by(Attempt.attempt)
        return [_attempt(row) for row in connection.execute(statement)]


def _attempt(row: Row[Any]) -> wire.Attempt:
    return wire.Attempt(
        attempt=row.attempt,
        worker=row.worker,
        device=row.device,
        outcome=row.outcome,
        environment=row.environment,
        resumed_from_epoch=row.resumed_from_epoch,
        error=_failure(row),
        started_at=isoformat(row.started_at),
        finished_at=isoformat(row.finished_at),
    )


def evaluation(db: Database, job_id: str, weights: str, *, actor: Actor) -> wire.Evaluation | None:
    """Read the evaluation of a job's `best` or `last` weights, or `test`; None while there is none.

    Raises:
        JobNotFound: no such job.
    """
    columns = columns_of(wire.Evaluation, Evaluation)
    with db.read() as connection:
        _require(connection, job_id, actor)
        statement = select(*columns).where(Evaluation.job_id == job_id, Evaluation.weights == weights)
        row = connection.execute(statement).one_or_none()
        return None if row is None else wire.Evaluation(**row._asdict())


def log(db: Database, job_id: str, after: int = 0, limit: int = 500, *, actor: Actor) -> list[wire.LogLine]:
    """Read at most `limit` lines of a job's log after line `after`, oldest first.

    Raises:
        JobNotFound: no such job.
    """
    with db.read() as connection:
        _require(connection, job_id, actor)
        wanted = select(*columns_of(wire.LogLine, JobLog)).where(JobLog.job_id == job_id, JobLog.line > after)
        rows = connection.execute(wanted.order_by(JobLog.line).limit(limit))
        return [wire.LogLine(**row._asdict() | {"created_at": isoformat(row.created_at)}) for row in rows]


def artifacts(db: Database, job_id: str, *, actor: Actor) -> list[wire.Artifact]:
    """Read a job's artifacts: name, storage path, SHA-256, size in bytes.

    Raises:
        JobNotFound: no such job.
    """
    with db.read() as connection:
        _require(connection, job_id, actor)
        wanted = select(*columns_of(wire.Artifact, Artifact)).where(Artifact.job_id == job_id)
        rows = connection.execute(wanted.order_by(Artifact.name))
        return [wire.Artifact(**row._asdict() | {"created_at": isoformat(row.created_at)}) for row in rows]


_running = select(Job.id).where(Job.status == JobStatus.RUNNING, Job.worker == Worker.id).limit(1).scalar_subquery()


def workers(db: Database, *, silent_seconds: float) -> list[wire.Worker]:
    """Read all known workers, live ones first. A worker without a report for `silent_seconds` is `gone`."""
    with db.read() as connection:
        columns: list[Any] = [
            *Worker.__table__.columns,
            clock.database_now(connection).label("now"),
            _running.label("job_id"),
        ]
        rows = connection.execute(select(*columns).order_by(Worker.host, Worker.device, Worker.id)).all()
    listed = [_worker(row, silent_seconds) for row in rows]
    return sorted(listed, key=lambda worker: worker.state == WorkerState.GONE)


def _worker(row: Row[Any], silent_seconds: float) -> wire.Worker:
    # A report in the future is from before the clock was set back; a live worker has reported since.
    silent = abs((row.now - row.last_heartbeat_at).total_seconds()) > silent_seconds
    return wire.Worker(
        id=row.id,
        host=row.host,
        pid=row.pid,
        device=row.device,
        device_kind=row.device_kind,
        device_name=row.device_name,
        role=row.role,
        versions=row.versions,
        datasets=row.datasets,
        state=_worker_state(row, silent=silent),
        job_id=row.job_id,
        started_at=isoformat(row.started_at),
        last_heartbeat_at=isoformat(row.last_heartbeat_at),
    )


def _worker_state(row: Row[Any], *, silent: bool) -> WorkerState:
    if silent:
        return WorkerState.GONE
    stopping = row.state == WorkerState.STOPPING
    return WorkerState.STOPPING if stopping else WorkerState.BUSY if row.job_id else WorkerState.IDLE


def queues(db: Database, broker: Broker) -> list[wire.Queue]:
    """Read each queue: its number of jobs, how long the oldest has waited, messages in Redis (None if unavailable).

    A job whose next attempt is not due yet counts as waiting, but not as the oldest, as no worker could take it.
    """
    messages = {kind: broker.depths(kind) for kind in RUN_KINDS}
    with db.read() as connection:
        since = case((due(connection), func.coalesce(Job.not_before, Job.queued_at, type_=Job.queued_at.type)))
        columns = (Job.kind, Job.queue, func.count().label("depth"), func.min(since).label("oldest"))
        queued = select(*columns).where(text(LIVE), Job.status == JobStatus.QUEUED).group_by(Job.kind, Job.queue)
        waiting = {(row.kind, row.queue): row for row in connection.execute(queued)}
        now = connection.execute(select(clock.database_now(connection))).scalar_one()
    items = []
    for kind, queue in product(RUN_KINDS, Queue):
        row = waiting.get((kind.value, queue.value))
        age = None if row is None or row.oldest is None else max(0.0, round((now - row.oldest).total_seconds(), 3))
        items.append(
            wire.Queue(
                name=celery_name(message_queue(kind, queue)),
                depth=0 if row is None else row.depth,
                oldest_age_seconds=age,
                messages=(messages[kind] or {}).get(queue),
            )
        )
    return items


def live_workers(db: Database, *, silent_seconds: float) -> Workers:
    """Read the live workers that train: those that have reported within `silent_seconds`."""
    known = workers(db, silent_seconds=silent_seconds)
    return [worker for worker in known if worker.role == WorkerRole.TRAIN and worker.state != WorkerState.GONE]

"""How long a job will take and when it should start, from what finished jobs reached and from what waits before it.

Seconds of an epoch come from finished jobs on the same kind of device: those of the same configuration, or the most
similar ones of the same kind of network, scaled by FLOPs. Whoever has fewer running jobs goes first among equal
priorities, so of each other owner only as many jobs go before one as its own owner has before it, and one more.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, select, text

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import DELAYED, READY, Job
from shared.jobs.data_needs import Holdings, Needs, needs_of_spec
from shared.jobs.reuse.twins import PARKED
from shared.jobs.running import waiting
from shared.jobs.status import JobStatus, WorkerState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, TextClause

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobs.reads.queries import Workers
    from shared.jobspec import Submission

SAMPLE = 500
"""The latest finished jobs that are looked at, and the latest queued ones."""
NEAREST = 20
"""Most similar jobs whose median counts."""
FRESH_SECONDS = 10.0
"""How old what is known of finished and waiting jobs may be."""
MOST_COUNTED = 10_000
"""Most jobs of an owner that are counted before one."""


@dataclass(frozen=True)
class Wanted:
    """A job whose time is to be estimated: what it asks for, and its place among its owner's jobs of its priority."""

    queue: str
    priority: int
    owner: str | None
    config_hash: str
    architecture_kind: str
    flops_per_epoch: int
    epochs: int
    own_before: int
    needs: Needs = ()


@dataclass(frozen=True)
class Finished:
    """What a finished job reached."""

    device_kind: str
    architecture_kind: str
    config_hash: str
    flops_per_epoch: int
    epoch_seconds: float


@dataclass(frozen=True)
class Waiting:
    """The queued jobs of one priority, owner and queue: how many they are, and the FLOPs that they have left."""

    priority: int
    owner: str | None
    queue: str
    jobs: int
    flops: float


@dataclass(frozen=True)
class Picture:
    """The state of the service that estimates are made from."""

    finished: Sequence[Finished]
    waiting: Sequence[Waiting]
    running_seconds: float
    """Seconds that the running jobs have left, as far as it is known."""
    read_at: dt.datetime
    """When all this was so, by the database's clock."""


class Estimates:
    """Estimates of one process, which reads finished and waiting jobs again after `FRESH_SECONDS`.

    Args:
        db: the database.
        now: a clock in seconds.
    """

    def __init__(self, db: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._now = now
        self._reading = threading.Lock()
        self._picture: Picture | None = None
        self._read_at = 0.0

    def of_submission(self, submission: Submission, live: Workers, *, actor: Actor) -> wire.Estimate:
        """Estimate a job that is not submitted yet."""
        spec, cost = submission.spec, submission.cost
        picture = self._fresh()
        own = [one for one in picture.waiting if one.owner == actor.owner and one.priority == spec.priority]
        before = sum(one.jobs for one in own)
        asked = (submission.config_hash, spec.architecture.kind, cost.flops_per_epoch, spec.training.epochs, before)
        needs = needs_of_spec(submission.document)
        return self._estimate(picture, Wanted(spec.queue, spec.priority, actor.owner, *asked, needs), live)

    def of_job(self, job_id: str, live: Workers, *, actor: Actor) -> wire.Estimate | None:
        """Estimate a queued job; None for one that is not queued, follows an equal one, or does not exist."""
        with self._db.read() as connection:
            wanted = _wanted(connection, job_id, actor)
        return None if wanted is None else self._estimate(self._fresh(), wanted, live)

    def _fresh(self) -> Picture:
        with self._reading:  # of requests at the same time one reads
            if self._picture is None or self._now() - self._read_at > FRESH_SECONDS:
                with self._db.read() as connection:
                    there = _finished(connection), _waiting(connection), _running(connection)
                    self._picture = Picture(*there, _database_time(connection))
                self._read_at = self._now()
            return self._picture

    def _estimate(self, picture: Picture, wanted: Wanted, live: Workers) -> wire.Estimate:
        fitting = [worker for worker in live if wanted.queue in ("any", worker.device_kind)]
        kinds = sorted({worker.device_kind for worker in fitting})
        ahead, flops = ahead_of(picture.waiting, wanted, kinds)
        able = [worker.state for worker in fitting if Holdings(worker.datasets).meet(wanted.needs)]
        seconds = wait_seconds(picture, kinds, ahead, flops, able)
        return wire.Estimate(
            devices=[_device(picture.finished, wanted, kind) for kind in kinds],
            ahead=ahead,
            starts_at=None if seconds is None else isoformat(self._start(picture, seconds)),
        )

    def _start(self, picture: Picture, seconds: float) -> dt.datetime:
        """Return the instant so many seconds after the picture, which stays the same while the picture does."""
        start = picture.read_at + dt.timedelta(seconds=seconds)
        if seconds > FRESH_SECONDS:
            return start
        with self._db.read() as connection:
            return max(start, _database_time(connection))


def _database_time(connection: Connection) -> dt.datetime:
    now: dt.datetime = connection.execute(select(clock.database_now(connection))).scalar_one()
    return now


def epoch_seconds(finished: Iterable[Finished], wanted: Wanted, device_kind: str) -> tuple[float | None, int]:
    """Return the seconds that an epoch of a job takes on a kind of device, and the number of jobs that say so."""
    there = [one for one in finished if one.device_kind == device_kind]
    same = [one.epoch_seconds for one in there if one.config_hash == wanted.config_hash]
    if same:
        return statistics.median(same), len(same)
    alike = [one for one in there if one.architecture_kind == wanted.architecture_kind and one.flops_per_epoch]
    if not alike or not wanted.flops_per_epoch:
        return None, 0
    alike.sort(key=lambda one: abs(math.log(one.flops_per_epoch / wanted.flops_per_epoch)))
    scaled = [one.epoch_seconds * wanted.flops_per_epoch / one.flops_per_epoch for one in alike[:NEAREST]]
    return statistics.median(scaled), len(scaled)


def ahead_of(waiting: Iterable[Waiting], wanted: Wanted, kinds: Sequence[str]) -> tuple[int, float]:
    """Return how many jobs should start before one on these kinds of device, and the FLOPs that they have left."""
    jobs, flops, equal = 0, 0.0, dict[str | None, list[Waiting]]()
    for group in waiting:
        if group.queue != "any" and group.queue not in kinds:
            continue
        if group.priority > wanted.priority:
            jobs, flops = jobs + group.jobs, flops + group.flops
        elif group.priority == wanted.priority:
            equal.setdefault(group.owner, []).append(group)
    for owner, groups in equal.items():
        there, work = sum(one.jobs for one in groups), sum(one.flops for one in groups)
        first = min(there, wanted.own_before + (owner != wanted.owner))
        jobs, flops = jobs + first, flops + work * first / there
    return jobs, flops


def wait_seconds(
    picture: Picture, kinds: Sequence[str], ahead: int, flops: float, states: Sequence[str]
) -> float | None:
    """Return the seconds until a job should start, behind jobs with these FLOPs on workers in these states.

    None where no worker is there that has the images, or nothing is known of what such FLOPs take.
    """
    idle = sum(state == WorkerState.IDLE for state in states)
    if not states:
        return None
    if ahead < idle:
        return 0.0
    rates = [one.flops_per_epoch / one.epoch_seconds for one in picture.finished if one.device_kind in kinds]
    if flops and not any(rates):
        return None
    busy_seconds = picture.running_seconds + (flops / statistics.median(rates) if flops else 0.0)
    return busy_seconds / len(states)


def _device(finished: Sequence[Finished], wanted: Wanted, kind: str) -> wire.DeviceEstimate:
    seconds, jobs = epoch_seconds(finished, wanted, kind)
    return wire.DeviceEstimate(
        device_kind=kind,
        seconds_per_epoch=None if seconds is None else round(seconds, 3),
        seconds=None if seconds is None else round(seconds * wanted.epochs, 1),
        jobs=jobs,
    )


_ASKED = (Job.queue, Job.priority, Job.owner, Job.config_hash, Job.architecture_kind, Job.flops_per_epoch)
_LEFT = func.coalesce(Job.pause_after, Job.epochs) - Job.epoch
_NEEDS_A_WORKER = Job.following.is_(None)
_UNPARKED = Job.not_before < PARKED


def _wanted(connection: Connection, job_id: str, actor: Actor) -> Wanted | None:
    queued = (Job.id == job_id, Job.status == JobStatus.QUEUED, _NEEDS_A_WORKER, actor.reach)
    statement: Any = select(*_ASKED, _LEFT.label("left"), Job.spec).where(*queued)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    # Of the same owner workers take the oldest first: a job that goes back to the queue is as old as before.
    owner = Job.owner.is_(None) if row.owner is None else Job.owner == row.owner
    before = _before(connection, Job.priority == row.priority, owner, Job.id < job_id)
    asked = {column.key: getattr(row, column.key) for column in _ASKED}
    return Wanted(**asked, epochs=row.left, own_before=before, needs=needs_of_spec(row.spec))


def _before(connection: Connection, *mine: ColumnElement[bool]) -> int:
    """Count queued jobs of one owner and priority, `MOST_COUNTED` at most of those that may be claimed."""
    groups = [one.group for one in waiting.groups_in(connection, waiting.places(connection))]
    columns = (Job.kind, Job.queue, Job.data_key)  # with which the index of jobs that may be claimed begins
    within = [column.in_({*values}) for column, values in zip(columns, zip(*groups, strict=True), strict=False)]
    parts: list[list[Any]] = [[text(READY), *within], [text(DELAYED), _UNPARKED]]
    counted = [select(literal(1)).select_from(Job).where(*part, *mine).limit(MOST_COUNTED).subquery() for part in parts]
    return sum(connection.scalar(select(func.count()).select_from(one)) or 0 for one in counted)


def _finished(connection: Connection) -> list[Finished]:
    columns = (Job.device_kind, Job.architecture_kind, Job.config_hash, Job.flops_per_epoch, Job.epoch_seconds)
    latest = select(*columns, Job.status).where(Job.finished_at.is_not(None)).order_by(Job.finished_at.desc())
    rows: Any = connection.execute(latest.limit(SAMPLE))
    return [Finished(*row[:-1]) for row in rows if row.status == JobStatus.SUCCEEDED and row.epoch_seconds]


_Group = tuple[int, str | None, str]
_GROUP = (Job.priority, Job.owner, Job.queue)


def _waiting(connection: Connection) -> list[Waiting]:
    """Count the queued jobs; their FLOPs are those of the latest, for jobs beyond the sample too."""
    jobs = Counter[_Group]()
    for statement in (_ready_jobs(connection), _DELAYED_JOBS):
        for *group, counted in connection.execute(statement):
            jobs[(*group,)] += counted
    sample = dict[_Group, list[float]]()
    for *group, flops in connection.execute(_LATEST_QUEUED):
        sample.setdefault((*group,), []).append(flops)
    every = [flops for found in sample.values() for flops in found]
    return [
        Waiting(*group, number, number * statistics.fmean(sample.get(group, every))) for group, number in jobs.items()
    ]


def _ready_jobs(connection: Connection) -> TextClause:
    """Count the jobs that may be claimed from their index alone, in its order: none of them follows another.

    SQLite would take an index of all jobs by status, and read their rows.
    """
    index = "INDEXED BY ix_jobs_next" if connection.dialect.name == "sqlite" else ""
    groups = "kind, queue, data_key, priority, owner"
    return text(f"SELECT priority, owner, queue, count(*) FROM jobs {index} WHERE {READY} GROUP BY {groups}")  # noqa: S608 -- no values


_DELAYED_JOBS = select(*_GROUP, func.count()).where(text(DELAYED), _UNPARKED).group_by(*_GROUP)
_LATEST_QUEUED = (
    select(*_GROUP, _LEFT * Job.flops_per_epoch * literal(1.0))
    .where(Job.status == JobStatus.QUEUED, _NEEDS_A_WORKER)
    .order_by(Job.number.desc())
    .limit(SAMPLE)
)


def _running(connection: Connection) -> float:
    running = (Job.status == JobStatus.RUNNING, Job.epoch_seconds.is_not(None))
    return connection.scalar(select(func.sum(_LEFT * Job.epoch_seconds)).where(*running)) or 0.0

"""Claims: how a worker that looks for work gets the job that should run next, in one transaction.

That is the job with the highest priority in any queue that the worker serves; among those a job of the owner with the
fewest running jobs, of several the owner who comes next by name after the one whose job the worker ran last; among
those the oldest. Jobs whose images the worker does not hold are left to others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, bindparam, func, select

from shared.database import clock
from shared.database.tables import Attempt, Job, JobEvent, Tally
from shared.database.together import Rows, insert_together
from shared.jobs.data_needs import Holdings
from shared.jobs.guarded_write import advancing, status_event, table_of
from shared.jobs.reuse import twins
from shared.jobs.running import waiting
from shared.jobs.running.retry_policy import due
from shared.jobs.running.waiting import Place
from shared.jobs.status import KNOWN_KINDS, JobKind, JobStatus, Queue
from shared.telemetry import tallies
from shared.telemetry.origin import NOWHERE, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from shared.database.engine import Database
    from shared.jobs.running.waiting import Waiting
    from shared.jobspec.document import SpecDocument

_TURN = 0x666C_6967_6874  # the advisory lock of claims
_MOST_STATEMENTS = 100
_CLAIMED = [
    table_of(Job).c[name]
    for name in (
        *("spec", "spec_hash", "running_seconds", "checkpoint", "exact", "kind", "pause_after"),
        *("created_at", "lease_expires_at", "owner", "trace", "sweep", "cache", "twin_hash"),
    )
]


class Prospect(Enum):
    """What a worker that looks for work would find."""

    NONE = "none"
    """No job waits in its queues."""
    OTHERS = "others"
    """Jobs wait there, of which it may take none."""
    SOME = "some"
    """A job that it may take, or one of which only a claim can tell."""


@dataclass(frozen=True)
class Claimant:
    """A worker that claims jobs.

    Attributes:
        worker: its id.
        device: its device, such as ``cuda:0``.
        device_kind: its kind of device.
        kinds: the kinds of job that it runs.
        holdings: the images that it holds or may download.
        after: the owner of the job that it ran last, empty for none; None where it has run none. Without this, one
            worker, to which all owners have no running job, would serve them one after another, batch by batch.
    """

    worker: str
    device: str
    device_kind: str
    kinds: frozenset[JobKind] = KNOWN_KINDS
    holdings: Holdings = field(default_factory=Holdings)
    after: str | None = None

    @property
    def queues(self) -> tuple[str, str]:
        """The queues that it serves."""
        return Queue.ANY, self.device_kind

    @property
    def places(self) -> list[Place]:
        """Where the jobs wait that it may take."""
        return [Place(kind, queue) for kind in sorted(self.kinds) for queue in self.queues]


@dataclass(frozen=True)
class Claim:
    """A claimed job, which belongs to the worker for as long as the worker renews its lease."""

    job_id: str
    attempt: int
    worker: str
    spec: SpecDocument
    spec_hash: str
    running_seconds: float
    """Running time of the earlier attempts, which `timeout_seconds` of the spec includes."""
    checkpoint: dict[str, Any] | None
    """The job's checkpoint, as `record_checkpoint` wrote it."""
    exact: bool
    kind: JobKind
    pause_after: int | None = None
    """The epoch after which the job is to be paused; None: it runs to its end."""
    waited_seconds: float = 0.0
    """Time from the submission to this claim, by the database's clock."""
    owner: str | None = None
    origin: Origin = NOWHERE
    """The request that submitted the job."""
    sweep: str | None = None
    """The sweep that made the job."""
    cache: str = "off"
    """Whether the job uses what equal ones have trained: `prefer`, `exact` or `off`."""
    twin_hash: str | None = None

    @property
    def reuses(self) -> bool:
        """Whether the job uses what equal ones have trained."""
        return self.cache != "off" and self.twin_hash is not None


def claim_next(db: Database, claimant: Claimant, lease_seconds: float) -> Claim | None:
    """Make the job running that this worker should work on next; None where no queued job is for it.

    Args:
        db: the database.
        claimant: the worker.
        lease_seconds: how long the claim holds without a heartbeat.

    Raises:
        DatabaseUnavailable: the database is unavailable.
    """
    return db.write(lambda connection: _claim_next(connection, claimant, lease_seconds))


def prospect(db: Database, claimant: Claimant) -> Prospect:
    """Return what `claim_next` would find now; writes and locks nothing.

    Raises:
        DatabaseUnavailable: the database is unavailable.
    """
    with db.read() as connection:
        found = waiting.groups_in(connection, claimant.places)
        lacking = any(waiting.lacks_needs(one.group) for one in found)
        if lacking or _fitting(connection, claimant, found) or connection.scalar(select(waiting.any_due(connection))):
            return Prospect.SOME
        return Prospect.OTHERS if found else Prospect.NONE


def take(connection: Connection, job_id: str, claimant: Claimant, lease_seconds: float) -> Claim | None:
    """Make one queued job running, as its next attempt.

    Returns:
        None when the worker may not have it: it is not queued any more, its next attempt is not due, it is for another
        kind of device, or its kind is unknown to the claimant.
    """
    return _take(connection, bindparam("job_id"), {"job_id": job_id}, claimant, lease_seconds)


_turns: dict[str, Any] = {}  # building a statement takes longer than executing it
_taking: dict[tuple[object, ...], Any] = {}


def _statement(connection: Connection, which: ColumnElement[str], lease_seconds: float) -> Any:
    """Return the statement by which a worker takes a job; it is built once."""
    key = connection.dialect.name, lease_seconds, which.key if isinstance(which, BindParameter) else which
    if key not in _taking:
        if len(_taking) >= _MOST_STATEMENTS:
            _taking.clear()
        _taking[key] = advancing(
            which,
            Job.status == JobStatus.QUEUED,
            Job.kind.in_(bindparam("kinds", expanding=True)),
            Job.queue.in_(bindparam("queues", expanding=True)),
            due(connection),
            twins.may_be_claimed(),
            reading=_CLAIMED,
            status=JobStatus.RUNNING,
            attempt=Job.attempt + 1,
            claimed_attempt=Job.attempt + 1,
            worker=bindparam("by_worker"),
            device=bindparam("on_device"),
            device_kind=bindparam("on_kind"),
            lease_expires_at=clock.database_now_plus(connection, lease_seconds),
            not_before=None,
            following=None,
            leads=None,
            # By this time the release before would judge which messages of other jobs are lost.
            published_at=None,
            started_at=func.coalesce(Job.started_at, clock.database_now(connection), type_=Job.started_at.type),
        )
    return _taking[key]


def _take(
    connection: Connection,
    which: ColumnElement[str],
    found_by: Mapping[str, object],
    claimant: Claimant,
    lease_seconds: float,
) -> Claim | None:
    """As `take`; the job is given by an SQL expression for its id, with the parameters of that."""
    mine = {"by_worker": claimant.worker, "on_device": claimant.device, "on_kind": claimant.device_kind}
    lists = {"kinds": sorted(claimant.kinds), "queues": claimant.queues}
    statement = _statement(connection, which, lease_seconds)
    job = connection.execute(statement, {**found_by, **mine, **lists}).one_or_none()
    if job is None:
        return None
    attempt = {"job_id": job.id, "attempt": job.attempt, "worker": claimant.worker, "device": claimant.device}
    begun = status_event(job, JobStatus.RUNNING, worker=claimant.worker, device=claimant.device)
    waited_seconds = (job.lease_expires_at - job.created_at).total_seconds() - lease_seconds
    waited = tallies.waited(job.kind, waited_seconds) if job.attempt == 1 else ()
    insert_together(
        connection,
        Rows(Attempt, [attempt], now="started_at"),
        Rows(JobEvent, [begun], now="created_at"),
        Rows(Tally, tallies.rows_of(waited)),
    )
    return Claim(
        job_id=job.id,
        attempt=job.attempt,
        worker=claimant.worker,
        spec=job.spec,
        spec_hash=job.spec_hash,
        running_seconds=job.running_seconds,
        checkpoint=job.checkpoint,
        exact=job.exact,
        kind=JobKind(job.kind),
        pause_after=job.pause_after,
        waited_seconds=waited_seconds,
        owner=job.owner,
        origin=Origin.of(job.trace),
        sweep=job.sweep,
        cache=job.cache,
        twin_hash=job.twin_hash,
    )


def _claim_next(connection: Connection, claimant: Claimant, lease_seconds: float) -> Claim | None:
    if _wait_for_turn(connection):
        waiting.make_due_ready(connection)
    found = waiting.groups_in(connection, claimant.places)
    if lacking := [one.group for one in found if waiting.lacks_needs(one.group)]:
        waiting.write_down_needs(connection, lacking)
        found = waiting.groups_in(connection, claimant.places)
    fitting = _fitting(connection, claimant, found)
    for priority in sorted({one.priority for one in fitting}, reverse=True):
        groups = [one.group for one in fitting if one.priority == priority]
        for candidate in waiting.candidates(connection, groups, priority, claimant.after):
            which, turn = waiting.oldest(owned=candidate.owner is not None), waiting.turn_values(candidate, priority)
            claim = _take(connection, which, turn, claimant, lease_seconds)
            while claim is None and twins.park(connection, which, turn):
                claim = _take(connection, which, turn, claimant, lease_seconds)
            if claim is not None:
                return claim
    return None


def _wait_for_turn(connection: Connection) -> bool:
    """Claim one at a time, so that each sees what the one before took; SQLite has one writer at a time anyway.

    Returns:
        Whether jobs have become due that are to be made ready.
    """
    dialect = connection.dialect.name
    if dialect not in _turns:
        lock = [] if dialect == "sqlite" else [func.pg_advisory_xact_lock(_TURN)]
        _turns[dialect] = select(*lock, waiting.any_due(connection))
    *_, any_due = connection.execute(_turns[dialect]).one()
    return bool(any_due)


def _fitting(connection: Connection, claimant: Claimant, found: Sequence[Waiting]) -> list[Waiting]:
    """Return the groups whose images the claimant holds."""
    fitting = []
    for one in found:
        needs = waiting.needs_of_group(connection, one.group)
        if needs is not None and claimant.holdings.meet(needs):
            fitting.append(one)
    return fitting

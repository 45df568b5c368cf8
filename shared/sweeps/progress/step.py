"""One step of a sweep: its row, locked until the transaction ends, and what the step changes of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from shared.database import clock
from shared.database.tables import Sweep
from shared.jobs.guarded_write import table_of
from shared.sweeps import events
from shared.sweeps.answers import finished_sweep
from shared.sweeps.points.trials import Trial
from shared.sweeps.reads import totals_of, view_in
from shared.sweeps.request import SweepRequest
from shared.sweeps.status import SweepStatus
from shared.webhooks.events import sweep_finished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from shared.sweeps.events import Told

NO_LOSS = math.inf
"""The loss of a point that failed, or has no value yet: it comes last."""


@dataclass
class Step:
    """A sweep whose row is locked, with what this step has done so far.

    Attributes:
        connection: the transaction.
        sweep_id: the sweep.
        owner: owner of its jobs.
        status: its status.
        request: what was asked for.
        limits: as the column of `Sweep`.
        points: how many points there are to be.
        rungs: the epochs after which a job stops, its last one included.
        seed: as the column of `Sweep`.
        next_trial: how many trials have been made.
        clock: as the column of `Sweep`.
        live: jobs that are queued or running.
        due: trials that were promoted and go on next, with their jobs.
        queued: ids of jobs that this step queued: the caller publishes them after the commit.
        wanted: trials to be made whose jobs were not at hand.
        free: how many jobs more the sweep and its owner may have.
        next_has_ended: whether the job whose result is next in its turn has ended.
        more: whether another step is to follow at once.
        changed: whether the step has decided anything.
        finished: whether nothing of the sweep remains to be done.
        told: the events to be written.
    """

    connection: Connection
    sweep_id: str
    owner: str | None
    status: SweepStatus
    request: SweepRequest
    limits: Mapping[str, Any]
    points: int
    rungs: list[int]
    seed: int
    next_trial: int
    event_seq: int
    clock: int
    live: int = 0
    due: list[Row[Any]] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    wanted: list[Trial] = field(default_factory=list)
    free: int = 0
    next_has_ended: bool = False
    more: bool = False
    finished: bool = False
    told: list[Told] = field(default_factory=list)
    changed: bool = False

    @property
    def last_rung(self) -> int:
        """Return the index of the last rung, at which a job ends."""
        return len(self.rungs) - 1

    def pause_after(self, rung: int) -> int | None:
        """Return the epoch after which a job that runs to a rung is to pause; None at the last one."""
        return self.rungs[rung] if rung < self.last_rung else None

    @property
    def by_turns(self) -> bool:
        """Return whether results are taken in one by one, in their turns; of a cancelled sweep all are at once."""
        return self.request.algorithm.rests_on_results and self.status != SweepStatus.CANCELLED

    def tell(self, kind: str, **data: object) -> None:
        """Note an event, which `close` writes."""
        self.told.append((kind, data))
        self.changed = True

    def become(self, status: SweepStatus) -> None:
        """Change the status, and note the event."""
        self.status = status
        self.tell("status", status=status)

    @property
    def next(self) -> Trial | None:
        """Return the trial that is to be made next; None where all have been."""
        total = self.points * self.request.repeats
        return Trial.at(self.next_trial, self.request.repeats) if self.next_trial < total else None

    @property
    def settled(self) -> bool:
        """Return whether no more points come and none runs: how they stand at their rungs changes no more by itself."""
        return self.next is None and not self.live and not self.due

    def close(self) -> None:
        """Write the events and what has changed of the sweep's row; webhooks are told of its end."""
        if not self.changed:
            return
        seq = events.add(self.connection, self.sweep_id, self.event_seq, self.told)
        values: dict[str, Any] = {
            "status": self.status,
            "next_trial": self.next_trial,
            "event_seq": seq,
            "clock": self.clock,
        }
        if self.finished:
            values["finished_at"] = clock.database_now(self.connection)
            values["totals"] = asdict(totals_of(self.connection, [self.sweep_id])[self.sweep_id])
        self.connection.execute(update(table_of(Sweep)).where(Sweep.id == self.sweep_id).values(values))
        if self.finished:
            sweep_finished(self.connection, lambda: finished_sweep(view_in(self.connection, self.sweep_id)))


def locked(connection: Connection, sweep_id: str) -> Step | None:
    """Lock a sweep until the transaction ends; None where there is none, or nothing of it remains to be done.

    On SQLite the transaction is the only one that writes anyway.
    """
    statement = select(table_of(Sweep)).where(Sweep.id == sweep_id, Sweep.finished_at.is_(None)).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    request = SweepRequest.model_validate(row.request)
    return Step(
        connection=connection,
        sweep_id=row.id,
        owner=row.owner,
        status=SweepStatus(row.status),
        request=request,
        limits=row.limits,
        points=row.points,
        rungs=request.rungs(row.epochs),
        seed=row.seed,
        next_trial=row.next_trial,
        event_seq=row.event_seq,
        clock=row.clock,
    )

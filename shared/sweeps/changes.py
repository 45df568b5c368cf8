"""The users' changes of a sweep: pause, resume, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import select, update

from shared.database.tables import Sweep
from shared.errors import IllegalTransition, NotYours, SweepNotFound
from shared.jobs.actor import Actor, not_yours
from shared.jobs.guarded_write import table_of
from shared.sweeps import events
from shared.sweeps.status import SweepStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from shared.database.engine import Database

_TABLE = table_of(Sweep)


def pause(db: Database, sweep_id: str, *, actor: Actor) -> None:
    """Pause a sweep: no new trials and no promotions; its running jobs go on, and their results are taken in.

    Raises:
        SweepNotFound: no such sweep.
        NotYours: it belongs to another owner.
        IllegalTransition: it has finished, or was cancelled.
    """
    _become(db, sweep_id, SweepStatus.PAUSED, "paused", actor)


def resume(db: Database, sweep_id: str, *, actor: Actor) -> None:
    """Let a paused sweep go on. The caller must advance it afterwards. Raises as `pause` does."""
    _become(db, sweep_id, SweepStatus.RUNNING, "resumed", actor)


def cancel(db: Database, sweep_id: str, *, actor: Actor) -> None:
    """Cancel a sweep; one that was cancelled before stays so. The caller must advance it: that cancels its jobs.

    Raises:
        SweepNotFound: no such sweep.
        NotYours: it belongs to another owner.
        IllegalTransition: it has finished.
    """
    _become(db, sweep_id, SweepStatus.CANCELLED, "cancelled", actor)


def delete(db: Database, sweep_id: str, *, actor: Actor) -> None:
    """Delete a sweep that has ended, with its points and events. Its jobs stay as what they are, ordinary jobs.

    Raises:
        SweepNotFound: no such sweep.
        NotYours: it belongs to another owner.
        IllegalTransition: it has not ended, or jobs of it are still being cancelled.
    """

    def work(connection: Connection) -> None:
        row = _locked(connection, sweep_id, actor)
        if row.finished_at is None:
            still = "jobs of it are still being cancelled" if row.status == SweepStatus.CANCELLED else "cancel it first"
            raise IllegalTransition(f"Sweep {sweep_id} has not ended: {still}. Only one that has can be deleted.")
        connection.execute(delete_rows(_TABLE).where(Sweep.id == sweep_id))

    db.write(work)


def _become(db: Database, sweep_id: str, status: SweepStatus, what: str, actor: Actor) -> None:
    def work(connection: Connection) -> None:
        row = _locked(connection, sweep_id, actor)
        if row.status == status:
            return
        if row.status in (SweepStatus.FINISHED, SweepStatus.CANCELLED):
            state = "was cancelled" if row.status == SweepStatus.CANCELLED else "has finished"
            raise IllegalTransition(f"Sweep {sweep_id} {state}, and cannot be {what} any more.")
        seq = events.add(connection, sweep_id, row.event_seq, [("status", {"status": status})])
        connection.execute(update(_TABLE).where(Sweep.id == sweep_id).values(status=status, event_seq=seq))

    db.write(work)


def _locked(connection: Connection, sweep_id: str, actor: Actor) -> Row[Any]:
    """Lock a sweep for a change by an actor until the transaction ends."""
    columns = (_TABLE.c.owner, _TABLE.c.status, _TABLE.c.event_seq, _TABLE.c.finished_at)
    row = connection.execute(select(*columns).where(Sweep.id == sweep_id).with_for_update()).one_or_none()
    if row is None:
        raise SweepNotFound(sweep_id)
    if not_yours(sweep_id, row.owner, actor):
        raise NotYours(sweep_id, row.owner, "Sweep")
    return row

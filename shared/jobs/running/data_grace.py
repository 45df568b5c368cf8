"""The end of queued jobs whose images no worker has had for `FLIGHTLINE_DATA_GRACE_SECONDS`.

Only a live worker of the right kind of device says anything about it: while there is none, the jobs wait. The time is
measured by the judge's own monotonic clock; a judge that has just taken over begins anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database import clock
from shared.database.tables import Job
from shared.documents.phrases import some_of
from shared.fleet import workers
from shared.jobs.guarded_write import add_status_event, advance
from shared.jobs.running import waiting
from shared.jobs.status import KNOWN_KINDS, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.fleet.workers import LiveWorker
    from shared.jobs.data_needs import DataNeed, Needs
    from shared.jobs.running.waiting import Group

CODE = "dataset_unavailable"
_MOST_AT_ONCE = 100
_MOST_NAMED = 5


class DataGrace:
    """One process's view of the groups of queued jobs that no live worker could begin.

    Args:
        db: the database.
        grace_seconds: how long that may last before the jobs fail.
        silent_seconds: how long a live worker may not have reported.
        now: a clock in seconds that does not advance while the machine sleeps.
    """

    def __init__(
        self,
        db: Database,
        grace_seconds: float,
        silent_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._grace_seconds = grace_seconds
        self._silent_seconds = silent_seconds
        self._now = now
        self._since: dict[Group, float] = {}

    def judge(self, healthy_since: float) -> int:
        """Fail jobs whose time is over; return how many, of which there may be more at the next look.

        Args:
            healthy_since: since when the database has answered this process all the time, by the clock `now`.

        Raises:
            DatabaseUnavailable: the database is unavailable.
        """
        with self._db.read() as connection:
            live = workers.live(connection, self._silent_seconds)
            found = _without_data(connection, live)
        now = self._now()
        self._since = {group: self._since.get(group, now) for group in found}
        over = [group for group, since in self._since.items() if now - max(since, healthy_since) >= self._grace_seconds]
        return sum(self._fail(group, _detail(found[group], live, group, self._grace_seconds)) for group in over)

    def forget(self) -> None:
        """Forget what was seen: somebody else judges, and this process does not look any more."""
        self._since.clear()

    def _fail(self, group: Group, detail: str) -> int:
        def work(connection: Connection) -> int:
            waited = clock.long_ago(connection, Job.queued_at, self._grace_seconds)
            some = select(Job.id).where(*waiting.in_group(group), waited).order_by(Job.id).limit(_MOST_AT_ONCE)
            ids = connection.scalars(some.with_for_update(skip_locked=True)).all()
            return sum(_fail(connection, job_id, detail) for job_id in ids)

        return self._db.write(work)


def _without_data(connection: Connection, live: Sequence[LiveWorker]) -> dict[Group, Needs]:
    """Return the groups, with their needs, that live workers serve, none of which could begin them."""
    if not live:
        return {}
    found: dict[Group, Needs] = {}
    for group, _ in waiting.groups_in(connection, waiting.places(connection)):
        fitting = [worker for worker in live if worker.serves(group.queue)]
        needs = waiting.needs_of_group(connection, group) if fitting and group.kind in KNOWN_KINDS else None
        # One that has not looked everywhere yet may still find them.
        if needs is not None and all(worker.looked_in and not worker.holdings.meet(needs) for worker in fitting):
            found[group] = needs
    return found


def _fail(connection: Connection, job_id: str, detail: str) -> bool:
    job = advance(
        connection,
        job_id,
        Job.status == JobStatus.QUEUED,
        status=JobStatus.FAILED,
        error_code=CODE,
        error_detail=detail,
        finished_at=clock.database_now(connection),
        checkpoint=None,
        state_hash=None,
    )
    if job is None:
        return False
    add_status_event(connection, job, JobStatus.FAILED, error={"code": CODE, "detail": detail})
    return True


def _detail(needs: Needs, live: Sequence[LiveWorker], group: Group, seconds: float) -> str:
    fitting = [worker for worker in live if worker.serves(group.queue)]
    what = " and ".join(f"the data set {need.name} with the classes {some_of(need.classes)}" for need in needs)
    places = list(dict.fromkeys(_looked(worker, needs) for worker in fitting))
    more = f"; and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return (
        f"No live worker that could take this job has held {what} for {seconds:g} s. Looked in: "
        f"{'; '.join(places[:_MOST_NAMED])}{more}. Put a copy there, point FLIGHTLINE_DATA_DIR at one, or set "
        "FLIGHTLINE_ALLOW_DOWNLOAD=true; then retry the job."
    )


def _looked(worker: LiveWorker, needs: Needs) -> str:
    return f"{worker.looked_in} on {worker.host} ({'; '.join(_holding(worker, need) for need in needs)})"


def _holding(worker: LiveWorker, need: DataNeed) -> str:
    held = worker.holdings.classes_of(need.name)
    return f"{need.name}: {some_of(held) if held else 'nothing there'}"

"""Tickets: messages that tell a worker to look for work. A ticket names a job, for people who look; nobody acts on it.

There is one rule: *a queue holds as many tickets as jobs that may be claimed, up to a few*. What is missing is added,
by whichever process has the turn. So it does no harm that a ticket is lost, that its job was claimed on another one, or
that it came to a worker that does not hold the job's images.

Where a worker is idle, its queues get tickets only for jobs that an idle worker could take: others would have it look
in vain again and again. They are then as many as idle workers, so that one reaches the worker that could take the job.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from shared.database.tables import Job
from shared.errors import QueueUnavailable
from shared.fleet import workers
from shared.jobs.running import waiting
from shared.jobs.running.waiting import Place
from shared.jobs.status import KNOWN_KINDS, message_queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.delivery.broker import Broker
    from shared.fleet.workers import LiveWorker
    from shared.jobs.data_needs import Needs
    from shared.jobs.running.waiting import Group

    _Message = tuple[str, str, int]

MOST = 64
"""Most tickets that the rule wants in a queue: more than workers end jobs between two looks."""


class Demand(NamedTuple):
    """A group of jobs that may be claimed, and what a worker needs for them: None where this release cannot know."""

    group: Group
    needs: Needs | None
    jobs: int
    """How many they are, at most `MOST`."""

    def suits(self, worker: LiveWorker) -> bool:
        """Whether the worker could take these jobs."""
        return self.needs is not None and worker.serves(self.group.queue) and worker.holdings.meet(self.needs)


def add_missing(db: Database, broker: Broker, *, silent_seconds: float) -> int:
    """Add the tickets that the rule asks for; return how many.

    Args:
        db: the database.
        broker: the queues.
        silent_seconds: how long a live worker may not have reported.

    Raises:
        DatabaseUnavailable, QueueUnavailable: the database or Redis is unavailable.
    """
    places: dict[Place, list[Demand]] = {}
    for demand in _demands(db):
        places.setdefault(Place(demand.group.kind, demand.group.queue), []).append(demand)
    there = _tickets(broker, places)
    short = {place: found for place, found in places.items() if there[place] < _jobs(found)}
    if not short:
        return 0
    with db.read() as connection:
        live = workers.live(connection, silent_seconds)
        messages = [
            message
            for place, found in short.items()
            for message in _messages(connection, *_wanted(place, found, live), less=there[place])
        ]
    if messages:
        broker.enqueue_many(messages)
    return len(messages)


def _demands(db: Database) -> list[Demand]:
    with db.read() as connection:
        stale, found = connection.scalar(select(waiting.any_due(connection))), _found(connection)
    if stale or any(waiting.lacks_needs(one.group) for one in found):
        db.write(waiting.refresh)
        with db.read() as connection:
            found = _found(connection)
    return found


def _found(connection: Connection) -> list[Demand]:
    return [
        Demand(group, waiting.needs_of_group(connection, group), waiting.count_of(connection, group, MOST))
        for group, _ in waiting.groups_in(connection, waiting.places(connection))
    ]


def _jobs(demands: Iterable[Demand]) -> int:
    return min(MOST, sum(demand.jobs for demand in demands))


def _tickets(broker: Broker, places: Iterable[Place]) -> dict[Place, int]:
    """Return how many tickets lie in the queues of these places."""
    there: dict[Place, int] = {}
    for kind in {place.kind for place in places}:
        depths = broker.depths(kind)
        if depths is None:
            raise QueueUnavailable("Redis does not answer.")
        there |= {Place(kind, queue): depth for queue, depth in depths.items()}
    return there


def _wanted(place: Place, demands: Sequence[Demand], live: Sequence[LiveWorker]) -> tuple[Sequence[Demand], int]:
    """Return the demands in one place for which tickets are wanted, and how many tickets."""
    idle = [worker for worker in live if worker.idle and worker.serves(place.queue)]
    if not idle or place.kind not in KNOWN_KINDS:
        return demands, _jobs(demands)
    suitable = [demand for demand in demands if any(demand.suits(worker) for worker in idle)]
    return suitable, max(len(idle), _jobs(suitable)) if suitable else 0


def _messages(connection: Connection, demands: Sequence[Demand], wanted: int, *, less: int) -> list[_Message]:
    """Return messages that name the most urgent and oldest jobs, for releases that act on the name."""
    missing = max(0, wanted - less)
    columns = (Job.id, Job.kind, Job.queue, Job.priority)
    first = Job.priority.desc(), Job.id
    rows = [
        row
        for demand in demands
        for row in connection.execute(
            select(*columns).where(*waiting.in_group(demand.group)).order_by(*first).limit(missing)
        )
    ]
    rows.sort(key=lambda row: (-row.priority, row.id))
    return [(row.id, message_queue(row.kind, row.queue), row.priority) for row in islice(cycle(rows), missing)]

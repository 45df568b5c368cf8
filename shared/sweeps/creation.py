"""Creation of sweeps: the row with which one begins, and a preview of what it would be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING, cast

import uuid6
from sqlalchemy import select

from shared.database import clock
from shared.database.tables import Sweep
from shared.jobs import idempotency
from shared.jobs.guarded_write import insert_rows
from shared.sweeps import events
from shared.sweeps.points import repetition
from shared.sweeps.points.sampling import random_point
from shared.sweeps.points.trials import points_from
from shared.sweeps.status import SweepStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobs.idempotency import SubmissionKey
    from shared.sweeps.check import CheckedSweep
    from shared.sweeps.points.space import Point

FIRST_POINTS = 10
"""Points that a preview shows."""


@dataclass(frozen=True)
class Preview:
    """What a sweep would be.

    Attributes:
        points: how many points there would be.
        jobs: how many jobs, with repeats.
        first_points: the first ones, as they would be made; of suggested ones those that are random.
        parameters: fewest and most trainable values of a network, of the jobs that were checked.
        epochs: epochs of all jobs, if each ran to its end.
        rungs: the epochs after which a job stops, its last one included; the most where they differ.
        warnings: what may not be meant.
    """

    points: int
    jobs: int
    first_points: Sequence[Point]
    parameters: tuple[int, int]
    epochs: int
    rungs: Sequence[int]
    warnings: Sequence[str]


def preview(sweep: CheckedSweep) -> Preview:
    """Return what a checked sweep would be, without making it."""
    request, parameters = sweep.request, [job.cost.parameters for _, job in sweep.checked]
    jobs = sweep.points * request.repeats
    epochs = round(jobs * _mean_epochs(sweep))
    first = min(FIRST_POINTS, sweep.points)
    if request.algorithm.kind == "tpe":
        points = [random_point(request.space, request.algorithm.seed, number) for number in range(first)]
    else:
        points = [*islice(points_from(request, 0), first)]
    whole = (min(parameters), max(parameters))
    return Preview(
        sweep.points,
        jobs,
        points,
        whole,
        epochs,
        request.rungs(sweep.epochs),
        repetition.warnings(request, sweep.points),
    )


def _mean_epochs(sweep: CheckedSweep) -> float:
    """Return the epochs of a job on average: exactly of a grid over `training.epochs`, else of those checked."""
    varied = sweep.request.space.get("training.epochs")
    if varied and sweep.request.algorithm.kind == "grid":
        return fmean(cast("Sequence[int]", varied.values()))
    return fmean(job.spec.training.epochs for _, job in sweep.checked)


def create(db: Database, sweep: CheckedSweep, *, actor: Actor) -> str:
    """Insert a checked sweep, without trials. The caller must advance it afterwards (`shared.delivery.sweeps`).

    Returns:
        The new sweep's id, a UUIDv7.
    """
    return db.write(lambda connection: _insert(connection, sweep, actor))


def create_once(db: Database, sweep: CheckedSweep, key: SubmissionKey, *, actor: Actor) -> tuple[str, bool]:
    """As `create`; but where the key was sent before, write nothing and return the sweep of the first request.

    Returns:
        The sweep's id, and whether it is new. A deleted sweep's key is free.

    Raises:
        IdempotencyKeyReused: the key was sent with a different request.
        IdempotencyKeyInUse: the first request with the key is still in progress.
    """

    def work(connection: Connection) -> tuple[str, bool]:
        first = idempotency.first_batch(connection, key)
        if first is not None and connection.scalar(select(Sweep.id).where(Sweep.id == first[0])):
            return first[0], False
        if first is not None:
            idempotency.forget_batch(connection, key)
        sweep_id = _insert(connection, sweep, actor)
        idempotency.record_batch(connection, key, [sweep_id])
        return sweep_id, True

    return db.write(work)


def _insert(connection: Connection, sweep: CheckedSweep, actor: Actor) -> str:
    sweep_id = str(uuid6.uuid7())
    values = {
        "id": sweep_id,
        "owner": actor.owner,
        "name": sweep.request.name,
        "status": SweepStatus.RUNNING,
        "request": sweep.request.document,
        "limits": {"caps": asdict(sweep.caps), "most_queued": actor.most_queued},
        "points": sweep.points,
        "epochs": sweep.epochs,
        "seed": sweep.seed,
        "next_trial": 0,
        "event_seq": 1,
    }
    insert_rows(connection, Sweep, [values], created_at=clock.database_now(connection))
    events.add(connection, sweep_id, 0, [("status", {"status": SweepStatus.RUNNING})])
    return sweep_id

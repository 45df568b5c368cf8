"""Sweeps for tests, and workers that a test plays: they claim, record epochs, and pause or end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job, SweepPoint, SweepRung, SweepTrial
from shared.jobs.actor import EVERYBODY, Actor
from shared.jobs.running import attempts, claims
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.jobspec import BUILT_IN, Caps
from shared.sweeps import creation, events, progress
from shared.sweeps.check import CheckedSweep, check_sweep
from shared.sweeps.status import PointStatus
from shared.sweeps.unfinished import unfinished
from tests.support import factories

BASE = {"architecture": {"kind": "mlp", "hidden": []}, "dataset": "synthetic", "training": {"epochs": 4}}
LR = "training.optimizer.lr"
SPACE = {LR: {"kind": "float", "low": 0.001, "high": 0.1, "log": True}}
ASHA = {"min_epochs": 1, "eta": 2}

Decided = tuple[str, Any, Any, Any]
"""A decision of a sweep: the kind of its event, the point, the repeat and the rung."""
Figure = Callable[[dict[str, Any], int], float]
"""The validation accuracy of a job's spec after an epoch."""


def checked(**asked: Any) -> CheckedSweep:
    """A checked sweep: six random learning rates, two jobs at a time, of four epochs each."""
    whole = {"base": BASE, "space": SPACE, "max_trials": 6, "max_parallel": 2}
    return check_sweep(whole | asked, Caps(), BUILT_IN)


def make(db: Database, *, actor: Actor = EVERYBODY, **asked: Any) -> str:
    """A new sweep with its first trials; returns its id."""
    sweep_id = creation.create(db, checked(**asked), actor=actor)
    progress.advance(db, sweep_id)
    return sweep_id


def by_lr(spec: dict[str, Any], epoch: int) -> float:
    """An accuracy that is the better the closer the learning rate is to 0.01, and the later the epoch."""
    return 0.9 - abs(math.log10(spec["training"]["optimizer"]["lr"]) + 2) / 4 - 0.1 / epoch


def claim(db: Database, worker: str = "host:cpu:1") -> Claim | None:
    """The claim of the job that a worker gets next; None where there is none."""
    return claims.claim_next(db, factories.claimant(worker), factories.LEASE_SECONDS)


def next_claim(db: Database, worker: str = "host:cpu:1") -> Claim:
    """The claim of the job that a worker gets next, which is known to be there."""
    claimed = claim(db, worker)
    assert claimed is not None, "nothing is queued"
    return claimed


def train(db: Database, claim: Claim, figure: Figure = by_lr, *, pausing: bool = True, at_once: bool = False) -> str:
    """Train a claimed job up to where it is to pause, or to its end; returns the outcome.

    A worker that does not know of pauses goes on to the end. One that asks `at_once` goes on from a rung where it may.
    """
    whole: int = claim.spec["training"]["epochs"]
    last: int | None = claim.pause_after if pausing and claim.pause_after else whole
    while last is not None and last < whole:
        rung = last
        rows, best = _epochs(db, claim, figure, rung)
        assert attempts.record_epochs(db, claim, rows, best)
        last = progress.next_rung(db, claim, rung) if at_once else None
    if last is None:
        assert attempts.end(db, claim, Ending(Outcome.PAUSED)) is not None
        return Outcome.PAUSED
    rows, best = _epochs(db, claim, figure, whole)
    results: dict[str, Any] = {"exact": True, "evaluations": [], "artifacts": []}
    assert attempts.succeed(db, claim, epochs=rows, best=best, finished_epochs=whole, **results)
    return Outcome.SUCCEEDED


def _epochs(db: Database, claim: Claim, figure: Figure, last: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The epochs of a job that are not recorded yet, up to this one, and its best figures."""
    spec: dict[str, Any] = dict(claim.spec)
    with db.read() as connection:
        done = connection.scalar(select(Job.epoch).where(Job.id == claim.job_id)) or 0
    rows = [factories.epoch_row(n, val_accuracy=figure(spec, n)) for n in range(done + 1, last + 1)]
    return rows, factories.best(last, max((row["val_accuracy"] for row in rows), default=0.0))


def work(db: Database, figure: Figure = by_lr, *, most: int = 10_000) -> int:
    """Be the only worker until nothing is queued any more, or for so many claims; returns how many there were."""
    for count in range(most):
        claimed = claim(db)
        if claimed is None:
            return count
        train(db, claimed, figure)
        for sweep_id in unfinished(db):
            progress.advance(db, sweep_id)
    return most


def decided(db: Database, sweep_id: str) -> list[Decided]:
    """What was decided, in order: a trial made, a point that goes on, or has come to a rung."""
    told = events.events(db, sweep_id)[0]
    kinds = [(one.kind, one.data.get("point"), one.data.get("repeat"), one.data.get("rung")) for one in told]
    return [kind for kind in kinds if kind[0] in ("trial", "promoted", "ended")]


def faults(db: Database, sweep_id: str) -> list[str]:
    """What was decided twice, jobs and trials that do not belong one to one to each other, bests that were stopped."""
    made = Counter(decided(db, sweep_id))
    found = [f"decided {times} times: {what}" for what, times in made.items() if times > 1]
    with db.read() as connection:
        jobs = set(connection.scalars(select(Job.id).where(Job.sweep == sweep_id)))
        trials = connection.scalars(select(SweepTrial.job_id).where(SweepTrial.sweep_id == sweep_id)).all()
    found += [] if len(trials) == len(set(trials)) else ["two trials have one job"]
    found += [] if jobs == set(trials) else [f"jobs without a trial, or trials without a job: {jobs ^ set(trials)}"]
    found += _untrained(db, sweep_id)
    numbers = [event.seq for event in events.events(db, sweep_id)[0]]
    return found + ([] if numbers == list(range(1, len(numbers) + 1)) else ["events are not numbered one by one"])


def _untrained(db: Database, sweep_id: str) -> list[str]:
    """The points that their sweep has stopped although they were the best at a rung, of those that did not fail."""
    rows = select(SweepRung.rung, SweepRung.point, SweepPoint.status).join(
        SweepPoint, (SweepPoint.sweep_id == SweepRung.sweep_id) & (SweepPoint.point == SweepRung.point)
    )
    best: dict[int, tuple[int, str]] = {}
    with db.read() as connection:
        ordered = rows.where(SweepRung.sweep_id == sweep_id).order_by(SweepRung.loss, SweepRung.point)
        for rung, point, status in connection.execute(ordered):
            if status != PointStatus.FAILED:
                best.setdefault(rung, (point, status))
    stopped = [(rung, point) for rung, (point, status) in best.items() if status == PointStatus.STOPPED]
    return [f"point {point} was stopped, the best at rung {rung}" for rung, point in stopped]

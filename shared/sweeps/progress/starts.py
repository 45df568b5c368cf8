"""Starts: jobs of promoted points go on, and new trials become jobs, while the sweep may have more of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from shared.database import clock
from shared.database.tables import SweepPoint, SweepTrial
from shared.jobs.actor import Actor
from shared.jobs.guarded_write import insert_rows, table_of
from shared.jobs.new_jobs import NewJob, insert_jobs, training_job
from shared.jobs.quota import room
from shared.jobs.running import pauses
from shared.sweeps.progress import results
from shared.sweeps.progress.promotions import next_promotion, promote
from shared.sweeps.progress.results import End
from shared.sweeps.progress.step import NO_LOSS
from shared.sweeps.progress.turns import OF_ITS_JOB, turn
from shared.sweeps.status import PointStatus, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Row

    from shared.jobspec import Submission
    from shared.sweeps.points.space import Point
    from shared.sweeps.points.trials import Trial
    from shared.sweeps.progress.step import Step

_TRIALS = table_of(SweepTrial)


@dataclass(frozen=True)
class Prepared:
    """A trial that can be made: its point, and its job or why there can be none."""

    point: Point
    job: Submission | None
    error: str | None = None


Ready = "Mapping[Trial, Prepared]"
"""Trials that can be made, by their places."""


def start(step: Step, ready: Mapping[Trial, Prepared]) -> bool:
    """Let jobs go on and make new ones, as many as the sweep and its owner may have; return whether none is left to.

    What was promoted goes first, so that a point that is nearer to its end comes to it first.
    """
    free = step.request.max_parallel - step.live
    owner = Actor(step.owner, None, most_queued=step.limits["most_queued"])
    slots = room(step.connection, owner, free) if free > 0 else 0
    new: list[tuple[Trial, Prepared]] = []
    blocked = slots <= 0
    while slots > 0:
        started = _start_next(step, ready, new)
        if started is None:
            break
        slots -= started
        blocked = slots <= 0
    _make(step, new)
    step.free = max(slots, 0)
    step.more = bool(new) and not step.live and not step.wanted  # none of them can be trained
    return not blocked and not step.wanted and not new and step.next is None and not step.live


def _start_next(step: Step, ready: Mapping[Trial, Prepared], new: list[tuple[Trial, Prepared]]) -> int | None:
    """Start what is to start next; return how many jobs that are, 0 or 1, None where nothing can be started."""
    if step.due:
        return _go_on(step, step.due.pop(0))
    promotion = next_promotion(step)
    if promotion is not None:
        promote(step, promotion)
        return 0
    trial = step.next
    if trial is None:
        return None
    if trial not in ready:
        step.wanted.append(trial)
        return None
    new.append((trial, ready[trial]))
    step.next_trial += 1
    jobs = int(ready[trial].job is not None)
    step.live += jobs
    return jobs


def _go_on(step: Step, trial: Row[Any]) -> int:
    """Queue the paused job of a promoted point; return 0 where somebody else has ended it."""
    if pauses.go_on(step.connection, trial.job_id, step.pause_after(trial.rung)):
        this = (_TRIALS.c.sweep_id == step.sweep_id, _TRIALS.c.point == trial.point, _TRIALS.c.repeat == trial.repeat)
        live = {"state": TrialState.LIVE, "turn": turn(step, trial.rung, OF_ITS_JOB)}
        step.connection.execute(update(_TRIALS).where(*this).values(live))
        step.queued.append(trial.job_id)
        step.live += 1
        return 1
    error = f"Its job {trial.job_id} was cancelled or deleted while it was paused."
    results.write_ends(step, [(trial, End(TrialState.ENDED, trial.rung, error), None)])
    results.settle(step, {trial.point: error}, {trial.point: step.rungs[trial.rung - 1]})
    return 0


def _make(step: Step, new: list[tuple[Trial, Prepared]]) -> None:
    """Insert new points and trials, with their jobs."""
    if not new:
        return
    pause_after = step.pause_after(0)
    jobs = [(trial, _job(step, one.job, pause_after)) for trial, one in new if one.job is not None]
    ids = insert_jobs(step.connection, [job for _, job in jobs])
    job_of = {trial: job_id for (trial, _), job_id in zip(jobs, ids, strict=True)}
    first = [(trial.point, one) for trial, one in new if trial.repeat == 0]
    points = [{"point": number, "params": one.point} for number, one in first]
    common = {"sweep_id": step.sweep_id, "status": PointStatus.RUNNING, "loss": NO_LOSS}
    insert_rows(step.connection, SweepPoint, points, **common, created_at=clock.database_now(step.connection))
    trials = [_row(step, trial, one.job, job_of.get(trial)) for trial, one in new]
    insert_rows(step.connection, SweepTrial, trials, sweep_id=step.sweep_id, rung=0)
    for trial, _ in new:
        step.tell("trial", **trial._asdict(), job=job_of.get(trial))
    step.queued += ids
    refused = {trial.point: one.error for trial, one in new if one.job is None}
    if refused:
        results.settle(step, refused, {})


def _row(step: Step, trial: Trial, submission: Submission | None, job_id: str | None) -> dict[str, Any]:
    state = TrialState.ENDED if submission is None else TrialState.LIVE
    at = step.clock if submission is None else turn(step, 0, submission.cost.flops_per_epoch)
    return {**trial._asdict(), "job_id": job_id, "state": state, "turn": at}


def _job(step: Step, submission: Submission, pause_after: int | None) -> NewJob:
    return training_job(submission, owner=step.owner, sweep=step.sweep_id, pause_after=pause_after)

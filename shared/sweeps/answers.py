"""Sweeps as the API and webhooks tell of them, made of what `shared.sweeps.reads` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import wire
from shared.database.clock import isoformat

if TYPE_CHECKING:
    from shared.sweeps.reads import SweepView


def finished_sweep(view: SweepView) -> wire.FinishedSweep:
    """Return what is told of a sweep that has ended."""
    return wire.FinishedSweep(
        id=view.id,
        name=view.name,
        owner=view.owner,
        status=view.status,
        points=view.points,
        points_made=view.points_made,
        counts=trial_counts(view),
        best=best_point(view),
        epochs_trained=view.epochs_trained,
        epochs_saved=view.epochs_saved,
        created_at=isoformat(view.created_at),
        finished_at=isoformat(view.finished_at),
    )


def trial_counts(view: SweepView) -> wire.TrialCounts:
    """Return how many jobs of a sweep have each status."""
    return wire.TrialCounts(**view.jobs)


def best_point(view: SweepView) -> wire.BestPoint | None:
    """Return a sweep's best point; None while there is none."""
    best = view.best
    if best is None:
        return None
    return wire.BestPoint(
        point=best.point,
        params=dict(best.params),
        value=best.value,
        jobs=list(best.job_ids),
        deleted=list(best.deleted),
    )

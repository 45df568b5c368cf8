"""Sweeps and their points as answers, made of what `shared.sweeps` reads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from shared import wire
from shared.database.clock import isoformat
from shared.database.engine import Database
from shared.sweeps.answers import best_point, trial_counts
from shared.sweeps.creation import Preview
from shared.sweeps.points import suggestions
from shared.sweeps.reads import PointView, SweepView

KEPT = 100
"""Sweeps whose importance a process keeps."""


class Importances:
    """The importance of sweeps' paths, worked out one at a time, and again once more of a sweep's points were tried."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Mapping[str, float] | None] = OrderedDict()
        self._working = threading.Lock()

    def of(self, db: Database, sweep: SweepView) -> Mapping[str, float] | None:
        """Return each path's share; None where too few points say anything. Raises SuggestionFailed, SweepNotFound."""
        state = (sweep.id, sweep.points_tried)
        with self._working:  # whoever asks meanwhile gets the same answer
            if state not in self._kept:
                self._kept[state] = suggestions.importance(db, sweep.id)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[state]


def sweep_answer(view: SweepView, importance: Mapping[str, float] | None = None) -> wire.Sweep:
    """Return a sweep as the API shows it, with the importance of its paths where that was asked for."""
    asked = ("base", "space", "algorithm", "objective", "asha", "max_trials", "max_parallel", "repeats")
    return wire.Sweep(
        id=view.id,
        name=view.name,
        owner=view.owner,
        status=view.status,
        **{name: view.request[name] for name in asked},
        points=view.points,
        points_made=view.points_made,
        points_tried=view.points_tried,
        points_done=view.points_done,
        points_failed=view.points_failed,
        rungs=list(view.rungs),
        counts=trial_counts(view),
        best=best_point(view),
        error=view.error,
        warnings=list(view.warnings),
        epochs_trained=view.epochs_trained,
        epochs_saved=view.epochs_saved,
        importance=None if importance is None else dict(importance),
        created_at=isoformat(view.created_at),
        finished_at=isoformat(view.finished_at),
    )


def trial_answer(view: PointView) -> wire.Trial:
    """Return a point of a sweep as the API shows it."""
    return wire.Trial(
        point=view.point,
        params=dict(view.params),
        status=view.status,
        value=view.value,
        std=view.std,
        epoch=view.epoch,
        rung=view.rung,
        error=view.error,
        reached=[
            wire.Reached(rung=one.rung, epoch=one.epoch, value=one.value, at=isoformat(one.at)) for one in view.reached
        ],
        jobs=list(view.job_ids),
        deleted=list(view.deleted),
        created_at=isoformat(view.created_at),
        finished_at=isoformat(view.finished_at),
    )


def preview_answer(preview: Preview) -> wire.SweepPreview:
    """Return what a sweep would be as the API shows it."""
    least, most = preview.parameters
    return wire.SweepPreview(
        points=preview.points,
        jobs=preview.jobs,
        first_points=[dict(point) for point in preview.first_points],
        rungs=list(preview.rungs),
        epochs=preview.epochs,
        warnings=list(preview.warnings),
        least_parameters=least,
        most_parameters=most,
    )

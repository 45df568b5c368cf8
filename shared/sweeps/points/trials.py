"""Trials as jobs: the points of a sweep by number, and the job of each trial as a submission's document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shared.sweeps.points import space
from shared.sweeps.points.sampling import random_point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.sweeps.points.space import Point
    from shared.sweeps.request import SweepRequest


class Trial(NamedTuple):
    """A trial's place in its sweep: the number of its point, and of the repeat, both from 0."""

    point: int
    repeat: int

    @classmethod
    def at(cls, index: int, repeats: int) -> Trial:
        """Return the trial that is made as number `index` of a sweep, from 0."""
        return cls(*divmod(index, repeats))


def point_count(request: SweepRequest) -> int:
    """Return how many points the sweep is to have."""
    count = space.count(request.space)
    return min(request.max_trials, count) if request.algorithm.kind == "grid" and count else request.max_trials


def points_from(request: SweepRequest, number: int) -> Iterator[Point]:
    """Yield the points from a number on, of a grid or of random ones; the others depend on results."""
    if request.algorithm.kind == "grid":
        yield from space.grid(request.space, range(number, point_count(request)))
        return
    while True:
        yield random_point(request.space, request.algorithm.seed, number)
        number += 1


def document(request: SweepRequest, point: Point, trial: Trial, seed: int) -> dict[str, Any]:
    """Return the job of a trial as it would be submitted; by default it uses what equal jobs have trained.

    Args:
        request: the sweep.
        point: the values at the point.
        trial: which trial it is.
        seed: `training.seed` of the first repeat, unless the space has it.
    """
    values = dict(point)
    if request.repeats > 1:
        values["training.seed"] = seed + trial.repeat
    return {"cache": "prefer"} | space.job_at(request.base, values) | {"name": trial_name(request, trial)}


def trial_name(request: SweepRequest, trial: Trial) -> str:
    """Return the name of a trial's job, such as `widths/12` or, with repeats, `widths/12-1`."""
    name = request.name or request.base.get("name") or "sweep"
    return f"{name}/{trial.point}" + (f"-{trial.repeat}" if request.repeats > 1 else "")

"""The answers of the HTTP API about sweeps: a sweep, its points, what a new one would be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from shared.sweeps.status import PointStatus, SweepStatus
from shared.wire.answer import Answer, Choice, Instant, Json, answer


@answer
class TrialCounts(Answer):
    """How many jobs of a sweep have each status, those that it stopped apart from those that somebody cancelled.

    Of one that has ended: had it then, whether deleted since or not.
    """

    queued: int
    running: int
    paused: int
    succeeded: int
    failed: int
    cancelled: int
    """Jobs that somebody cancelled one by one."""
    stopped: int
    """Jobs that ended as `cancelled` with their points `stopped`: others were better, or the sweep was cancelled."""


@answer
class BestPoint(Answer):
    """The best point of a sweep so far."""

    point: int
    """Number of the point, from 0."""
    params: Json
    """Its values, by their dotted paths into the job."""
    value: float
    """Its objective; with several repeats their mean."""
    jobs: Sequence[str]
    """Ids of its jobs, one for each repeat, deleted or not."""
    deleted: Sequence[str]
    """Ids of those of its jobs that were deleted: `base` with the values of `params` is such a job, to train again."""


@answer
class Sweep(Answer):
    """A sweep: what is searched, how far it is, and the best point so far."""

    id: str
    """UUID of the sweep; later sweeps have larger ids."""
    name: str | None
    """Name of the sweep, which its jobs have before their numbers; need not be unique."""
    owner: str | None
    """Owner of the token that started it, and of its jobs; null if it was started while authentication was off."""
    status: Annotated[str, Choice(SweepStatus)]
    """State of the sweep; `finished` and `cancelled` are final. A paused one makes no jobs and lets none go on."""
    base: Json
    """The job that its points are set into, as it was sent."""
    space: Json
    """What varies: dotted paths into the job, and the values of each."""
    algorithm: Json
    """How points are chosen."""
    objective: Json
    """What is compared: the figure of a job, and whether more or less of it is better."""
    asha: Json | None
    """When points stop early; null: every point trains to its end."""
    max_trials: int
    """Most points, as it was asked for."""
    max_parallel: int
    """Most jobs that are queued or running at once."""
    repeats: int
    """Jobs of each point, which differ by their seed."""
    points: int
    """Number of points that there are to be: `max_trials`, or those of a grid that has fewer."""
    points_made: int
    """Number of points that have a job, or could not be made into one."""
    points_tried: int
    """Number of points that have a value, be it at their first rung, or have ended without one."""
    points_done: int
    """Number of points that have ended: they train no more."""
    points_failed: int
    """Number of those that failed: a job of each did, or there could be none; `error` says why the first did."""
    rungs: Sequence[int]
    """Epochs after which a job stops, ascending; the last one is its end, the latest where the space varies it."""
    counts: TrialCounts
    """Where its jobs stand."""
    best: BestPoint | None
    """The best of the points that have come furthest; null until one has a value."""
    error: str | None
    """Why the first of its points that failed did so, by their numbers; null where none has."""
    warnings: Sequence[str]
    """What may not be meant, as its dry run says: a space with fewer different points than there are to be."""
    epochs_trained: int
    """Epochs that its jobs have trained so far."""
    epochs_saved: int
    """Epochs that its jobs need not train: as others were better, or as an equal job had trained them before."""
    importance: dict[str, float] | None
    """Each path's share in what sets the best tenth of the points apart; null unless asked for, and where fewer
    than 20 points have a value, or all of them the same."""
    created_at: Instant
    """When it was started."""
    finished_at: Instant | None
    """When the last of its jobs had ended."""


@answer
class Reached(Answer):
    """A value of a point, and when it became known."""

    rung: int
    """Index of the rung at which it was taken, from 0."""
    epoch: int
    """Epochs after which it was taken."""
    value: float
    """The objective then; with several repeats their mean."""
    at: Instant
    """When it became known."""


@answer
class Trial(Answer):
    """A point of a sweep and what became of it."""

    point: int
    """Number of the point, from 0."""
    params: Json
    """Its values, by their dotted paths into the job."""
    status: Annotated[str, Choice(PointStatus)]
    """State of the point: `queued` while none of its jobs runs, though one is to; `undecided` while its jobs have ended
    or paused and the result waits for its turn, or for the sweep to go on; `paused` waits at a rung; `stopped` ended as
    others were better or with its sweep."""
    value: float | None
    """Its objective at its rung; with several repeats their mean. Null while there is none."""
    std: float | None
    """Standard deviation of the objective over the repeats; null of fewer than two."""
    epoch: int | None
    """Epochs after which the value was taken."""
    rung: int | None
    """Index of the highest rung that it has reached, from 0; null before the first one."""
    error: str | None
    """Why it failed; null for a point that has not failed."""
    reached: Sequence[Reached]
    """Its values as they became known: at each rung that it has stopped at, and at its end."""
    jobs: Sequence[str]
    """Ids of its jobs, one for each repeat, deleted or not; empty for a point that could not be made into a job."""
    deleted: Sequence[str]
    """Ids of those of its jobs that were deleted."""
    created_at: Instant
    """When its first job was made."""
    finished_at: Instant | None
    """When it had ended."""


@answer
class SweepPreview(Answer):
    """What a sweep would be; nothing was stored."""

    points: int
    """Number of points that there would be."""
    jobs: int
    """Number of jobs, with their repeats."""
    first_points: Sequence[Json]
    """Values of the first points by their dotted paths; of suggested ones those that do not depend on results."""
    rungs: Sequence[int]
    """Epochs after which a job stops, ascending; the last one is its end, the latest where the space varies it."""
    epochs: int
    """Epochs of all jobs, if each trained to its end."""
    warnings: Sequence[str]
    """What may not be meant, such as a space with fewer different points than there would be."""
    least_parameters: int
    """Fewest trainable values of a network, of the jobs that were checked: those at the ends of the space."""
    most_parameters: int
    """Most trainable values of a network, of the same jobs."""

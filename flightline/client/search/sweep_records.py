"""What a service says of sweeps, as records."""

from __future__ import annotations

from flightline.client.fields import Fields
from flightline.client.records import SHORT_ID, Record
from shared import wire

LAST = frozenset({"finished"})
"""The status of a sweep after which no event follows; of one that was cancelled, jobs are still to end."""


class TrialCounts(Record, wire.TrialCounts):
    """How many jobs of a sweep there are, and where they stand."""


class BestPoint(Record, wire.BestPoint):
    """The best point of a sweep: its values in `params` by dotted paths, its objective, the ids of its jobs.

    `deleted` has the ids of those that were deleted.
    """

    params: Fields


class Reached(Record, wire.Reached):
    """A value of a point, and when it became known."""


class Trial(Record, wire.Trial):
    """A point of a sweep and what became of it; `value` is its objective so far, `jobs` the ids of its jobs.

    `deleted` has the ids of those that were deleted.
    """

    params: Fields
    reached: list[Reached]


class SweepCheck(Record, wire.SweepPreview):
    """What a sweep would be: its first points, how many there are, and what they cost at most."""

    first_points: list[Fields]


class SweepRecord(Record, wire.Sweep):
    """A search over a space of jobs: what is searched, how far it is, the best point so far."""

    base: Fields
    space: Fields
    algorithm: Fields
    objective: Fields
    asha: Fields | None
    counts: TrialCounts
    best: BestPoint | None
    importance: Fields | None

    @property
    def title(self) -> str:
        """The sweep's name, else the end of its id."""
        return self.raw["name"] or f"…{self.id[-SHORT_ID:]}"

    @property
    def ended(self) -> bool:
        """Whether the sweep has finished or was cancelled, and the last of its jobs has ended."""
        return self.finished_at is not None

    @property
    def words(self) -> str:
        """How far the sweep is, and the best so far, in a few words."""
        best = f", best {self.objective.metric} {self.best.value:.4f}" if self.best else ""
        failed = f", {self.points_failed} failed" if self.points_failed else ""
        return f"{self.title}: {self.status}, {self.points_tried} of {self.points} points tried{failed}{best}"

    def __repr__(self) -> str:
        return f"<Sweep {self.words}>"

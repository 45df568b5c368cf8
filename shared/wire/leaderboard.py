"""The answers of the HTTP API that rank configurations by their seeds, and that say which seeds would tell more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.wire.answer import Answer, Json, answer


@answer
class Standing(Answer):
    """A configuration on the leaderboard: jobs that differ at most in their seed."""

    number: int
    """Its place in the list, from 1: the best mean comes first."""
    rank: int
    """1 and the number of configurations in the list that are proven better. Those of one rank are tied."""
    tied: bool
    """Whether another configuration has this rank too."""
    config_hash: str
    """What its jobs have in common: everything but the seed."""
    name: str | None
    """Name of its newest job, or of that job's preset."""
    params: Json
    """Dotted path and value of each field in which the configurations of the list differ."""
    mean: float
    """Mean of the metric over seeds."""
    std: float | None
    """Standard deviation over seeds; null where there is one seed."""
    best: float
    """The best seed's value."""
    seeds: int
    """Number of seeds. Jobs with the same seed count once, with the mean of their values."""
    one_seed: bool
    """Whether there is one seed only: nothing is proven of such a configuration."""
    better_than: Sequence[int]
    """The `number` of each configuration in the list that is proven worse."""
    jobs: int
    """Number of jobs, of which the newest 500 count."""
    job_ids: Sequence[str]
    """Ids of the jobs, the newest first; at most 100."""


@answer
class Leaderboard(Answer):
    """Configurations ranked by what their seeds prove: Welch's t of every pair, with Holm's correction."""

    metric: str
    """The figure of a job's result that is compared."""
    mode: Literal["max", "min"]
    """Whether more or less is better."""
    level: float
    """The accepted chance that any two configurations of the list are told apart that are truly equal, at one look."""
    complete: bool
    """Whether no configuration outside the list can have a better mean than one in it; false where very many jobs pass
    the filters, and not all of them were looked at."""
    items: Sequence[Standing]
    """The configurations, the best mean first."""


@answer
class SettledGroup(Answer):
    """A configuration that is to be told apart from others."""

    config_hash: str
    mean: float
    seeds: int
    """Number of seeds with a finished job."""
    pending: int
    """Number of seeds whose job is queued, runs or is paused."""
    wanted: int
    """Number of seeds, in all, that would tell it apart from those it is worth telling apart from."""
    new_seeds: Sequence[int]
    """The seeds that are queued by this request, or would be."""
    job_ids: Sequence[str]
    """Ids of the new jobs; none in a dry run."""


@answer
class SettledPair(Answer):
    """Two configurations, and what it takes to tell them apart."""

    better: str
    """`config_hash` of the one with the better mean."""
    worse: str
    difference: float
    """Distance of their means."""
    told_apart: bool
    """Whether they are told apart already."""
    seeds: int | None
    """Number of seeds of each that would tell them apart, with a chance of 80 %, if their difference is as large as it
    looks. Null where nothing is known of the spread, where they are told apart, and where it would be more than 100."""


@answer
class Settlement(Answer):
    """Which seeds would tell configurations apart, and the jobs that were queued for them."""

    metric: str
    mode: Literal["max", "min"]
    dry_run: bool
    """Whether nothing was queued."""
    jobs: int
    """Number of new jobs."""
    capped: bool
    """Whether `most_jobs` left out some of the wanted seeds: ask again once the jobs have ended."""
    reason: str | None
    """Why no seed is wanted, in a sentence: all are told apart, seeds are on the way, or more than 100 seeds would be
    needed. Null where there are new jobs."""
    groups: Sequence[SettledGroup]
    """The configurations, the best mean first."""
    pairs: Sequence[SettledPair]
    """Every pair of them."""

"""The seeds that would tell configurations apart: how many of each, which, and the jobs that train them.

What is asked for follows from the jobs that are there alone: seeds that are queued or running count as if they were
finished. So to ask twice queues nothing twice, and two who ask at once wait for each other.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, literal, select

from shared import wire
from shared.database.tables import Job, JobValue
from shared.errors import FieldError
from shared.jobs.board.leaderboard import Group, Metric, Mode, Run, best_first, mode_of, pairs_told_apart
from shared.jobs.guarded_write import table_of
from shared.jobs.new_jobs import NewJob, insert_jobs, training_job
from shared.jobs.quota import require_room
from shared.jobs.search import index
from shared.jobs.search.paths import key_of
from shared.jobs.status import FINISHED, JobKind, JobStatus
from shared.jobspec import parse_spec
from shared.jobspec.parser import refusal
from shared.sweeps.power import seeds_of_pairs, targets
from shared.sweeps.statistics import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobspec import Caps, Catalog

MOST_SEEDS = 100
"""Seeds of a configuration beyond which a difference is taken for too small to pursue."""
MOST_JOBS = 1_000
"""Jobs of a configuration that are looked at, the newest."""
_JOBS = table_of(Job)
_VALUES = table_of(JobValue)


class Wanted(NamedTuple):
    """What is to be settled: which configurations, by what, with how many jobs at most that have yet to end."""

    groups: tuple[str, ...]
    """Their `config_hash`."""
    metric: Metric
    mode: Mode | None
    most_jobs: int
    level: float = LEVEL
    """The accepted chance of one false distinction or more."""


@dataclass(frozen=True)
class _Configuration:
    """A configuration with all of its jobs."""

    group: Group
    seeds: frozenset[int]
    """Every seed that some job has or had."""
    pending: int
    """Seeds whose job has yet to end, and that no finished job has."""
    newest: Row[Any]
    """The newest job that has succeeded."""

    @property
    def coming(self) -> int:
        """Return how many seeds there will be once all jobs have ended."""
        return len(self.group.values) + self.pending

    def free_seeds(self, count: int) -> list[int]:
        """Return so many of the smallest seeds that no job has."""
        return list(itertools.islice((seed for seed in itertools.count() if seed not in self.seeds), count))


@dataclass(frozen=True)
class _Plan:
    """Which seeds of which configurations are to be queued."""

    wanted: Wanted
    mode: Mode
    configurations: Sequence[_Configuration]
    """The best mean first."""

    @cached_property
    def told_apart(self) -> frozenset[tuple[int, int]]:
        """Return the pairs that are told apart already, the better one first."""
        return frozenset(pairs_told_apart([one.group for one in self.configurations], self.mode, self.wanted.level))

    @cached_property
    def seeds_of_pairs(self) -> dict[tuple[int, int], float]:
        """Return how many seeds each pair takes, the better one first; nothing of those that are told apart."""
        return seeds_of_pairs([one.group.values for one in self.configurations], self.told_apart, self.wanted.level)

    @cached_property
    def targets(self) -> list[int]:
        """Return how many seeds each configuration is to have in all."""
        return targets(len(self.configurations), self.seeds_of_pairs, MOST_SEEDS)

    @cached_property
    def new_seeds(self) -> list[list[int]]:
        """Return the seeds to queue of each configuration: where not all may be, the fewest seeds come first.

        Jobs that have yet to end count among those that may be, or a request that is sent again would add as many.
        """
        have = [one.coming for one in self.configurations]
        counts = [0] * len(have)
        for _ in range(self.wanted.most_jobs - sum(one.pending for one in self.configurations)):
            lacking = [place for place, target in enumerate(self.targets) if have[place] + counts[place] < target]
            if not lacking:
                break
            counts[min(lacking, key=lambda place: have[place] + counts[place])] += 1
        return [one.free_seeds(count) for one, count in zip(self.configurations, counts, strict=True)]

    @property
    def reason(self) -> str | None:
        """Return why no seed is to be queued, in a sentence; None where some are."""
        if any(self.new_seeds):
            return None
        if pending := sum(one.pending for one in self.configurations):
            return (
                f"{_some(pending, 'seed')} on the way: ask again once {'it has' if pending == 1 else 'all have'} ended."
            )
        if not (open_pairs := list(self.seeds_of_pairs)):
            return "All of them are told apart already."
        fewest = min(len(self.configurations[place].group.values) for pair in open_pairs for place in pair)
        apart = f"{_some(len(open_pairs), 'pair')} not told apart"
        if fewest >= MOST_SEEDS:
            return f"{apart}, with the {MOST_SEEDS} seeds each that are asked for at most."
        return f"{apart}, and too close: more than {MOST_SEEDS} seeds of each would be needed."

    def answer(self, job_ids: Sequence[str] = (), *, dry_run: bool) -> wire.Settlement:
        """Return what is said of the plan, with the jobs of its new seeds in their order."""
        ids = iter(job_ids)
        groups = [
            wire.SettledGroup(
                config_hash=one.group.config_hash,
                mean=one.group.mean,
                seeds=len(one.group.values),
                pending=one.pending,
                wanted=target,
                new_seeds=new,
                job_ids=list(itertools.islice(ids, len(new))),
            )
            for one, target, new in zip(self.configurations, self.targets, self.new_seeds, strict=True)
        ]
        jobs = sum(map(len, self.new_seeds))
        missing = sum(max(0, t - one.coming) for one, t in zip(self.configurations, self.targets, strict=True))
        return wire.Settlement(
            metric=self.wanted.metric,
            mode=self.mode,
            dry_run=dry_run,
            jobs=jobs,
            capped=jobs < missing,
            reason=self.reason,
            groups=groups,
            pairs=[self._pair(*pair) for pair in itertools.combinations(range(len(groups)), 2)],
        )

    def _pair(self, one: int, two: int) -> wire.SettledPair:
        groups = [self.configurations[place].group for place in (one, two)]
        seeds = self.seeds_of_pairs.get((one, two), math.inf)
        return wire.SettledPair(
            better=groups[0].config_hash,
            worse=groups[1].config_hash,
            difference=abs(groups[0].mean - groups[1].mean),
            told_apart=(one, two) in self.told_apart or (two, one) in self.told_apart,
            seeds=int(seeds) if seeds <= MOST_SEEDS else None,
        )


def plan(db: Database, wanted: Wanted, *, actor: Actor) -> wire.Settlement:
    """Return what `settle` would queue.

    Raises:
        InvalidSpec: a configuration has no training that has succeeded.
    """
    return index.read_indexed(db, lambda connection: _plan(connection, wanted, actor)).answer(dry_run=True)


def settle(db: Database, wanted: Wanted, caps: Caps, catalog: Catalog, *, actor: Actor) -> wire.Settlement:
    """Queue the seeds that would tell configurations apart. The caller must publish the new jobs afterwards.

    Raises:
        InvalidSpec: a configuration has no training that has succeeded, or exceeds a limit that was lowered since.
        TooManyQueuedJobs: the actor would have more queued jobs than are allowed; nothing is queued.
    """
    while True:
        planned = index.read_indexed(db, lambda connection: _plan(connection, wanted, actor))
        new = _jobs(planned, caps, catalog, actor)  # outside the transaction, as checks of many specs take time

        def work(connection: Connection, planned: _Plan = planned, new: Sequence[NewJob] = new) -> list[str] | None:
            _keep_others_out(connection)
            if _plan(connection, wanted, actor).new_seeds != planned.new_seeds:
                return None
            require_room(connection, actor, len(new))
            return insert_jobs(connection, new) if new else []

        ids = db.write(work)
        if ids is not None:
            return planned.answer(ids, dry_run=False)


def _keep_others_out(connection: Connection) -> None:
    """Let nobody else settle until the transaction ends; SQLite has one writer at a time anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal("settle"), literal(0)))))


def _plan(connection: Connection, wanted: Wanted, actor: Actor) -> _Plan:
    mode = mode_of(wanted.metric, wanted.mode)
    found = {
        config_hash: _configuration(connection, config_hash, wanted.metric, actor) for config_hash in wanted.groups
    }
    known = {config_hash: one for config_hash, one in found.items() if one is not None}
    if len(known) < len(found):
        raise refusal(
            [
                FieldError(f"/groups/{place}", f"No training that has succeeded has the config_hash {one[:64]!r}.")
                for place, one in enumerate(wanted.groups)
                if one not in known
            ]
        )
    order = best_first([one.group for one in known.values()], mode)
    return _Plan(wanted, mode, [known[group.config_hash] for group in order])


def _configuration(connection: Connection, config_hash: str, metric: Metric, actor: Actor) -> _Configuration | None:
    """Read the jobs of a configuration; None where none has succeeded."""
    seed = select(_VALUES.c.number).where(_VALUES.c.job == _JOBS.c.number, _VALUES.c.path == key_of("training.seed"))
    columns = (_JOBS.c.id, _JOBS.c.spec_hash, _JOBS.c.status, _JOBS.c[metric].label("value"))
    jobs = select(*columns, seed.scalar_subquery().label("seed")).where(
        _JOBS.c.config_hash == config_hash, _JOBS.c.kind == JobKind.TRAIN, actor.reach
    )
    rows = connection.execute(jobs.order_by(_JOBS.c.number.desc()).limit(MOST_JOBS)).all()
    done = [row for row in rows if row.status == JobStatus.SUCCEEDED and row.value is not None]
    if not done:
        return None
    finished = {row.spec_hash for row in done}
    coming = {row.spec_hash for row in rows if row.status not in FINISHED} - finished
    newest = select(*(_JOBS.c[name] for name in ("spec", "name", "preset"))).where(_JOBS.c.id == done[0].id)
    return _Configuration(
        Group(config_hash, [Run(row.id, row.spec_hash, row.value) for row in done]),
        frozenset(int(row.seed) for row in rows if row.seed is not None),
        len(coming),
        connection.execute(newest).one(),
    )


def _some(count: int, noun: str) -> str:
    return f"One {noun} is" if count == 1 else f"{count} {noun}s are"


def _jobs(planned: _Plan, caps: Caps, catalog: Catalog, actor: Actor) -> list[NewJob]:
    """Return the jobs of a plan, checked as submissions are."""
    return [
        training_job(_reseeded(one.newest, seed, caps, catalog), owner=actor.owner, preset=one.newest.preset)
        for one, seeds in zip(planned.configurations, planned.new_seeds, strict=True)
        for seed in seeds
    ]


def _reseeded(job: Row[Any], seed: int, caps: Caps, catalog: Catalog) -> Any:
    spec = job.spec | {"name": job.name, "training": job.spec["training"] | {"seed": seed}}
    return parse_spec(spec, caps, catalog)

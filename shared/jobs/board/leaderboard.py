"""The leaderboard: finished jobs that are equal but for the seed, ranked by what statistics can tell apart.

The best configurations are found without reading all jobs. Jobs are walked in the order of the metric, the best first,
and each configuration that comes up is read whole. One that has not come up has no job better than the one reached, and
so no better mean: once enough of those read are better than that, they are the best. (R. Fagin, A. Lotem, M. Naor,
"Optimal aggregation algorithms for middleware", 2001.)
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from sqlalchemy import bindparam, select

from shared import wire
from shared.database.tables import Job
from shared.jobs.guarded_write import table_of
from shared.jobs.reads.comparison import differing
from shared.jobs.reads.pages import Query, read_page
from shared.jobs.search import index
from shared.jobspec.hashes import configuration
from shared.sweeps.statistics import LEVEL, ranks_of, told_apart

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobs.reads.filters import JobFilter
    from shared.jobs.reads.orders import Key

Metric = Literal["best_val_accuracy", "val_accuracy", "val_loss"]
Mode = Literal["max", "min"]
METRICS: tuple[Metric, ...] = get_args(Metric)
MOST_GROUPS = 100
"""Configurations of a leaderboard at most: every pair of them is compared."""
MOST_JOBS = 500
"""Jobs of a configuration that count at most, the newest."""
MOST_NAMED = 100
"""Jobs of a configuration whose ids are answered at most, the newest."""
_PAGE = 100
_MOST_PAGES = 20
"""Pages of jobs that are walked at most for one leaderboard."""
_JOBS = table_of(Job)


class Run(NamedTuple):
    """A finished job of a configuration: its id, the hash of its spec, its value of the metric."""

    id: str
    spec_hash: str
    value: float


@dataclass(frozen=True)
class Group:
    """The finished jobs of one configuration, the newest first."""

    config_hash: str
    runs: Sequence[Run]

    @cached_property
    def values(self) -> list[float]:
        """Return one value for each seed.

        A job that repeats another's seed is no further proof: such jobs count once, with the mean of their values.
        """
        seeds: dict[str, list[float]] = {}
        for run in self.runs:
            seeds.setdefault(run.spec_hash, []).append(run.value)
        return [statistics.fmean(values) for values in seeds.values()]

    @cached_property
    def mean(self) -> float:
        """Return the mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Return the standard deviation over seeds; None where there is one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


def mode_of(metric: Metric, mode: Mode | None = None) -> Mode:
    """Return whether more of the metric is better or less, where nobody has said so: of a loss less is."""
    return mode or ("min" if metric.endswith("loss") else "max")


def best_first(groups: Sequence[Group], mode: Mode) -> list[Group]:
    """Return the groups in the order of their means."""
    return sorted(groups, key=lambda one: one.mean, reverse=mode == "max")


def pairs_told_apart(groups: Sequence[Group], mode: Mode, level: float) -> list[tuple[int, int]]:
    """Return the pairs of groups that are told apart, as `told_apart` does."""
    sign = 1.0 if mode == "max" else -1.0
    return told_apart([[sign * value for value in group.values] for group in groups], level)


def standings(
    groups: Sequence[Group], mode: Mode, texts: Mapping[str, Mapping[str, Any]], level: float = LEVEL
) -> list[wire.Standing]:
    """Return the rows of a leaderboard of groups that are in their order.

    Args:
        groups: the groups, the best first.
        mode: whether more is better or less.
        texts: what each group is called, by its hash: `name` and `params`.
        level: the accepted chance of one false distinction or more.
    """
    pairs = pairs_told_apart(groups, mode, level)
    ranks = ranks_of(len(groups), pairs)
    return [
        wire.Standing(
            number=place + 1,
            rank=ranks[place],
            tied=ranks.count(ranks[place]) > 1,
            config_hash=group.config_hash,
            name=texts[group.config_hash]["name"],
            params=texts[group.config_hash]["params"],
            mean=group.mean,
            std=group.deviation,
            best=max(group.values) if mode == "max" else min(group.values),
            seeds=len(group.values),
            one_seed=len(group.values) == 1,
            better_than=sorted(worse + 1 for better, worse in pairs if better == place),
            jobs=len(group.runs),
            job_ids=[run.id for run in group.runs[:MOST_NAMED]],
        )
        for place, group in enumerate(groups)
    ]


def read(
    db: Database,
    wanted: JobFilter,
    metric: Metric = "best_val_accuracy",
    mode: Mode | None = None,
    limit: int = 20,
    *,
    level: float = LEVEL,
    actor: Actor,
) -> wire.Leaderboard:
    """Read the leaderboard of the jobs that match.

    Args:
        db: the database.
        wanted: which jobs count; those that have no value of the metric do not.
        metric: what configurations are compared by.
        mode: whether more of it is better or less; None as `mode_of` says.
        limit: most configurations, at most `MOST_GROUPS`.
        level: the accepted chance of one false distinction or more.
        actor: on whose behalf the jobs are read.
    """
    mode = mode_of(metric, mode)
    query = Query.of(wanted, actor, f"-{metric}" if mode == "max" else metric)

    def read(connection: Connection) -> wire.Leaderboard:
        found, complete = _best_groups(connection, query, mode, limit)
        items = standings(found, mode, _texts(connection, found), level)
        return wire.Leaderboard(metric=metric, mode=mode, level=level, complete=complete, items=items)

    return index.read_indexed(db, read)


def _best_groups(connection: Connection, query: Query, mode: Mode, limit: int) -> tuple[list[Group], bool]:
    """Return the groups with the best means, and whether there can be no better ones that were not looked at."""
    groups: dict[str, Group] = {}
    after: Key | None = None
    complete = False
    many: set[Hashable] = set()
    for _ in range(_MOST_PAGES):
        page = read_page(connection, query, after, _PAGE, many)
        for config_hash in _configurations(connection, page.numbers):
            if config_hash not in groups:
                groups[config_hash] = _group(connection, query, config_hash)
        after = page.next_key
        complete = after is None or after[0] is None or _are_best(groups, after[0], mode, limit)
        if complete:
            break
    some = [group for group in groups.values() if group.runs]
    return best_first(some, mode)[:limit], complete


def _are_best(groups: Mapping[str, Group], reached: Any, mode: Mode, limit: int) -> bool:
    """Whether so many groups have means that no group can exceed which has no job before the value reached."""
    means = [group.mean for group in groups.values() if group.runs]
    good = [mean for mean in means if (mean >= reached if mode == "max" else mean <= reached)]
    return len(good) >= limit


def _configurations(connection: Connection, numbers: Sequence[int]) -> list[str]:
    """Return the configurations of jobs, each once, in their order."""
    found = select(_JOBS.c.number, _JOBS.c.config_hash).where(_JOBS.c.number.in_(numbers))
    hashes = {row.number: row.config_hash for row in connection.execute(found)}
    return list(dict.fromkeys(hashes[number] for number in numbers))


def _group(connection: Connection, query: Query, config_hash: str) -> Group:
    """Read the newest jobs of a configuration that pass the query's filters and have its value."""

    def make() -> Select[Any]:
        value, tests = query.order.of_job, query.tests
        runs = select(_JOBS.c.id, _JOBS.c.spec_hash, value.label("value")).where(
            _JOBS.c.config_hash == bindparam("of_group"), value.is_not(None), *([] if tests is None else [tests])
        )
        return runs.order_by(_JOBS.c.number.desc()).limit(MOST_JOBS)

    rows = query.run(connection, "group", make, of_group=config_hash)
    return Group(config_hash, [Run(row.id, row.spec_hash, row.value) for row in rows])


def _texts(connection: Connection, groups: Sequence[Group]) -> dict[str, dict[str, Any]]:
    """Return what each group is called, by its hash: the newest job's name, and the fields that differ between them."""
    newest = {group.runs[0].id: group.config_hash for group in groups}
    columns = (_JOBS.c.id, _JOBS.c.name, _JOBS.c.preset, _JOBS.c.spec)
    rows = {newest[row.id]: row for row in connection.execute(select(*columns).where(_JOBS.c.id.in_(list(newest))))}
    fields = differing([configuration(rows[group.config_hash].spec) for group in groups]) if len(groups) > 1 else {}
    return {
        group.config_hash: {
            "name": rows[group.config_hash].name or rows[group.config_hash].preset,
            "params": {path: values[place] for path, values in fields.items()},
        }
        for place, group in enumerate(groups)
    }

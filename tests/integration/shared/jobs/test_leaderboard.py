"""The leaderboard and the seeds that settle it, on both databases."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select, update

import migrations
from shared import wire
from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import InvalidSpec, TooManyQueuedJobs
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.board import leaderboard, settling
from shared.jobs.board.leaderboard import Metric
from shared.jobs.board.settling import Wanted
from shared.jobs.reads.filters import JobFilter
from shared.jobspec import BUILT_IN, Caps
from tests.support import factories
from tests.support.concurrency import together

SUCCEEDED = JobFilter(status=("succeeded",), kind="train")


def finished(db: Database, lr: float, seed: int, accuracy: float, **also: Any) -> str:
    """A job that has succeeded; returns its id."""
    training = {"epochs": 3, "seed": seed, "optimizer": {"kind": "sgd", "lr": lr}}
    claimed = factories.running(db, **({"training": training} | also))
    return factories.succeed(db, claimed, val_accuracy=accuracy - 0.01, best_val_accuracy=accuracy)


def _set(db: Database, job_id: str, **values: Any) -> None:
    """Change a job's row behind everybody's back."""
    statement = update(Job).where(Job.id == job_id).values(**values)
    db.write(lambda connection: connection.execute(statement))


def read(db: Database, wanted: JobFilter = SUCCEEDED, metric: Metric = "best_val_accuracy", **options: Any) -> Any:
    """The leaderboard that everybody sees."""
    return leaderboard.read(db, wanted, metric, actor=EVERYBODY, **options)


def test_jobs_are_ranked_by_configuration(database: Database) -> None:
    """The better rate first, its seeds together, with what tells configurations apart; one of one seed is marked."""
    good = [finished(database, 0.1, seed, 0.9 + seed / 1000) for seed in range(3)]
    bad = [finished(database, 0.01, seed, 0.5 + seed / 1000) for seed in range(3)]
    alone = finished(database, 1.0, 0, 0.7)
    factories.submit(database)  # has no figures yet
    board = read(database)
    rates = [row.params["training.optimizer.lr"] for row in board.items]
    assert rates == [0.1, 1.0, 0.01]
    assert [row.job_ids for row in board.items] == [good[::-1], [alone], bad[::-1]]
    assert [(row.rank, row.tied, row.one_seed, row.seeds) for row in board.items] == [
        (1, True, False, 3),
        (1, True, True, 1),
        (2, False, False, 3),
    ]
    assert board.items[0].better_than == [3]
    assert board.items[0].mean == pytest.approx(0.901)
    assert board.items[0].std == pytest.approx(0.001)
    assert (board.complete, board.mode, board.level) == (True, "max", 0.05)


def test_a_lower_level_tells_fewer_apart_and_settling_by_it_takes_more_seeds(database: Database) -> None:
    """Of three seeds that lie some deviations apart: proven at 5 %, not at 0.1 %, for which settling asks for more."""
    for lr, mean in ((0.1, 0.90), (0.2, 0.86)):
        for seed in range(3):
            finished(database, lr, seed, mean + seed / 100)
    assert [row.rank for row in read(database).items] == [1, 2]
    strict = read(database, level=0.001)
    assert ([row.rank for row in strict.items], strict.level) == ([1, 1], 0.001)
    hashes = [row.config_hash for row in strict.items]
    plans = [
        settling.plan(database, Wanted(tuple(hashes), "best_val_accuracy", None, 200, level), actor=EVERYBODY)
        for level in (0.05, 0.01, 0.001)
    ]
    assert [plan.pairs[0].told_apart for plan in plans] == [True, False, False]
    assert 0 == plans[0].jobs < plans[1].jobs < plans[2].jobs


def test_filters_decide_which_jobs_count(database: Database) -> None:
    """Only those that pass, also of a configuration that has others."""
    finished(database, 0.1, 0, 0.9, tags=["try"])
    finished(database, 0.1, 1, 0.5)
    finished(database, 0.2, 0, 0.8)
    [row] = read(database, JobFilter(status=("succeeded",), tag=("try",))).items
    assert (row.jobs, row.mean) == (1, 0.9)
    assert read(database, JobFilter(status=("failed",))).items == []


def test_a_sweep_stands_for_its_configurations(database: Database) -> None:
    """With all of their seeds: those that were queued later to settle them are no jobs of the sweep."""
    tried = {seed: finished(database, 0.1, seed, 0.8 + seed / 10) for seed in (0, 1)}
    finished(database, 0.2, 0, 0.95)
    _set(database, tried[0], sweep="one")
    _set(database, finished(database, 0.3, 0, 0.7), sweep="another")
    [row] = read(database, replace(SUCCEEDED, tried_by="one")).items
    assert (set(row.job_ids), row.seeds, row.mean) == (set(tried.values()), 2, pytest.approx(0.85))
    assert read(database, replace(SUCCEEDED, tried_by="none")).items == []


def test_of_a_loss_less_is_better(database: Database) -> None:
    """Unless one asks for the largest."""
    for lr in (0.1, 0.2):
        finished(database, lr, 0, 0.5)
    losses = dict(zip((0.1, 0.2), (0.3, 0.6), strict=True))
    for row in read(database).items:
        _set(database, row.job_ids[0], val_loss=losses[row.params["training.optimizer.lr"]])
    assert [row.mean for row in read(database, metric="val_loss").items] == [0.3, 0.6]
    assert [row.mean for row in read(database, metric="val_loss", mode="max").items] == [0.6, 0.3]


def test_a_board_has_the_best_means_of_all(database: Database) -> None:
    """Though a configuration with the best job may have a bad mean, and the walk ends before the last job."""
    draw, means = random.Random(1), {}
    rows = []
    for group in range(300):
        values = [draw.random() for _ in range(draw.randint(1, 4))]
        means[f"{group:064x}"] = sum(values) / len(values)
        rows += [
            factories.job_row(
                10 * group + seed,
                config_hash=f"{group:064x}",
                status="succeeded",
                kind="train",
                best_val_accuracy=value,
            )
            for seed, value in enumerate(values)
        ]
    factories.insert_jobs(database, rows)
    board = read(database, limit=7)
    best = sorted(means, key=lambda one: -means[one])[:7]
    assert [row.config_hash for row in board.items] == best
    assert [row.mean for row in board.items] == pytest.approx([means[one] for one in best])
    assert board.complete


def test_a_board_of_many_jobs_reads_few_of_them(sqlite_database: Database) -> None:
    """Of 20,000 jobs of one seed each some hundred are looked at: as many statements whatever their number."""
    rows = [
        factories.job_row(n, config_hash=f"{n:064x}", status="succeeded", kind="train", best_val_accuracy=n / 20_000)
        for n in range(20_000)
    ]
    factories.insert_jobs(sqlite_database, rows)
    migrations.upgrade(sqlite_database)
    statements: list[str] = []
    with sqlite_database.read() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    board = read(sqlite_database)
    assert len(board.items) == 20
    assert board.complete
    assert len(statements) < 300


def wanted(hashes: Sequence[str], most_jobs: int = 20) -> Wanted:
    """A request to settle by the best accuracy."""
    return Wanted(tuple(hashes), "best_val_accuracy", None, most_jobs)


def settle(db: Database, hashes: Sequence[str], most_jobs: int = 20, actor: Actor = EVERYBODY) -> wire.Settlement:
    """Queue what settles these configurations."""
    return settling.settle(db, wanted(hashes, most_jobs), Caps(), BUILT_IN, actor=actor)


def two(db: Database) -> list[str]:
    """Two configurations of two seeds each that are close; their hashes."""
    for lr, mean in ((0.1, 0.80), (0.2, 0.79)):
        for seed, off in ((0, -0.01), (1, 0.01)):
            finished(db, lr, seed, mean + off, name=f"rate {lr}", preset=None)
    return [row.config_hash for row in read(db).items]


def queued(db: Database) -> list[tuple[float, int, str]]:
    """Rate, seed and name of the queued jobs, in the order of their submission."""
    with db.read() as connection:
        rows = connection.execute(select(Job.spec, Job.name).where(Job.status == "queued").order_by(Job.number))
        return [(row.spec["training"]["optimizer"]["lr"], row.spec["training"]["seed"], row.name) for row in rows]


def test_settling_queues_new_seeds_once(database: Database) -> None:
    """The smallest seeds that no job has, as many of both; asked again it queues nothing, as they are coming."""
    hashes = two(database)
    done = settle(database, hashes, most_jobs=4)
    assert queued(database) == [
        *((0.1, seed, "rate 0.1") for seed in (2, 3)),
        *((0.2, seed, "rate 0.2") for seed in (2, 3)),
    ]
    assert (done.jobs, done.capped, done.dry_run) == (4, True, False)
    assert [len(group.job_ids) for group in done.groups] == [2, 2]
    [pair] = done.pairs
    assert pair.seeds is not None
    assert pair.seeds > 4
    assert not pair.told_apart
    rest = settle(database, hashes, most_jobs=200)
    assert [len(group.new_seeds) + group.pending + group.seeds for group in rest.groups] == [pair.seeds] * 2
    again = settle(database, hashes, most_jobs=200)
    assert (again.jobs, again.capped) == (0, False)


def test_a_dry_run_says_the_same_and_queues_nothing(database: Database) -> None:
    """The seeds, the pairs and the counts, without jobs."""
    hashes = two(database)
    planned = settling.plan(database, wanted(hashes), actor=EVERYBODY)
    assert queued(database) == []
    done = settle(database, hashes)
    assert [group.new_seeds for group in planned.groups] == [group.new_seeds for group in done.groups]
    assert planned.pairs == done.pairs
    assert planned.dry_run


def test_configurations_of_one_seed_first_get_three(database: Database) -> None:
    """As nothing is known of their spread. Seeds of failed jobs are not tried again."""
    for lr in (0.1, 0.2):
        finished(database, lr, 0, 0.8 + lr)
    failed = factories.submit(database, training={"epochs": 3, "seed": 1, "optimizer": {"kind": "sgd", "lr": 0.1}})
    _set(database, failed, status="failed")
    done = settle(database, [row.config_hash for row in read(database).items])
    assert [(group.wanted, list(group.new_seeds)) for group in done.groups] == [(3, [1, 2]), (3, [2, 3])]


def test_a_pair_that_is_not_told_apart_wants_another_seed(database: Database) -> None:
    """Also where as many as it has would do if both spread alike: one spreads far more, and the test knows it."""
    for lr, accuracies in ((0.01, (0.78, 0.80, 0.826)), (0.0001, (0.49, 0.60, 0.68))):
        for seed, accuracy in enumerate(accuracies):
            finished(database, lr, seed, accuracy)
    hashes = [row.config_hash for row in read(database).items]
    done = settle(database, hashes)
    assert [(pair.told_apart, pair.seeds) for pair in done.pairs] == [(False, 4)]
    assert [list(group.new_seeds) for group in done.groups] == [[3], [3]]
    assert done.reason is None
    again = settle(database, hashes)
    assert (again.jobs, again.reason) == (0, "2 seeds are on the way: ask again once all have ended.")


def test_where_no_seed_is_wanted_the_reason_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Means that are next to equal; and a difference that all the seeds that are asked for have not shown."""
    for lr, seed in itertools.product((0.1, 0.2), range(4)):
        finished(database, lr, seed, 0.8 + (lr * seed) % 0.03 + (lr == 0.1) / 1000)
    hashes = [row.config_hash for row in read(database).items]
    close = settle(database, hashes)
    assert close.reason == "One pair is not told apart, and too close: more than 100 seeds of each would be needed."
    assert [pair.seeds for pair in close.pairs] == [None]
    monkeypatch.setattr(settling, "MOST_SEEDS", 4)
    most = settle(database, hashes)
    assert most.reason == "One pair is not told apart, with the 4 seeds each that are asked for at most."
    assert close.jobs == most.jobs == 0


def test_those_that_are_told_apart_need_no_more_than_three(database: Database) -> None:
    """Nothing is queued for what is known already."""
    for lr, seed in itertools.product((0.1, 0.2), range(4)):
        finished(database, lr, seed, 0.9 - lr + seed / 1000)
    done = settle(database, [row.config_hash for row in read(database).items])
    assert (done.jobs, [pair.told_apart for pair in done.pairs]) == (0, [True])
    assert done.reason == "All of them are told apart already."


def test_those_who_settle_at_once_queue_each_seed_once(database: Database) -> None:
    """Eight people at the same moment: as many jobs as one alone would queue, each seed once."""
    hashes = two(database)
    expected = sum(len(group.new_seeds) for group in settling.plan(database, wanted(hashes), actor=EVERYBODY).groups)
    done: list[wire.Settlement] = []
    together(*[lambda: done.append(settle(database, hashes))] * 8)
    assert sum(one.jobs for one in done) == expected
    jobs = queued(database)
    assert len(jobs) == len(set(jobs)) == expected


def test_the_quota_refuses_all_or_none(database: Database) -> None:
    """An owner who may have one queued job gets none of four."""
    hashes = two(database)
    with pytest.raises(TooManyQueuedJobs):
        settle(database, hashes, 4, Actor(owner="ada", scope=Scope.SUBMIT, most_queued=1))
    assert queued(database) == []


def test_an_unknown_configuration_is_named(database: Database) -> None:
    """By its place in the request."""
    with pytest.raises(InvalidSpec) as refused:
        settle(database, [*two(database), "f" * 64])
    [problem] = refused.value.errors
    assert (problem.pointer, "succeeded" in problem.detail) == ("/groups/2", True)

"""How long jobs should take and when they should start, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text, update

from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import Job
from shared.fleet import workers
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.reads import queries
from shared.jobs.reads.estimates import (
    Estimates,
    Finished,
    Picture,
    Waiting,
    Wanted,
    _ready_jobs,
    ahead_of,
    epoch_seconds,
)
from shared.jobs.reads.estimates import wait_seconds as waits
from shared.jobs.reads.queries import Workers
from shared.jobs.reuse.twins import PARKED
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories

NOW = dt.datetime.now(dt.UTC)
ALICE, BOB = Actor("alice", Scope.SUBMIT), Actor("bob", Scope.SUBMIT)


SYNTHETIC = {"name": "synthetic", "source": "drawn", "classes": ["airplane", "bird"], "ready": True, "counts": {}}


def live(db: Database, *kinds: str, held: Sequence[dict[str, Any]] = (SYNTHETIC,)) -> Workers:
    """Idle workers of these kinds of device, which hold these data sets."""
    for number, kind in enumerate(kinds):
        identity = workers.Identity(f"w{number}", "box", number + 1, kind, kind)
        workers.register(db, identity, device_name=None, versions={}, datasets=list(held))
    return queries.live_workers(db, silent_seconds=60)


def wanted(**fields: Any) -> Wanted:
    """A job of Alice's."""
    usual: dict[str, Any] = {"queue": "any", "priority": 5, "owner": "alice", "config_hash": "c", "own_before": 0}
    return Wanted(**usual | {"architecture_kind": "mlp", "flops_per_epoch": 100, "epochs": 10} | fields)


def finished(config_hash: str = "x", flops: int = 100, seconds: float = 1.0, kind: str = "mlp") -> Finished:
    """A job that has run on a CPU."""
    return Finished("cpu", kind, config_hash, flops, seconds)


class TestEpochSeconds:
    def test_the_same_configuration_says_best(self) -> None:
        """The median of its jobs, whatever others took."""
        jobs = [finished("c", seconds=2.0), finished("c", seconds=3.0), finished("c", seconds=9.0), finished()]
        assert epoch_seconds(jobs, wanted(), "cpu") == (3.0, 3)

    def test_similar_networks_are_scaled(self) -> None:
        """The nearest by FLOPs, of the same kind of network."""
        far = [finished(flops=10**9, seconds=50.0)] * 20
        near = [finished(flops=200, seconds=4.0)] * 20
        assert epoch_seconds([*far, *near, finished(kind="layers")], wanted(), "cpu") == (2.0, 20)

    @pytest.mark.parametrize(
        "jobs, asked",
        [([], wanted()), ([finished(kind="layers")], wanted()), ([finished()], wanted(flops_per_epoch=0))],
    )
    def test_nothing_is_made_up(self, jobs: list[Finished], asked: Wanted) -> None:
        """Without a similar job, or for one that has no FLOPs of its own."""
        assert epoch_seconds(jobs, asked, "cpu") == (None, 0)

    def test_other_devices_say_nothing(self) -> None:
        """A GPU is not known by a CPU."""
        assert epoch_seconds([finished("c")], wanted(), "cuda") == (None, 0)


class TestAhead:
    def test_owners_take_turns(self) -> None:
        """Of ten thousand jobs of another only one is before one's first, two before one's second."""
        others = [Waiting(5, "bob", "any", 10_000, 1e6), Waiting(5, "alice", "any", 5, 500.0)]
        assert ahead_of(others, wanted(own_before=0), ["cpu"]) == (1, 100.0)
        assert ahead_of(others, wanted(own_before=1), ["cpu"]) == (1 + 2, 100.0 + 200.0)

    def test_priorities_come_first(self) -> None:
        """Whoever's they are; lower ones do not count."""
        others = [Waiting(9, "alice", "any", 3, 30.0), Waiting(4, "bob", "any", 7, 70.0)]
        assert ahead_of(others, wanted(), ["cpu"]) == (3, 30.0)

    def test_queues_of_other_devices_do_not_count(self) -> None:
        """What only a GPU may take is not before a job for a CPU."""
        others = [Waiting(9, "bob", "cuda", 3, 30.0), Waiting(9, "bob", "cpu", 1, 10.0)]
        assert ahead_of(others, wanted(queue="cpu"), ["cpu"]) == (1, 10.0)


class TestWait:
    PICTURE = Picture([finished(flops=100, seconds=2.0)], [], running_seconds=30.0, read_at=NOW)

    @pytest.mark.parametrize(
        "ahead, flops, states, seconds",
        [
            (0, 0.0, ["idle"], 0.0),
            (1, 100.0, ["idle", "idle"], 0.0),
            (0, 0.0, ["busy", "busy"], 15.0),
            (2, 500.0, ["busy", "idle"], 20.0),
            (0, 0.0, [], None),
        ],
    )
    def test_work_is_shared_by_the_workers(
        self, ahead: int, flops: float, states: list[str], seconds: float | None
    ) -> None:
        """At once while one is idle; what is running is waited for."""
        assert waits(self.PICTURE, ["cpu"], ahead, flops, states) == seconds

    def test_unknown_work_has_no_end(self) -> None:
        """Nothing is known of what such FLOPs take."""
        assert waits(Picture([], [], 0.0, NOW), ["cpu"], 1, 100.0, ["busy"]) is None


class TestEstimates:
    def test_a_dry_run_and_a_queued_job(self, database: Database) -> None:
        """By a job of the same configuration, at once as a worker is idle."""
        factories.succeed(database, factories.running(database))
        there = live(database, "cpu", "cuda")
        submission = factories.submission(training={"epochs": 3, "seed": 7})
        before = Estimates(database).of_submission(submission, there, actor=ALICE)
        job_id = actions.submit(database, submission, actor=ALICE).job_id
        estimate = Estimates(database).of_job(job_id, there, actor=BOB)
        assert estimate is not None
        for one in (before, estimate):
            cpu, cuda = one.devices
            assert (cpu.device_kind, cpu.seconds_per_epoch, cpu.seconds, cpu.jobs) == ("cpu", 1.5, 4.5, 1)
            assert (cuda.device_kind, cuda.seconds, cuda.jobs) == ("cuda", None, 0)
            assert one.ahead == 0
            assert one.starts_at is not None
            assert abs(dt.datetime.fromisoformat(one.starts_at) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)

    def test_one_owners_many_jobs_do_not_push_back_anothers_first(self, database: Database) -> None:
        """Its place among its own owner's jobs decides."""
        for seed in range(5):
            actions.submit(database, factories.submission(training={"seed": seed}), actor=BOB)
        mine = [
            actions.submit(database, factories.submission(training={"seed": seed}), actor=ALICE).job_id
            for seed in (1, 2)
        ]
        there = live(database, "cpu")
        found = [Estimates(database).of_job(job_id, there, actor=ALICE) for job_id in mine]
        assert [one and one.ahead for one in found] == [1, 3]
        next_one = Estimates(database).of_submission(factories.submission(), there, actor=ALICE)
        assert next_one.ahead == 5
        assert next_one.starts_at is None

    def test_a_job_that_goes_back_to_the_queue_is_as_old_as_before(self, database: Database) -> None:
        """A worker that looks for work finds it before those that were submitted after it."""
        claim = factories.running(database)
        later = factories.submit(database)
        attempts.end(database, claim, Ending(Outcome.RELEASED))
        there = live(database, "cpu")
        found = [Estimates(database).of_job(one, there, actor=EVERYBODY) for one in (claim.job_id, later)]
        assert [one and one.ahead for one in found] == [0, 1]

    def test_jobs_that_are_tried_again_later_count_and_those_that_follow_others_do_not(
        self, database: Database
    ) -> None:
        """A worker runs the first, as it is older; a follower waits for no worker."""
        claim = factories.running(database)
        attempts.end(database, claim, factories.FLAKY, retry_seconds=600)
        parked = {"following": claim.job_id, "not_before": PARKED}
        follower = update(Job).where(Job.id == factories.submit(database)).values(parked)
        database.write(lambda connection: connection.execute(follower))
        estimate = Estimates(database).of_job(factories.submit(database), live(database, "cpu"), actor=EVERYBODY)
        assert estimate is not None
        assert estimate.ahead == 1

    def test_a_long_queue_is_counted_in_its_index_alone(self, sqlite_database: Database) -> None:
        """To read the rows of a hundred thousand jobs takes ten times as long."""
        with sqlite_database.read() as connection:
            counting = text(f"EXPLAIN QUERY PLAN {_ready_jobs(connection)}")
            plan = [row.detail for row in connection.execute(counting)]
        assert plan == ["SCAN jobs USING COVERING INDEX ix_jobs_next"]

    def test_a_job_that_is_not_queued_has_none(self, database: Database) -> None:
        """Nor has one that does not exist."""
        claim = factories.running(database)
        assert Estimates(database).of_job(claim.job_id, [], actor=EVERYBODY) is None
        assert Estimates(database).of_job("01900000-0000-7000-8000-000000000000", [], actor=EVERYBODY) is None

    def test_no_worker_no_start(self, database: Database) -> None:
        """There is no device to estimate for."""
        estimate = Estimates(database).of_job(factories.submit(database), [], actor=EVERYBODY)
        assert estimate is not None
        assert (list(estimate.devices), estimate.starts_at) == ([], None)

    def test_a_job_whose_images_nobody_has_does_not_start(self, database: Database) -> None:
        """However idle the workers are; what it takes on them is known all the same."""
        there = live(database, "cpu", held=[])
        job_id = factories.submit(database)
        before = Estimates(database).of_submission(factories.submission(), there, actor=EVERYBODY)
        for one in (before, Estimates(database).of_job(job_id, there, actor=EVERYBODY)):
            assert one is not None
            assert [device.device_kind for device in one.devices] == ["cpu"]
            assert one.starts_at is None

    def test_running_jobs_are_waited_for(self, database: Database) -> None:
        """As far as their last epoch says how long they take."""
        claim = factories.running(database, worker="w0", training={"epochs": 11})
        attempts.record_epochs(database, claim, [factories.epoch_row(1, seconds=6.0)], factories.best())
        [worker] = live(database, "cpu")
        estimate = Estimates(database).of_job(factories.submit(database), [worker], actor=EVERYBODY)
        assert estimate is not None
        assert estimate.starts_at is not None
        left = dt.datetime.fromisoformat(estimate.starts_at) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(seconds=-240) < left - dt.timedelta(seconds=60) < dt.timedelta(seconds=240)

    def test_the_picture_is_read_now_and_then(self, database: Database) -> None:
        """Not for every request."""
        seconds = [0.0]
        estimates = Estimates(database, now=lambda: seconds[0])
        job_id = factories.submit(database)

        def ahead(there: Workers) -> int | None:
            estimate = estimates.of_job(job_id, there, actor=EVERYBODY)
            return None if estimate is None else estimate.ahead

        assert ahead([]) == 0
        actions.submit(database, factories.submission(priority=9), actor=EVERYBODY)
        there = live(database, "cpu")
        assert ahead(there) == 0
        seconds[0] = 11.0
        assert ahead(there) == 1

    def test_the_start_of_a_job_stands_still_between_two_readings(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What has not changed is answered alike, however late it is asked again."""
        claim = factories.running(database, worker="w0", training={"epochs": 101})
        attempts.record_epochs(database, claim, [factories.epoch_row(1, seconds=6.0)], factories.best())
        there = live(database, "cpu")
        job_id = factories.submit(database)
        estimates = Estimates(database, now=lambda: 0.0)
        first = estimates.of_job(job_id, there, actor=EVERYBODY)
        monkeypatch.setattr(clock, "database_now", lambda connection: clock.database_now_plus(connection, 5.0))

        assert first is not None
        assert first.starts_at is not None
        assert estimates.of_job(job_id, there, actor=EVERYBODY) == first

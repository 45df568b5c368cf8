"""A database that stands still without failing: nobody may judge by the leases that ran out meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import select, update

from shared.database.engine import Database
from shared.database.tables import Lock
from shared.delivery.reconciler import Reconciler
from shared.errors import DatabaseUnavailable
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.running.leases import LeaseWatch
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.fakes import FakeBroker, FlakyDatabase

LEASE = 15.0


class Judge:
    """A reconciler whose clock the test turns, on a database of its own that can be slow and unavailable."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.db = FlakyDatabase(url)
        self.broker = FakeBroker()
        self.reconciler = Reconciler(self.db, self.broker, LEASE, now=self.clock)

    def passes(self, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> int:
        """Pass by pass, one a second, `meanwhile` something else happens in the process; returns how many it ended."""
        ended = 0
        for _ in range(int(seconds)):
            self.clock.now += 1.0
            meanwhile()
            report = self.reconciler.run_once()
            ended += 0 if report is None else report.expired
        return ended

    @property
    def has_turn(self) -> bool:
        """Whether it is the one that may judge."""
        with self.db.read() as connection:
            holder = connection.scalar(select(Lock.holder).where(Lock.name == "leases"))
        return holder == self.reconciler._judging._holder


@pytest.fixture
def newcomer(database_url: str) -> Iterator[Judge]:
    """One that has just begun."""
    judge = Judge(database_url)
    yield judge
    judge.db.dispose()


@pytest.fixture
def judge(database_url: str) -> Iterator[Judge]:
    """One that has been there for long, and has the turn."""
    judge = Judge(database_url)
    judge.passes(2 * LEASE)
    assert judge.has_turn
    yield judge
    judge.db.dispose()


@pytest.fixture
def other(judge: Judge, newcomer: Judge) -> Judge:
    """Another one that has been there for long, without the turn."""
    newcomer.passes(2 * LEASE)
    assert judge.has_turn
    return newcomer


class TestTurnAndHealth:
    """The turn is the first one's for as long as it keeps it, and only who is healthy judges: both at once."""

    def test_slow_reads_beside_the_holder_keep_no_attempt_alive(self, judge: Judge, database: Database) -> None:
        """An API process serves a slow list every other second, and ends a dead attempt all the same."""
        claim = factories.running(database, lease_seconds=LEASE)

        def slow_read() -> None:
            with database.read() as connection:
                connection.execute(select(Lock.name))
                judge.clock.now += 2.1

        assert judge.passes(LEASE, meanwhile=slow_read) == 1
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_a_holder_that_is_not_healthy_gives_the_turn_to_who_is(
        self, judge: Judge, other: Judge, database: Database
    ) -> None:
        """At once, not when the turn runs out; and takes it no more before another whole lease."""
        claim = factories.running(database, lease_seconds=LEASE)
        judge.reconciler._watch.health.fail()
        for _ in range(int(LEASE) - 1):
            judge.passes(1.0)
            other.passes(1.0)
            assert not judge.has_turn
        judge.passes(1.0)
        assert other.has_turn

        assert other.passes(2.0) == 1
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_a_holder_whose_every_pass_is_slow_does_not_keep_the_turn(
        self, judge: Judge, other: Judge, database: Database
    ) -> None:
        """Its own statements take more than two seconds: its word is worth nothing, another one's is."""
        claim = factories.running(database, lease_seconds=LEASE)
        write = judge.db.write

        def write_slowly(work: Callable[..., object]) -> object:
            judge.clock.now += 2.5
            return write(work)

        judge.db.write = write_slowly  # type: ignore[method-assign, assignment]
        for _ in range(int(LEASE) + 2):
            assert judge.passes(1.0) == 0
            other.passes(1.0)
        assert other.has_turn
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_a_holder_that_died_is_followed(self, judge: Judge, other: Judge, database: Database) -> None:
        """Once its turn has run out."""
        factories.running(database, lease_seconds=LEASE)
        past = {"expires_at": factories.EPOCH}
        database.write(lambda connection: connection.execute(update(Lock).values(past)))

        assert other.passes(LEASE + 2.0) == 1
        assert not judge.has_turn

    def test_jobs_are_published_whether_or_not_anybody_may_judge(self, newcomer: Judge, database: Database) -> None:
        """A message too many harms nobody, one too few keeps a job waiting."""
        job_id = factories.submit(database)
        database.write(lambda connection: connection.execute(factories.queued_long_ago(job_id)))

        newcomer.passes(1.0)

        assert [message[0] for message in newcomer.broker.messages] == [job_id]
        assert not newcomer.has_turn


class TestOutages:
    def test_after_an_outage_the_owners_come_first(self, judge: Judge, database: Database) -> None:
        """Their leases have all run out: they are given a whole one, from the first answer on."""
        live, dead = factories.running(database, lease_seconds=-1.0), factories.running(database, lease_seconds=-1.0)
        judge.passes(5.0)
        judge.db.away = True
        assert judge.passes(60.0) == 0
        judge.db.away = False

        judge.passes(1.0)
        assert not judge.has_turn
        beat = partial(attempts.heartbeat, database, live, LEASE)
        assert judge.passes(LEASE - 1.0, meanwhile=beat) == 0
        assert judge.passes(2.0, meanwhile=beat) == 1
        assert queries.job(database, live.job_id, actor=EVERYBODY)["status"] == "running"
        assert queries.job(database, dead.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_a_database_that_stood_still_was_unavailable(self, judge: Judge, database: Database) -> None:
        """Its answer came late, so did those to the owners."""
        factories.running(database, lease_seconds=-1.0)
        judge.passes(5.0)
        write = judge.db.write

        def write_after_a_while(work: Callable[..., object]) -> object:
            judge.db.write = write  # type: ignore[method-assign]
            judge.clock.now += 20.0
            return write(work)

        judge.db.write = write_after_a_while  # type: ignore[method-assign, assignment]
        assert judge.passes(1.0) == 0
        assert not judge.has_turn
        assert judge.passes(LEASE - 1.0) == 0
        assert judge.passes(2.0) == 1

    def test_a_process_that_has_just_begun_judges_nobody(self, newcomer: Judge, database: Database) -> None:
        """It cannot know who is late before it has looked for a whole lease."""
        factories.running(database, lease_seconds=-100.0)

        assert newcomer.passes(LEASE) == 0
        assert newcomer.passes(2.0) == 1

    def test_an_outage_in_the_middle_of_a_pass_counts_too(
        self, judge: Judge, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whichever of its statements found it."""

        def fail(*_: object) -> None:
            raise DatabaseUnavailable("It is away.")

        with monkeypatch.context() as patched:
            patched.setattr("shared.jobs.idempotency.forget_old", fail)
            assert judge.reconciler.run_once() is None
        factories.running(database, lease_seconds=-1.0)
        assert judge.passes(LEASE - 1.0) == 0


def test_who_can_read_but_not_write_is_not_healthy(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen writer keeps SQLite's lock: readers notice nothing of it, but no owner can renew a lease."""
    monkeypatch.setattr("shared.database.engine._BUSY_TIMEOUT_MS", 20)
    holder, judge = Database(sqlite_url), Database(sqlite_url)
    watch = LeaseWatch(judge, LEASE)
    watch.check()
    with holder.engine.connect().execution_options(flightline_write=True) as connection:
        connection.execute(select(Lock.name))
        with pytest.raises(DatabaseUnavailable, match="locked"):
            watch.check()
    assert watch.health.since is None
    for db in (holder, judge):
        db.dispose()

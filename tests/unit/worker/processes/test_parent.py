"""The parent process: what it sees of its child, and what it does about it."""

from __future__ import annotations

import math
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from shared.database.engine import Database
from shared.database.fork_gate import GATE
from shared.delivery.broker import Broker
from shared.delivery.reconciler import Reconciler
from shared.delivery.sweeps import SweepKeeper
from shared.errors import DatabaseUnavailable
from shared.fleet import workers
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import leases
from shared.jobs.status import WorkerState
from shared.timers import Deadline, Moment
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.fakes import FakeBroker, FlakyDatabase
from tests.support.servers import wait_until
from tests.unit.worker.processes.test_child_watch import looks
from worker.processes.child_state import ChildState
from worker.processes.child_watch import ChildWatch
from worker.processes.idle_watchdog import IdleWatchdog
from worker.processes.parent import Parent
from worker.processes.stop_flag import StopFlag
from worker.run_job.context import Context


class Deaths(ChildWatch):
    """A watch that sees the deaths that a test tells it of."""

    def __init__(self, child_state: ChildState) -> None:
        super().__init__(child_state, Deadline(1000.0, longest_look=1.0))
        self.waits: list[float] = []
        self._coming: queue.SimpleQueue[Callable[[], Moment | None]] = queue.SimpleQueue()

    def come(self, *deaths: Moment | None, then: Callable[[], object] = lambda: None) -> None:
        """What its next waits find, None for nothing; what happens in the one after these."""
        for death in deaths:
            self._coming.put(partial(_found, death))
        self._coming.put(partial(_found, None, then))

    def close(self, parent: Parent) -> None:
        """Close the parent in the wait after those."""
        self._coming.put(partial(_found, None, parent.close))

    def wait_for_death(self, closed: threading.Event, seconds: float = math.inf) -> Moment | None:
        """The next that the test has said."""
        self.waits.append(seconds)
        while not closed.is_set():
            try:
                return self._coming.get(timeout=0.01)()
            except queue.Empty:
                continue
        return None


def _parent(context: Context, watch: ChildWatch, reconciler: Reconciler, watchdog: IdleWatchdog) -> Parent:
    assert isinstance(context.stop, StopFlag)
    return Parent(
        context.settings.model_copy(update={"reconcile_seconds": 0.01}),
        context.identity,
        context.stop,
        db=context.db,
        broker=context.broker,
        reconciler=reconciler,
        sweeps=SweepKeeper(context.db, context.broker),
        watch=watch,
        watchdog=watchdog,
    )


def _found(death: Moment | None, then: Callable[[], object] = lambda: None) -> Moment | None:
    then()
    return death


class TestParent:
    @pytest.fixture
    def deaths(self, context: Context) -> Deaths:
        """What the parent's watch sees."""
        return Deaths(context.child_state)

    @pytest.fixture
    def reconciler(self, context: Context) -> Reconciler:
        """The parent's own."""
        return Reconciler(context.db, context.broker, context.settings.lease_seconds)

    @pytest.fixture
    def watchdog(self, context: Context) -> IdleWatchdog:
        """The parent's."""
        return IdleWatchdog(context.child_state, seconds=0.5)

    @pytest.fixture
    def parent(self, context: Context, deaths: Deaths, reconciler: Reconciler, watchdog: IdleWatchdog) -> Parent:
        """One whose threads do not run; Redis is a list."""
        return _parent(context, deaths, reconciler, watchdog)

    def test_the_real_parts(self, context: Context) -> None:
        """The reconciler has a database to itself, and a fork closes that one, too."""
        assert isinstance(context.stop, StopFlag)
        parent = Parent.build(context.settings, context.identity, context.stop, context.child_state)
        own = parent._reconciler._db
        assert own is not parent._db
        for db in (parent._db, own):
            db.ping()
        GATE.shut()
        GATE.open()
        assert [db.engine.pool.checkedin() for db in (parent._db, own)] == [0, 0]  # type: ignore[attr-defined]

    def test_a_fork_waits_for_redis_in_the_middle_of_a_pass(
        self,
        context: Context,
        deaths: Deaths,
        reconciler: Reconciler,
        watchdog: IdleWatchdog,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """No lock of Redis' library is copied while it is taken; the rest of the pass comes after the fork."""
        begun, go_on = threading.Event(), threading.Event()
        order: list[str] = []
        broker = Broker("unix:///none")

        def execute(_pipeline: object) -> list[int]:
            begun.set()
            go_on.wait()
            order.append("Redis")
            return [0] * 30

        monkeypatch.setattr("redis.client.Pipeline.execute", execute)
        parent = _parent(replace(context, broker=broker), deaths, reconciler, watchdog)
        monkeypatch.setattr(watchdog, "messages_wait", lambda _: order.append("pass"))

        def fork() -> None:
            GATE.shut()
            order.append("fork")
            GATE.open()

        threads = [threading.Thread(target=parent.look_after), threading.Thread(target=fork)]
        threads[0].start()
        begun.wait()
        threads[1].start()
        wait_until(lambda: GATE._closing, "the fork's wait")
        go_on.set()
        for thread in threads:
            thread.join()
        assert set(order) == {"Redis", "fork", "pass"}
        assert order[0] == "Redis"
        broker.close()

    def test_what_a_dead_child_was_at_is_queued_and_published(
        self, parent: Parent, deaths: Deaths, context: Context, db: FlakyDatabase
    ) -> None:
        """As soon as the database is back, where it was away at first; the watch goes on meanwhile."""
        job_id = factories.running(db, context.identity.id).job_id
        other = factories.running(db, "another").job_id
        db.away = True
        deaths.come(Moment.now(), None, None, then=lambda: setattr(db, "away", False))
        deaths.close(parent)
        parent.watch_deaths()
        (attempt,) = queries.attempts(db, job_id, actor=EVERYBODY)
        assert (attempt["outcome"], attempt["error"]["code"]) == ("lost", "worker_lost")
        assert queries.job(db, other, actor=EVERYBODY)["status"] == "running"
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id]
        assert deaths.waits == [math.inf, 0.01, 0.01, 0.01, math.inf]

    def test_a_death_is_dealt_with_while_the_reconciler_is_busy(
        self,
        parent: Parent,
        deaths: Deaths,
        reconciler: Reconciler,
        context: Context,
        db: FlakyDatabase,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Publishing ten thousand jobs again takes seconds, a database that stands still holds it up for longer."""
        job_id = factories.running(db, context.identity.id).job_id
        busy, go_on = threading.Event(), threading.Event()

        def pass_slowly() -> None:
            busy.set()
            go_on.wait()

        monkeypatch.setattr(reconciler, "run_once", pass_slowly)
        parent.start()
        try:
            assert busy.wait(30.0)
            deaths.come(Moment.now())
            wait_until(
                lambda: queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued", "the job being queued again"
            )
            assert not go_on.is_set()
        finally:
            go_on.set()
            parent.close()

    def test_a_bug_does_not_end_the_watch(
        self, parent: Parent, deaths: Deaths, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next death may be dealt with."""
        job_id = factories.running(db, context.identity.id).job_id
        crashes = [KeyError("a bug")]
        lose = leases.lose

        def crash_once(*arguments: Any, **options: Any) -> list[str]:
            if crashes:
                raise crashes.pop()
            return lose(*arguments, **options)

        monkeypatch.setattr(leases, "lose", crash_once)
        deaths.come(Moment.now(), Moment.now())
        deaths.close(parent)
        parent.watch_deaths()
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"

    def test_a_job_that_the_next_child_has_claimed_since_is_not_lost(
        self, parent: Parent, deaths: Deaths, context: Context, db: FlakyDatabase
    ) -> None:
        """The death may be dealt with late."""
        job_id = factories.running(db, context.identity.id).job_id
        now = Moment.now()
        deaths.come(replace(now, awake=now.awake - 60.0, since_boot=now.since_boot - 60.0))
        deaths.close(parent)
        parent.watch_deaths()
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "running"

    def test_a_child_that_was_killed_because_it_had_to_stop_has_released_its_job(
        self, parent: Parent, deaths: Deaths, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stop never uses up an attempt."""
        monkeypatch.setattr(threading.Timer, "start", lambda _: None)
        job_id = factories.running(db, context.identity.id).job_id
        parent.stop()
        assert context.stop.is_set()
        deaths.come(Moment.now())
        deaths.close(parent)
        parent.watch_deaths()
        assert [attempt["outcome"] for attempt in queries.attempts(db, job_id, actor=EVERYBODY)] == ["released"]
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"

    @pytest.mark.parametrize("failed, code", [(False, 0), (True, 1)])
    def test_a_stop_that_the_child_was_told_of_stops_the_worker(
        self, parent: Parent, context: Context, sigterms: list[int], failed: bool, code: int
    ) -> None:
        """By its own SIGTERM, or because it cannot start: it must not go on giving messages back."""
        assert isinstance(context.stop, StopFlag)
        (context.stop.fail if failed else context.stop.set)()
        parent.look_after()
        parent.look_after()
        assert sigterms == [os.getpid()]
        assert parent.exit_code == code

    def test_a_worker_that_is_not_listed_any_more_starts_anew(
        self, parent: Parent, context: Context, db: FlakyDatabase, sigterms: list[int], clock: Clock
    ) -> None:
        """Only its child can register, at its start."""
        parent.look_after()
        workers.register(db, context.identity, device_name=None, versions={}, datasets=[])
        for _ in range(2):
            clock.now += 60.0
            parent.look_after()
        assert sigterms == []
        (listed,) = queries.workers(db, silent_seconds=60)
        assert listed["state"] == WorkerState.IDLE
        workers.leave(db, context.identity.id)
        clock.now += 60.0
        parent.look_after()
        assert sigterms == [os.getpid()]
        assert parent.exit_code == 1

    def test_a_child_that_is_stuck_in_a_transaction_is_killed(
        self,
        context: Context,
        reconciler: Reconciler,
        watchdog: IdleWatchdog,
        clock: Clock,
        sqlite_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """SQLite is locked for everybody until then. One that gives signs of life is left alone."""
        monkeypatch.setattr("shared.database.engine._BUSY_TIMEOUT_MS", 10)
        db = Database(sqlite_url)
        watch = ChildWatch(context.child_state, Deadline(1.0, longest_look=0.6))
        killed: list[None] = []
        monkeypatch.setattr(watch, "kill", lambda: killed.append(None))
        parent = _parent(replace(context, db=db), watch, reconciler, watchdog)

        def looked() -> int:
            clock.now += 0.6
            with pytest.raises(DatabaseUnavailable):
                parent.look_after()
            return len(killed)

        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as stuck, context.child_state.at_work():
            stuck.execute("BEGIN IMMEDIATE")
            for _ in range(4):
                context.child_state.beat()
                assert looked() == 0
            assert [looked(), looked()] == [0, 1]
        db.dispose()

    def test_a_worker_that_is_passed_over_exits_for_its_supervisor(
        self, parent: Parent, context: Context, watchdog: IdleWatchdog, clock: Clock
    ) -> None:
        """Messages of its own queues count, those of others do not."""
        context.child_state.ready()
        context.broker.enqueue_many([("0192", "cuda", 5)])
        for _ in range(4):
            parent.look_after()
            assert looks(watchdog, clock, 1) == [None]
        context.broker.enqueue_many([("0193", "cpu", 5)])
        reasons = []
        for _ in range(3):
            parent.look_after()
            reasons += looks(watchdog, clock, 1)
        assert "not delivered" in str(reasons[-1])

    def test_it_leaves_the_list_at_its_end(self, parent: Parent, context: Context, db: FlakyDatabase) -> None:
        """Where the database answers; otherwise it goes all the same."""
        workers.register(db, context.identity, device_name=None, versions={}, datasets=[])
        parent.close()
        assert queries.workers(db, silent_seconds=60) == []
        db.away = True
        parent.close()

    @pytest.fixture
    def sigterms(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """To whom the parent sent one."""
        sent: list[int] = []
        monkeypatch.setattr(os, "kill", lambda pid, _: sent.append(pid))
        monkeypatch.setattr(threading.Timer, "start", lambda _: None)
        return sent

"""The parent process: what it sees of its child, and what it does about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from shared import queries, workers
from shared.forks import GATE
from shared.status import WorkerState
from tests import factories
from tests.fakes import FakeBroker, FlakyDatabase
from tests.servers import wait_until
from worker.context import Context
from worker.liveness import Liveness
from worker.parent import Parent
from worker.stop import StopFlag
from worker.vitals import Vitals
from worker.watcher import ChildWatch


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Something that lives until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


class TestLiveness:
    def test_a_silent_database_is_noticed_after_some_ticks(self) -> None:
        """Each answer starts the count anew."""
        liveness = Liveness(Vitals(), patience_ticks=2)
        assert [liveness.tick() for _ in range(2)] == [None, None]
        liveness.database_answered()
        assert [liveness.tick() for _ in range(3)] == [None, None, None]
        assert "database" in str(liveness.tick())

    def test_a_message_that_is_not_delivered_is_noticed(self) -> None:
        """It lies there while the child is idle and takes nothing."""
        vitals = Vitals()
        vitals.ready()
        assert "Redis" in str(self._ticks(vitals, 3)[-1])

    @pytest.mark.parametrize("why", ["not ready", "nothing waits", "takes others", "at work"])
    def test_a_worker_that_is_not_passed_over_is_left_alone(self, why: str) -> None:
        """Messages may wait for others, or behind others."""
        vitals = Vitals()
        if why != "not ready":
            vitals.ready()
        if why == "at work":
            with vitals.at_work():
                assert set(self._ticks(vitals, 5)) == {None}
            return
        ticks = self._ticks(vitals, 5, waiting=int(why != "nothing waits"), take=why == "takes others")
        assert set(ticks) == {None}

    def test_a_worker_that_trains_is_left_alone_without_the_database(self) -> None:
        """Its lease decides: a database that comes back within a minute costs no running job."""
        vitals = Vitals()
        liveness = Liveness(vitals, patience_ticks=2)
        with vitals.at_work():
            assert {liveness.tick() for _ in range(10)} == {None}

    @staticmethod
    def _ticks(vitals: Vitals, count: int, *, waiting: int = 1, take: bool = False) -> list[str | None]:
        liveness, ticks = Liveness(vitals, patience_ticks=2), []
        for _ in range(count):
            liveness.database_answered()
            liveness.messages_wait(waiting)
            if take:
                with vitals.at_work():
                    pass
            ticks.append(liveness.tick())
        return ticks


class TestChildWatch:
    def test_a_death_is_seen_at_once(self, process: subprocess.Popen[bytes]) -> None:
        """However long the wait is meant to be."""
        vitals = Vitals()
        vitals.born(process.pid)
        watch = ChildWatch(vitals, 3)
        threading.Timer(0.01, process.kill).start()
        watch.wait(1000.0, threading.Event())
        assert watch.died_at is not None
        assert watch.died_at <= time.monotonic()

    def test_a_child_that_lives_is_waited_for_no_longer_than_told(self, process: subprocess.Popen[bytes]) -> None:
        """Then other things have their turn."""
        vitals = Vitals()
        vitals.born(process.pid)
        watch = ChildWatch(vitals, 3)
        watch.wait(0.01, threading.Event())
        assert watch.died_at is None

    def test_a_death_is_told_once(self, process: subprocess.Popen[bytes]) -> None:
        """Until there is another child; closing ends the wait for that."""
        vitals, closed = Vitals(), threading.Event()
        vitals.born(process.pid)
        process.kill()
        process.wait()
        watch = ChildWatch(vitals, 3)
        watch.wait(1.0, closed)
        watch.died_at = None
        closed.set()
        watch.wait(1000.0, closed)
        assert watch.died_at is None
        watch.kill()  # of a process id that is somebody else's by now

    def test_a_working_child_without_a_sign_of_life_is_killed(self, process: subprocess.Popen[bytes]) -> None:
        """Beats and reprieves start the count anew; an idle child has none to give."""
        vitals = Vitals()
        vitals.born(process.pid)
        watch = ChildWatch(vitals, 2)
        for _ in range(5):
            watch.kill_if_stuck()
        with vitals.at_work():
            for _ in range(5):
                vitals.beat()
                watch.kill_if_stuck()
            for _ in range(2):
                watch.kill_if_stuck()
            watch.reprieve()
            for _ in range(2):
                watch.kill_if_stuck()
            assert process.poll() is None
            watch.kill_if_stuck()
        assert process.wait(30) == -signal.SIGKILL


class TestParent:
    @pytest.fixture
    def parent(self, context: Context) -> Parent:
        """One whose threads do not run; Redis is a list."""
        assert isinstance(context.stop, StopFlag)
        parent = Parent(context.settings, context.identity, context.stop, context.vitals)
        parent._db.dispose()
        parent._db = context.db
        parent._broker = parent._reconciler._broker = context.broker
        parent._reconciler._db = context.db
        return parent

    def test_a_fork_waits_for_the_end_of_a_pass(self, parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
        """No lock of the database's or Redis' library is copied while it is taken."""
        begun, go_on = threading.Event(), threading.Event()
        order: list[str] = []

        def look_after() -> None:
            begun.set()
            go_on.wait()
            order.append("pass")
            parent._closed.set()

        monkeypatch.setattr(parent, "_look_after", look_after)
        monkeypatch.setattr(parent._watch, "wait", lambda *_: None)

        def fork() -> None:
            GATE.shut()
            order.append("fork")
            GATE.open()

        threads = [threading.Thread(target=parent._run), threading.Thread(target=fork)]
        threads[0].start()
        begun.wait()
        threads[1].start()
        wait_until(lambda: GATE._closing, "the fork's wait")
        go_on.set()
        for thread in threads:
            thread.join()
        assert order == ["pass", "fork"]

    def test_what_a_dead_child_was_at_is_queued_and_published(
        self, parent: Parent, context: Context, db: FlakyDatabase
    ) -> None:
        """In the next pass, too, where the database was away in the first."""
        job_id = factories.running(db, context.identity.id).job_id
        other = factories.running(db, "another").job_id
        context.broker.plant_sentinel()
        parent._watch.died_at = time.monotonic()
        db.away = True
        with pytest.raises(Exception, match="away"):
            parent._look_after()
        db.away = False
        parent._look_after()
        (attempt,) = queries.attempts(db, job_id)
        assert (attempt["outcome"], attempt["error"]["code"]) == ("lost", "worker_lost")
        assert queries.job(db, other)["status"] == "running"
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id]

    def test_a_job_that_the_next_child_has_claimed_since_is_not_lost(
        self, parent: Parent, context: Context, db: FlakyDatabase
    ) -> None:
        """The death may be dealt with late."""
        job_id = factories.running(db, context.identity.id).job_id
        parent._watch.died_at = time.monotonic() - 60.0
        parent._look_after()
        assert queries.job(db, job_id)["status"] == "running"

    def test_a_child_that_was_killed_because_it_had_to_stop_has_released_its_job(
        self, parent: Parent, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stop never uses up an attempt."""
        monkeypatch.setattr(threading.Timer, "start", lambda _: None)
        job_id = factories.running(db, context.identity.id).job_id
        parent.stop()
        assert context.stop.is_set()
        parent._watch.died_at = time.monotonic()
        parent._look_after()
        assert [attempt["outcome"] for attempt in queries.attempts(db, job_id)] == ["released"]
        assert queries.job(db, job_id)["status"] == "queued"

    @pytest.mark.parametrize("failed, code", [(False, 0), (True, 1)])
    def test_a_stop_that_the_child_was_told_of_stops_the_worker(
        self, parent: Parent, context: Context, sigterms: list[int], failed: bool, code: int
    ) -> None:
        """By its own SIGTERM, or because it cannot start: it must not go on giving messages back."""
        assert isinstance(context.stop, StopFlag)
        (context.stop.fail if failed else context.stop.set)()
        parent._look_after()
        parent._look_after()
        assert sigterms == [os.getpid()]
        assert parent.exit_code == code

    def test_a_worker_that_is_not_listed_any_more_starts_anew(
        self, parent: Parent, context: Context, db: FlakyDatabase, sigterms: list[int]
    ) -> None:
        """Only its child can register, at its start."""
        parent._look_after()
        workers.register(db, context.identity, device_name=None, versions={}, datasets=[])
        for _ in range(2):
            parent._reported = -1e9
            parent._look_after()
        assert sigterms == []
        (listed,) = queries.workers(db, silent_seconds=60)
        assert listed["state"] == WorkerState.IDLE
        workers.leave(db, context.identity.id)
        parent._reported = -1e9
        parent._look_after()
        assert sigterms == [os.getpid()]
        assert parent.exit_code == 1

    def test_a_worker_that_is_passed_over_exits_for_its_supervisor(
        self, parent: Parent, context: Context, db: FlakyDatabase, sigterms: list[int]
    ) -> None:
        """Messages of its own queues count, those of others do not."""
        context.vitals.ready()
        parent._liveness = Liveness(context.vitals, patience_ticks=1)
        context.broker.enqueue("0192", "cuda", 5)
        for _ in range(4):
            parent._look_after()
            assert parent._liveness.tick() is None
        context.broker.enqueue("0193", "cpu", 5)
        reasons = []
        for _ in range(3):
            parent._look_after()
            reasons.append(parent._liveness.tick())
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

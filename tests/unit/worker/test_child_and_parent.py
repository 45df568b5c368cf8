"""The two processes of a worker, in one: what the child tells, and what the parent does about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shared import queries, workers
from shared.status import WorkerState
from tests import factories
from tests.fakes import FakeBroker
from tests.servers import wait_until
from tests.unit.worker.conftest import FlakyDatabase
from worker import child as child_module
from worker.child import Child
from worker.context import Context
from worker.delivery import LateRequest
from worker.liveness import Liveness
from worker.loading import Loader
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


class TestStopFlag:
    def test_it_is_set_once_and_says_whether_that_was_a_failure(self) -> None:
        """A failure outweighs a request."""
        stop = StopFlag()
        assert not stop.is_set()
        stop.set()
        assert stop.is_set()
        assert not stop.failed
        stop.fail()
        stop.set()
        assert stop.failed

    def test_sigterm_sets_it(self) -> None:
        """Instead of killing the process in the middle of a step."""
        stop, before = StopFlag(), signal.getsignal(signal.SIGTERM)
        try:
            stop.set_on_sigterm()
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(stop.is_set, "the flag")
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_a_forked_process_shares_it(self) -> None:
        """It is made before the fork."""
        code = """
import os
from worker.stop import StopFlag
stop = StopFlag()
if os.fork() == 0:
    stop.set()
    os._exit(0)
os.wait()
raise SystemExit(not stop.is_set())
"""
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestVitals:
    def test_a_child_is_idle_once_ready_and_while_not_at_work(self) -> None:
        """A new child begins as not ready, whatever the one before it was at."""
        vitals = Vitals()
        assert (vitals.pid, vitals.idle, vitals.working) == (0, False, False)
        vitals.born(7)
        vitals.ready()
        assert (vitals.pid, vitals.idle) == (7, True)
        with vitals.at_work():
            assert (vitals.idle, vitals.working, vitals.taken) == (False, True, 1)
            vitals.born(8)
        assert (vitals.pid, vitals.idle, vitals.working) == (8, False, False)


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


class TestChild:
    @staticmethod
    def _child(context: Context) -> Child:
        child = Child(context.settings, context.device, context.identity, context.stop, context.vitals)  # type: ignore[arg-type]
        child._context = context
        return child

    def test_it_registers_and_is_ready(
        self, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Once the database answers."""
        monkeypatch.setattr(child_module, "_RETRY_SECONDS", 0.001)
        monkeypatch.setattr(Context, "build", lambda *_: context)
        db.away = True
        threading.Timer(0.05, lambda: setattr(db, "away", False)).start()
        self._child(context).start()
        assert context.vitals.idle
        assert context.vitals.pid == os.getpid()
        (worker,) = queries.workers(db, silent_seconds=60)
        assert worker["id"] == context.identity.id

    def test_one_that_cannot_start_stops_its_worker(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes no messages."""

        def fail(*_: object) -> Context:
            raise ImportError("No module named 'torch'")

        monkeypatch.setattr(Context, "build", fail)
        child = self._child(context)
        child.start()
        assert context.stop.is_set()
        assert isinstance(context.stop, StopFlag)
        assert context.stop.failed
        assert not context.vitals.idle
        child.run("0192")

    def test_a_message_that_comes_after_the_stop_is_given_back(self, context: Context, db: FlakyDatabase) -> None:
        """Another worker may have it at once."""
        job_id = factories.submit(db)
        assert isinstance(context.stop, StopFlag)
        context.stop.set()
        _keep_sigterm(self._child(context).run, job_id)
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id]
        assert queries.job(db, job_id)["status"] == "queued"

    def test_nothing_escapes_a_message(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """Celery would only log it; the worker goes on, idle."""
        from worker import task

        def crash(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(task, "run", crash)
        context.vitals.ready()
        _keep_sigterm(self._child(context).run, "0192")
        assert context.vitals.idle


class TestParent:
    @pytest.fixture
    def parent(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> Parent:
        """One whose threads do not run; Redis is a list."""
        monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
        assert isinstance(context.stop, StopFlag)
        parent = Parent(context.settings, context.identity, context.stop, context.vitals)
        parent._db.dispose()
        parent._db = context.db
        parent._broker = parent._reconciler._broker = context.broker
        parent._reconciler._db = context.db
        return parent

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


class TestLoader:
    def test_it_does_one_thing_after_another(self) -> None:
        """What was given up goes on, and the next waits for it; what was given up before its turn never runs."""
        loader, gate, done = Loader(), threading.Event(), list[str]()
        first = loader.submit(lambda: gate.wait(30.0) and done.append("first"))  # type: ignore[func-returns-value]
        second = loader.submit(lambda: done.append("second"))
        third = loader.submit(lambda: done.append("third"))
        second.cancel()
        gate.set()
        third.result(30.0)
        assert first.done()
        assert done == ["first", "third"]

    def test_errors_come_back(self) -> None:
        """And the thread lives on."""
        loader = Loader()
        with pytest.raises(ZeroDivisionError):
            loader.submit(lambda: 1 / 0).result(30.0)
        assert loader.submit(lambda: "next").result(30.0) == "next"


class TestLateRequest:
    @pytest.mark.parametrize("acknowledged", [True, False])
    def test_a_message_that_could_not_be_acknowledged_makes_the_consumer_connect_anew(
        self, monkeypatch: pytest.MonkeyPatch, acknowledged: bool
    ) -> None:
        """Looked at two rounds of its loop later: the acknowledgement itself is done in the next."""
        soon: list[Any] = []

        class Consumer:
            @staticmethod
            def call_soon(function: Any, *arguments: Any) -> None:
                soon.append((function, arguments))

        class Message:
            pass

        message = Message()
        message.acknowledged = acknowledged  # type: ignore[attr-defined]
        monkeypatch.setattr(LateRequest, "consumer", Consumer)
        request: Any = LateRequest.__new__(LateRequest)
        request.acknowledged, request._message = False, message
        request._on_ack, request._connection_errors = (lambda *_: None), ()
        request.acknowledge()
        ((again, (verify,)),) = soon
        again(verify)
        (_, (function, _)) = soon
        if acknowledged:
            function()
        else:
            with pytest.raises(ConnectionError):
                function()


def _keep_sigterm(call: Any, *arguments: Any) -> None:
    """A child's message sets the handler of its process; here that is the tests'."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        call(*arguments)
    finally:
        signal.signal(signal.SIGTERM, before)

"""The child process: its flag, its start, its messages, its loader."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from tests.support import factories
from tests.support.fakes import FakeBroker, FlakyDatabase
from tests.support.servers import wait_until
from worker.device_pin import Device, NoSuchDevice
from worker.processes import child as child_module
from worker.processes import memory
from worker.processes.child import Child
from worker.processes.child_state import ChildState
from worker.processes.late_ack import LateRequest
from worker.processes.stop_flag import StopFlag
from worker.run_job.context import Context


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
        """Instead of killing the process in the middle of a step; afterwards it means what it meant before."""
        stop, before = StopFlag(), signal.getsignal(signal.SIGTERM)
        with stop.set_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(stop.is_set, "the flag")
        assert signal.getsignal(signal.SIGTERM) is before

    def test_a_forked_process_shares_it(self) -> None:
        """It is made before the fork."""
        code = """
import os
from worker.processes.stop_flag import StopFlag
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
        child_state = ChildState()
        assert (child_state.pid, child_state.idle, child_state.working) == (0, False, False)
        child_state.born(7)
        child_state.ready()
        assert (child_state.pid, child_state.idle) == (7, True)
        with child_state.at_work():
            assert (child_state.idle, child_state.working, child_state.taken) == (False, True, 1)
            child_state.born(8)
        assert (child_state.pid, child_state.idle, child_state.working) == (8, False, False)


class TestChild:
    @staticmethod
    def _child(context: Context) -> Child:
        child = Child(context.settings, context.device, context.identity, context.stop, context.child_state)  # type: ignore[arg-type]
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
        assert context.child_state.idle
        assert context.child_state.pid == os.getpid()
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
        assert not context.child_state.idle
        child.run("0192")

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A GPU that torch cannot use."""

        def refuse(device: Device) -> None:
            raise NoSuchDevice(f"torch cannot use {device.name}: the driver is too old.")

        monkeypatch.setattr(child_module, "require_usable", refuse)

    def test_a_device_that_cannot_be_used_ends_the_worker(
        self, context: Context, broken: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Before it takes a message; the log says why, in one line."""
        self._child(context).start()
        assert isinstance(context.stop, StopFlag)
        assert context.stop.failed
        assert not context.child_state.idle
        (record,) = [record for record in caplog.records if record.message == "device_unusable"]
        assert record.__dict__["reason"] == "torch cannot use cpu: the driver is too old."
        assert record.exc_info is None

    def test_a_device_that_fails_under_a_job_gets_no_other(
        self, context: Context, broken: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its process could only fail them too; another worker takes them, or this one when it starts again."""
        from worker.run_job import task

        ran: list[str] = []
        monkeypatch.setattr(task, "run", lambda _: ran.append("a job"))
        child = self._child(context)
        child.run("0192")
        child.run("0193")
        assert ran == ["a job"]
        assert isinstance(context.stop, StopFlag)
        assert context.stop.failed

    def test_a_message_that_comes_after_the_stop_is_given_back(self, context: Context, db: FlakyDatabase) -> None:
        """Another worker may have it at once."""
        job_id = factories.submit(db)
        assert isinstance(context.stop, StopFlag)
        context.stop.set()
        self._child(context).run(job_id)
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id]
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"

    def test_nothing_escapes_a_message(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """Celery would only log it; the worker goes on, idle."""
        from worker.run_job import task

        def crash(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(task, "run", crash)
        context.child_state.ready()
        self._child(context).run("0192")
        assert context.child_state.idle

    def test_an_idle_child_gives_memory_back(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once no job follows for a while: jobs in a row would pay for it again and again."""
        from worker.run_job import task

        given = threading.Event()
        cancelled: list[bool] = []
        monkeypatch.setattr(memory, "IDLE_SECONDS", 1000.0)
        monkeypatch.setattr(memory, "give_back", given.set)
        child = self._child(context)
        monkeypatch.setattr(task, "run", lambda *_: cancelled.append(child._rest.finished.is_set()))
        for job_id in ("0192", "0193"):
            child.run(job_id)
            assert not child._rest.finished.is_set()
        assert cancelled == [True, True]
        child._rest.cancel()
        child._rest.function()
        assert given.is_set()


@pytest.mark.skipif(not platform.libc_ver()[0], reason="the C library is not glibc")
def test_memory_is_given_back() -> None:
    """What lies free below something that is still in use, too."""
    code = """
from pathlib import Path
from worker.processes.memory import give_back

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])

empty = resident()
blocks = [b"x" * (100_000 + n) for n in range(1000)]
full = resident()
del blocks[:-1]
give_back()
assert resident() - empty < (full - empty) / 4, (empty, full, resident())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


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

"""What a call to the storage waits for, and what ends the wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.errors import StorageError, StorageUnavailable
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.settings import Settings
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.fakes import FlakyDatabase
from worker.processes.stop_flag import StopFlag
from worker.run_job.lease import Lease
from worker.run_job.records import storage_access
from worker.run_job.records.recorder import Recorder
from worker.run_job.records.storage_access import StorageAccess
from worker.training.errors import CancelRequested, JobInterrupted, LeaseLost, StopRequested, TimedOut


class Parts:
    """An attempt's access, and a storage that is unavailable until told otherwise.

    Attributes:
        calls: how often the storage was called.
        refusals: how many calls are refused before one is answered.
    """

    def __init__(self, db: FlakyDatabase, settings: Settings) -> None:
        self.db = db
        self.claim = factories.running(db, limits={"timeout_seconds": 100})
        self.stop = StopFlag()
        self.killed: list[bool] = []
        self.lease = Lease(db, self.claim, settings, self.stop, hung=lambda: self.killed.append(True))
        self.recorder = Recorder(db, self.claim, log_lines=50)
        self.access = StorageAccess(self.lease, self.recorder, stop_grace_seconds=0.4)
        self.calls = 0
        self.refusals = 10**9
        self.during: Callable[[], object] = lambda: None
        self.over = threading.Event()

    def refuse(self) -> str:
        """A storage that says that it is unavailable."""
        self.calls += 1
        if self.calls == 2:
            self.during()
        if self.calls <= self.refusals:
            raise StorageUnavailable("503 SlowDown")
        return "answer"

    def say_nothing(self) -> str:
        """A storage that takes the call and never answers."""
        self.during()
        self.over.wait(60)
        return "answer"

    @property
    def lines(self) -> list[str]:
        """What the job's log is to say."""
        return [line.message for line in self.recorder.pending_lines()]


@pytest.fixture
def parts(db: FlakyDatabase, worker_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """One whose pauses are short."""
    for name in ("_FIRST_DELAY_SECONDS", "_LONGEST_DELAY_SECONDS", "_LISTEN_SECONDS"):
        monkeypatch.setattr(storage_access, name, 0.002)
    monkeypatch.setattr("worker.run_job.records.recorder.WRITE_SECONDS", 1e9)
    parts = Parts(db, worker_settings)
    yield parts
    parts.over.set()


def _cancel(parts: Parts) -> None:
    actions.cancel(parts.db, parts.claim.job_id, actor=EVERYBODY)
    parts.lease.beat()


def _lose(parts: Parts) -> None:
    attempts.end(parts.db, parts.claim, Ending(Outcome.RELEASED))
    parts.lease.beat()


def _time_out(parts: Parts) -> None:
    object.__setattr__(parts.claim, "running_seconds", 1e9)
    parts.lease.beat()


INTERRUPTIONS: list[tuple[Callable[[Parts], None], type[JobInterrupted]]] = [
    (_cancel, CancelRequested),
    (_lose, LeaseLost),
    (_time_out, TimedOut),
    (lambda parts: parts.stop.set(), StopRequested),
]


@pytest.mark.parametrize("way", ["fetch", "store"])
def test_a_storage_that_is_unavailable_is_waited_for(parts: Parts, way: str) -> None:
    """The job's log has a line when the wait begins, with its reason, and one when it ends."""
    parts.refusals = 5
    assert getattr(parts.access, way)(parts.refuse) == "answer"
    assert parts.calls == 6
    first, last = parts.lines
    assert first == "Waiting for the artifact storage: 503 SlowDown"
    assert last.startswith("The artifact storage answers again after")


@pytest.mark.parametrize("way", ["fetch", "store"])
def test_one_that_answers_is_nothing_to_write_of(parts: Parts, way: str) -> None:
    """It is asked once."""
    parts.refusals = 0
    assert getattr(parts.access, way)(parts.refuse) == "answer"
    assert (parts.calls, parts.lines) == (1, [])


@pytest.mark.parametrize("way", ["fetch", "store"])
@pytest.mark.parametrize("storage", ["refuse", "say_nothing"])
@pytest.mark.parametrize("happen, reason", INTERRUPTIONS, ids=[reason.__name__ for _, reason in INTERRUPTIONS])
def test_what_ends_an_attempt_ends_the_wait(
    parts: Parts, way: str, storage: str, happen: Callable[[Parts], None], reason: type[JobInterrupted]
) -> None:
    """Also where a call gives no answer at all: the thread that made it is left behind."""
    parts.during = lambda: happen(parts)
    with pytest.raises(reason):
        getattr(parts.access, way)(getattr(parts, storage))


def test_a_stop_leaves_a_write_its_share_of_the_grace(parts: Parts) -> None:
    """What it still manages to write counts."""
    parts.access = StorageAccess(parts.lease, parts.recorder, stop_grace_seconds=3600.0)
    parts.refusals = 3
    parts.during = parts.stop.set
    assert parts.access.store(parts.refuse) == "answer"


@pytest.mark.parametrize("way", ["fetch", "store"])
def test_what_needs_somebody_to_act_is_not_waited_for(parts: Parts, way: str) -> None:
    """A full disk, a missing file."""

    def full() -> None:
        raise StorageError("No space left on device")

    with pytest.raises(StorageError):
        getattr(parts.access, way)(full)
    assert parts.lines == []


def test_a_silent_storage_is_said_to_be_waited_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; the same call goes on."""
    monkeypatch.setattr(storage_access, "SILENT_SECONDS", 0.01)
    look = parts.lease.rest

    def rest() -> None:
        look()
        if parts.lines:
            parts.over.set()

    monkeypatch.setattr(parts.lease, "rest", rest)
    assert parts.access.store(parts.say_nothing) == "answer"
    assert parts.lines[0] == "Waiting for the artifact storage: The artifact storage gives no answer."
    assert len(parts.lines) == 2


def test_a_long_wait_is_no_hung_loop_and_keeps_its_lease(clock: Clock, parts: Parts) -> None:
    """Hours pass, the beats go on, and nobody kills the process; before the first step as well as after it."""
    for _ in range(50):
        clock.now += 200.0
        object.__setattr__(parts.claim, "running_seconds", 1000.0 - clock.now)  # its own time limit is another matter
        parts.lease.beat()
        parts.lease.rest()
        assert not parts.lease.stalled()
    clock.now += 700.0
    parts.lease.beat()
    assert parts.lease.stalled()


class TestStoreSoon:
    """A write that the run can do without for now."""

    def test_one_that_is_refused_is_not_repeated(self, parts: Parts) -> None:
        """The run goes on."""
        with pytest.raises(StorageUnavailable):
            parts.access.store_soon(parts.refuse, 60)
        assert (parts.calls, parts.lines) == (1, [])

    def test_one_without_an_answer_is_given_up(self, parts: Parts) -> None:
        """Its thread is left behind; a stop that comes meanwhile is left to the loop."""
        parts.during = parts.stop.set
        with pytest.raises(StorageUnavailable, match="no answer for long"):
            parts.access.store_soon(parts.say_nothing, 0.01)

    def test_at_a_stop_it_is_repeated(self, parts: Parts) -> None:
        """It is the state that the next attempt goes on from."""
        parts.access = StorageAccess(parts.lease, parts.recorder, stop_grace_seconds=3600.0)
        parts.stop.set()
        parts.refusals = 3
        assert parts.access.store_soon(parts.refuse, 60) == "answer"

    @pytest.mark.parametrize("storage", ["refuse", "say_nothing"])
    def test_at_a_stop_it_is_given_up_in_time_for_the_release(self, parts: Parts, storage: str) -> None:
        """The state before it still counts."""
        parts.stop.set()
        with pytest.raises(StorageUnavailable, match="time that a stop has"):
            parts.access.store_soon(getattr(parts, storage), 60)

    @pytest.mark.parametrize("happen, reason", INTERRUPTIONS[:3], ids=["cancel", "loss", "timeout"])
    def test_what_ends_an_attempt_ends_it(
        self, parts: Parts, happen: Callable[[Parts], None], reason: type[JobInterrupted]
    ) -> None:
        """As it does the loop."""
        parts.during = lambda: happen(parts)
        with pytest.raises(reason):
            parts.access.store_soon(parts.say_nothing, 60)


def test_tidying_up_waits_only_a_moment(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that is silent must not keep the worker from its next job."""
    done: list[Any] = []
    monkeypatch.setattr(storage_access, "_CLEAN_UP_SECONDS", 60.0)
    storage_access.clean_up(lambda: done.append(1))
    assert done == [1]
    monkeypatch.setattr(storage_access, "_CLEAN_UP_SECONDS", 0.01)
    storage_access.clean_up(parts.say_nothing)


def test_a_call_without_an_answer_keeps_no_process_from_ending(parts: Parts) -> None:
    """Its thread is a daemon."""
    storage_access.call_in_thread(parts.say_nothing)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "storage")

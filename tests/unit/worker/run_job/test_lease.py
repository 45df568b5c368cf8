"""The lease beside the loop: renewed, lost, cut off, timed out, hung."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import Mock

import pytest

from shared.database.engine import Database
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import leases
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.settings import Settings
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.fakes import FlakyDatabase
from tests.support.servers import wait_until
from worker.processes.stop_flag import StopFlag
from worker.run_job.lease import FENCE_FRACTION, Lease
from worker.training.errors import CancelRequested, LeaseLost, StopRequested, TimedOut


class Parts:
    """A lease whose beats the test gives, and what it did."""

    def __init__(self, db: FlakyDatabase, settings: Settings, **document: Any) -> None:
        self.db = db
        self.claim: Claim = factories.running(db, **document)
        self.stop = StopFlag()
        self.killed: list[bool] = []
        self.lease = Lease(db, self.claim, settings, self.stop, hung=lambda: self.killed.append(True))

    def lose(self) -> None:
        """Have the attempt ended by somebody else."""
        leases.lose(self.db, "host:cpu:1", Ending(Outcome.LOST, "lost", "gone", retryable=True))


@pytest.fixture
def parts(db: FlakyDatabase, worker_settings: Settings, clock: Clock) -> Parts:
    """Just claimed."""
    return Parts(db, worker_settings, limits={"timeout_seconds": 500})


def test_a_step_passes_while_the_lease_is_renewed(parts: Parts, clock: Clock) -> None:
    """For as long as beats come in time."""
    for _ in range(5):
        clock.now += 10.0
        parts.lease.beat()
        parts.lease.check()


def test_a_lost_job_ends_the_loop_at_its_next_step(parts: Parts) -> None:
    """The beat finds the row to be no longer this attempt's."""
    parts.lose()
    parts.lease.beat()
    assert parts.lease.lost
    for blocked in (parts.lease.check, parts.lease.listen, lambda: parts.lease.wait(0.0)):
        with pytest.raises(LeaseLost):
            blocked()


def test_a_cancel_is_seen_with_the_beat(parts: Parts) -> None:
    """By a step, and while data are loaded."""
    actions.cancel(parts.db, parts.claim.job_id, actor=EVERYBODY)
    parts.lease.check()
    parts.lease.beat()
    with pytest.raises(CancelRequested):
        parts.lease.check()
    with pytest.raises(CancelRequested):
        parts.lease.listen()


def test_a_stop_is_seen_at_once(parts: Parts) -> None:
    """It needs no beat."""
    parts.stop.set()
    with pytest.raises(StopRequested):
        parts.lease.check()
    with pytest.raises(StopRequested):
        parts.lease.listen()


def test_a_lost_job_matters_more_than_a_stop(parts: Parts) -> None:
    """Nothing more may be written, not even the release."""
    parts.stop.set()
    parts.lose()
    parts.lease.beat()
    with pytest.raises(LeaseLost):
        parts.lease.check()


def test_the_timeout_counts_this_attempt_and_those_before(
    db: FlakyDatabase, worker_settings: Settings, clock: Clock
) -> None:
    """Forty seconds of earlier attempts leave sixty of a hundred."""
    parts = Parts(db, worker_settings, limits={"timeout_seconds": 100})
    object.__setattr__(parts.claim, "running_seconds", 40.0)
    clock.now += 59.0
    parts.lease.beat()
    parts.lease.check()
    clock.now += 2.0
    parts.lease.beat()
    with pytest.raises(TimedOut):
        parts.lease.check()


class TestCutOff:
    def test_the_loop_goes_on_without_the_database_until_the_fence(self, parts: Parts, clock: Clock) -> None:
        """A beat that fails is no reason to stop yet."""
        parts.db.away = True
        clock.now += FENCE_FRACTION * 15.0 - 0.1
        parts.lease.beat()
        parts.lease.check()

    def test_it_then_waits_at_its_step_and_goes_on_once_a_beat_gets_through(self, parts: Parts, clock: Clock) -> None:
        """Nobody has taken the job: it is still ours, however late."""
        clock.now += 60.0
        released = _check_in_a_thread(parts.lease)
        wait_until(lambda: clock.naps, "the loop waiting")
        assert not released.is_set()
        parts.lease.beat()
        assert released.wait(30.0)

    def test_it_ends_once_a_beat_says_that_the_job_is_lost(self, parts: Parts, clock: Clock) -> None:
        """A paused process wakes up, and waits for a beat before it takes another step."""
        parts.lose()
        clock.now += 60.0
        parts.lease.beat()
        with pytest.raises(LeaseLost):
            parts.lease.check()

    def test_a_stop_ends_the_wait(self, parts: Parts, clock: Clock) -> None:
        """A worker can be stopped while the database is away."""
        clock.now += 60.0
        parts.stop.set()
        with pytest.raises(StopRequested):
            parts.lease.check()


class TestSleep:
    @pytest.mark.parametrize("pause", ["asleep", "set_by_hand"])
    def test_the_loop_waits_after_a_sleep_for_the_word_that_the_job_is_its_own(
        self, parts: Parts, clock: Clock, pause: str
    ) -> None:
        """The clock that stands still in it says nothing of it; a virtual machine's sleep is seen on its wall clock."""
        setattr(clock, pause, 60.0)
        released = _check_in_a_thread(parts.lease)
        wait_until(lambda: clock.naps, "the loop waiting")
        assert not released.is_set()
        parts.lease.beat()
        assert released.wait(30.0)

    def test_a_job_that_was_taken_meanwhile_ends_before_another_step(self, parts: Parts, clock: Clock) -> None:
        """By a judge that was awake."""
        clock.asleep = 60.0
        parts.lose()
        parts.lease.beat()
        with pytest.raises(LeaseLost):
            parts.lease.check()

    def test_a_clock_that_is_set_back_changes_nothing(self, parts: Parts, clock: Clock) -> None:
        """The others go on."""
        clock.set_by_hand = -3600.0
        parts.lease.check()
        clock.now += 13.0
        released = _check_in_a_thread(parts.lease)
        wait_until(lambda: clock.naps, "the loop waiting")
        assert not released.is_set()
        parts.lease.beat()
        assert released.wait(30.0)

    def test_time_asleep_is_no_running_time(self, parts: Parts, clock: Clock) -> None:
        """Nothing was computed in it."""
        clock.asleep = 1000.0
        parts.lease.beat()
        parts.lease.check()


class TestHung:
    def test_a_loop_without_steps_is_hung_after_stall_seconds(self, parts: Parts, clock: Clock) -> None:
        """Every step starts the count anew."""
        parts.lease.check()
        for elapsed, stalled in ((0.0, False), (299.0, False), (302.0, True)):
            clock.now = 1000.0 + elapsed
            parts.lease.beat()
            assert parts.lease.stalled() is stalled
        parts.lease.check()
        assert not parts.lease.stalled()

    def test_setting_up_may_take_longer(self, parts: Parts, clock: Clock) -> None:
        """Before the first step it has `setup_seconds`."""
        for elapsed, stalled in ((599.0, False), (601.0, True)):
            clock.now = 1000.0 + elapsed
            parts.lease.beat()
            assert parts.lease.stalled() is stalled

    def test_a_loop_that_waits_for_the_database_is_not_hung(self, parts: Parts, clock: Clock) -> None:
        """Nor is one that was paused: the count begins when it may go on."""
        parts.lease.check()
        clock.now += 1000.0
        assert not parts.lease.stalled()
        parts.lease.beat()
        clock.now += 299.0
        parts.lease.beat()
        assert not parts.lease.stalled()


class TestThread:
    def test_it_beats_until_its_context_is_left(self, db: FlakyDatabase, worker_settings: Settings) -> None:
        """Each beat is a sign of life for the parent; one that crashes does not end them."""
        settings = worker_settings.model_copy(update={"heartbeat_seconds": 0.01})
        beats: list[bool] = []
        claim, broken = factories.running(db), Mock(spec=Database, **{"write.side_effect": RuntimeError("a bug")})
        with Lease(broken, claim, settings, StopFlag(), lambda: None, pulse=lambda: beats.append(True)):
            wait_until(lambda: len(beats) > 3, "beats")
        assert not _running()

    def test_it_says_when_the_loop_hangs(self, db: FlakyDatabase, worker_settings: Settings) -> None:
        """And ends itself then: what it calls is the end of the process."""
        settings = worker_settings.model_copy(update={"heartbeat_seconds": 0.01, "setup_seconds": 0.02})
        hung = threading.Event()
        with Lease(db, factories.running(db), settings, StopFlag(), hung.set):
            assert hung.wait(30.0)
            wait_until(lambda: not _running(), "the thread's end")


def _running() -> bool:
    return "lease" in {thread.name for thread in threading.enumerate()}


def _check_in_a_thread(lease: Lease) -> threading.Event:
    released = threading.Event()

    def check() -> None:
        lease.check()
        released.set()

    threading.Thread(target=check, daemon=True).start()
    return released

"""What an attempt's end means, and what a message leads to."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from shared.errors import DatabaseUnavailable, StorageError
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts, leases
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import JobStatus, Outcome
from tests.support import factories
from tests.support.fakes import FakeBroker, FlakyDatabase
from tests.unit.training.data.test_folders import fill
from worker.processes.stop_flag import StopFlag
from worker.run_job import lease as lease_module
from worker.run_job import task
from worker.run_job.attempt import Attempt
from worker.run_job.context import Context
from worker.run_job.data import images as images_module
from worker.run_job.lease import Lease
from worker.run_job.records.recorder import Recorder
from worker.training.data import LoadedDataset
from worker.training.errors import (
    CancelRequested,
    DatasetUnavailable,
    JobInterrupted,
    LeaseLost,
    NonFiniteLoss,
    OutOfDeviceMemory,
    PauseReached,
    StopRequested,
    TimedOut,
)
from worker.training.plan import plan_from_spec

ENDINGS: list[tuple[BaseException, Outcome, str | None, bool]] = [
    (CancelRequested(), Outcome.CANCELLED, None, False),
    (StopRequested(), Outcome.RELEASED, None, False),
    (PauseReached(), Outcome.PAUSED, None, False),
    (JobInterrupted(), Outcome.RELEASED, None, False),
    (SystemExit(-241), Outcome.RELEASED, None, False),
    (KeyboardInterrupt(), Outcome.RELEASED, None, False),
    (TimedOut(), Outcome.TIMED_OUT, "timed_out", False),
    (NonFiniteLoss(float("nan"), 3, 7), Outcome.FAILED, "non_finite_loss", False),
    (DatasetUnavailable("not here"), Outcome.FAILED, "dataset_unavailable", False),
    (OutOfDeviceMemory("full"), Outcome.FAILED, "out_of_device_memory", True),
    (MemoryError(), Outcome.FAILED, "out_of_memory", True),
    (StorageError("full"), Outcome.FAILED, "storage_error", False),
    (DatabaseUnavailable("away"), Outcome.FAILED, "database_unavailable", True),
    (ZeroDivisionError("by zero"), Outcome.FAILED, "internal_error", False),
]


@pytest.fixture
def claim(db: FlakyDatabase) -> Claim:
    """A running job."""
    return factories.running(db, limits={"timeout_seconds": 100})


@pytest.mark.parametrize("reason, outcome, code, retryable", ENDINGS, ids=[type(row[0]).__name__ for row in ENDINGS])
def test_every_reason_has_its_ending(
    claim: Claim, reason: BaseException, outcome: Outcome, code: str | None, retryable: bool
) -> None:
    """The one table: what is over, what is tried again, what nobody is to blame for."""
    ending = task.ending_of(_raised(reason), claim)
    assert (ending.outcome, ending.code, ending.retryable) == (outcome, code, retryable)


def test_a_bug_is_told_by_its_place(claim: Claim) -> None:
    """Whoever reads the job's error can report it."""
    detail = task.ending_of(_raised(ZeroDivisionError("by zero")), claim).detail
    assert detail is not None
    assert "ZeroDivisionError: by zero (test_task.py:" in detail


def test_a_timeout_names_the_limit(claim: Claim) -> None:
    """And what to do."""
    detail = task.ending_of(TimedOut(), claim).detail
    assert detail is not None
    assert "100 s" in detail
    assert "larger" in detail


class Script:
    """What an attempt does instead of training."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[Claim] = []
        self.then: BaseException | None = None
        script = self

        def run(self: Attempt) -> None:
            script.ran.append(self._claim)
            if script.then is not None:
                raise script.then

        monkeypatch.setattr(Attempt, "run", run)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Replaces the attempt's work."""
    return Script(monkeypatch)


class TestRun:
    def test_a_ticket_without_a_job_is_dropped(self, context: Context, db: FlakyDatabase, script: Script) -> None:
        """All are running elsewhere, finished, for another device, or on other images."""
        factories.succeed(db, factories.running(db))
        factories.running(db)
        factories.submit(db, resources={"device": "cuda"})
        factories.submit(db, dataset="mnist")
        before = factories.everything(db)
        task.run(context)
        assert script.ran == []
        assert factories.everything(db) == before

    def test_a_ticket_that_comes_while_the_database_is_away_is_dropped(
        self, context: Context, db: FlakyDatabase, script: Script
    ) -> None:
        """The row stays queued; the reconciler sends another one."""
        job_id = factories.submit(db)
        db.away = True
        task.run(context)
        db.away = False
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"
        assert script.ran == []

    @pytest.mark.parametrize(
        "reason, status, messages",
        [(StopRequested(), "queued", 1), (CancelRequested(), "cancelled", 0), (NonFiniteLoss(1.0, 1, 1), "failed", 0)],
    )
    def test_the_end_is_recorded_and_only_a_queued_job_is_published(
        self,
        context: Context,
        db: FlakyDatabase,
        script: Script,
        reason: BaseException,
        status: str,
        messages: int,
    ) -> None:
        """Checkpoints go with the finished ones."""
        job_id = factories.submit(db)
        checkpoint = f"{job_id}/checkpoints/1-1-1.ckpt"
        context.storage.put(checkpoint, b"state")
        script.then = reason
        task.run(context)
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == status
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id] * messages
        assert _is_kept(context, checkpoint) == bool(messages)

    def test_what_failed_waits_before_it_is_tried_again(
        self, context: Context, db: FlakyDatabase, script: Script
    ) -> None:
        """As long as the setting says: no ticket yet, and one that comes all the same is spent in vain."""
        script.then = OutOfDeviceMemory("full")
        for seconds, messages in ((0.0, 1), (600.0, 0)):
            context.settings = context.settings.model_copy(update={"retry_seconds": seconds})
            job_id = factories.submit(db)
            task.run(context)
            assert isinstance(context.broker, FakeBroker)
            assert [message[0] for message in context.broker.messages].count(job_id) == messages
            assert (queries.job(db, job_id, actor=EVERYBODY)["not_before"] is None) == bool(messages)
            task.run(context)
            assert queries.job(db, job_id, actor=EVERYBODY)["attempts"] == 1 + messages
            actions.cancel(db, job_id, actor=EVERYBODY)

    def test_a_lost_job_is_left_alone(self, context: Context, db: FlakyDatabase, script: Script) -> None:
        """Not a row changes after the loss, and nothing escapes."""
        job_id = factories.submit(db)
        script.then = LeaseLost()
        task.run(context)
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "running"

    def test_a_job_that_is_lost_while_its_end_is_written_is_left_alone(
        self, context: Context, db: FlakyDatabase, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The release comes too late."""
        job_id = factories.submit(db)
        script.then = StopRequested()
        real = attempts.log

        def lose_first(*arguments: Any, **options: Any) -> bool:
            leases.lose(db, context.identity.id, Ending(Outcome.LOST, "worker_lost", "dead", retryable=True))
            return real(*arguments, **options)

        monkeypatch.setattr(attempts, "log", lose_first)
        task.run(context)
        (attempt,) = queries.attempts(db, job_id, actor=EVERYBODY)
        assert attempt["outcome"] == "lost"

    def test_an_end_whose_answer_was_lost_is_recognised(
        self, context: Context, db: FlakyDatabase, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The job is published at once, as if the answer had come."""
        job_id = factories.submit(db)
        script.then = StopRequested()
        real = attempts.end

        def end(*arguments: Any, **named: Any) -> JobStatus | None:
            monkeypatch.setattr(attempts, "end", real)
            db.answers_lost = 1
            return real(*arguments, **named)

        monkeypatch.setattr(attempts, "end", end)
        task.run(context)
        assert isinstance(context.broker, FakeBroker)
        assert [message[0] for message in context.broker.messages] == [job_id]

    def test_the_training_codes_log_goes_into_the_jobs_log(
        self, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the job runs, and no longer."""
        import logging

        log = logging.getLogger("worker.training.somewhere")

        def run(_: Attempt) -> None:
            log.warning("something_odd", extra={"layer": 3})
            raise StopRequested

        monkeypatch.setattr(Attempt, "run", run)
        job_id = factories.submit(db)
        task.run(context)
        log.warning("later")
        lines = [line["message"] for line in queries.log(db, job_id, actor=EVERYBODY)]
        assert lines == ["something_odd layer=3", "Attempt released"]

    def test_a_hung_loop_is_recorded_before_the_process_is_killed(
        self, context: Context, db: FlakyDatabase, claim: Claim, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error says that it hung, and the job is published; a database that is away does not save the process."""
        killed: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
        task._record_hang_and_die(context, claim)
        (attempt,) = queries.attempts(db, claim.job_id, actor=EVERYBODY)
        assert (attempt["outcome"], attempt["error"]["code"]) == ("lost", "hung")
        assert "FLIGHTLINE_STALL_SECONDS" in attempt["error"]["detail"]
        assert isinstance(context.broker, FakeBroker)
        assert len(context.broker.messages) == 1
        db.away = True
        task._record_hang_and_die(context, claim)
        assert killed == [(os.getpid(), signal.SIGKILL)] * 2


class TestRetryUntilWritten:
    def test_a_write_is_repeated_until_the_database_takes_it(
        self, context: Context, db: FlakyDatabase, claim: Claim, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A restart of the database fails no job."""
        monkeypatch.setattr(lease_module, "_RETRY_SECONDS", 0.001)
        lease = Lease(db, claim, context.settings, StopFlag(), lambda: None)
        tries: list[bool] = []

        def write() -> str:
            tries.append(True)
            if len(tries) < 3:
                raise DatabaseUnavailable("away")
            return "written"

        assert lease_module.retry_until_written(lease, write) == "written"
        assert len(tries) == 3

    def test_it_ends_when_the_job_is_lost(self, context: Context, db: FlakyDatabase, claim: Claim) -> None:
        """A write for a job that belongs to another worker is given up."""
        lease = Lease(db, claim, context.settings, StopFlag(), lambda: None)
        attempts.end(db, claim, Ending(Outcome.RELEASED))
        lease.beat()

        def write() -> None:
            raise DatabaseUnavailable("away")

        with pytest.raises(LeaseLost):
            lease_module.retry_until_written(lease, write)


def _raised(reason: BaseException) -> BaseException:
    """The same, with a traceback."""

    def fail() -> None:
        raise reason

    try:
        fail()
    except BaseException as error:  # noqa: BLE001 -- whatever it is
        return error
    raise AssertionError


def _is_kept(context: Context, path: str) -> bool:
    try:
        context.storage.read(path)
    except StorageError:
        return False
    return True


def _loaded(context: Context, claim: Claim) -> LoadedDataset:
    lease = Lease(context.db, claim, context.settings, StopFlag(), lambda: None)
    attempt = Attempt(context, claim, lease, Recorder(context.db, claim, log_lines=5))
    return attempt._load(plan_from_spec(claim.spec))


class TestLoading:
    def test_data_that_are_there_are_waited_for_no_longer(
        self, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between two looks at the lease nobody sleeps: a job whose data are in memory begins at once."""
        monkeypatch.setattr(images_module, "_LISTEN_SECONDS", 1000.0)
        few = {"name": "synthetic", "train_per_class": 4, "val_per_class": 2}
        claim = factories.running(db, dataset=few)
        lease = Lease(db, claim, context.settings, StopFlag(), lambda: None)
        attempt = Attempt(context, claim, lease, Recorder(db, claim, log_lines=5))
        assert len(attempt._load(plan_from_spec(claim.spec)).train) == 8

    def test_ignored_files_are_said_in_the_log_of_each_job(self, context: Context, db: FlakyDatabase) -> None:
        """In words, and of the classes of the job."""
        fill(context.settings.datasets_dir / "cifar2", train=1, val=1)
        (context.settings.datasets_dir / "cifar2" / "train" / "bird" / "photo.heic").touch()
        for _ in range(2):
            claim = factories.running(db, dataset="cifar2")
            recorder = Recorder(db, claim, log_lines=5)
            lease = Lease(db, claim, context.settings, StopFlag(), lambda: None)
            Attempt(context, claim, lease, recorder)._load(plan_from_spec(claim.spec))
            lines = [(line.level, line.message) for line in recorder.pending_lines()]
            place = context.settings.datasets_dir / "cifar2"
            assert ("WARNING", f"1 file ignored in {place}: 1 × .heic") in lines

    def test_a_look_at_the_files_serves_jobs_that_waited_meanwhile(self, context: Context, db: FlakyDatabase) -> None:
        """And no job that was submitted after it: that one trains on an image that was changed in between."""
        folder = context.settings.datasets_dir / "cifar2" / "train" / "bird"
        fill(folder.parents[1], train=2, val=1)
        waiting = factories.submit(db, dataset="cifar2")
        earlier = _loaded(context, factories.running(db, dataset="cifar2"))
        (folder / "0001.png").write_bytes((folder / "0000.png").read_bytes())
        assert _loaded(context, factories.claim(db, waiting)).fingerprint == earlier.fingerprint
        assert _loaded(context, factories.running(db, dataset="cifar2")).fingerprint != earlier.fingerprint

    def test_a_stop_ends_a_long_one(self, context: Context, db: FlakyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        """It goes on in its thread, for the next job."""
        done = threading.Event()
        monkeypatch.setattr(context.data, "load", lambda *_, **__: done.wait(60))
        monkeypatch.setattr(images_module, "_LISTEN_SECONDS", 0.001)
        claim, stop = factories.running(db), StopFlag()
        stop.set()
        lease = Lease(db, claim, context.settings, stop, lambda: None)
        attempt = Attempt(context, claim, lease, Recorder(db, claim, log_lines=5))
        with pytest.raises(StopRequested):
            attempt._load(plan_from_spec(claim.spec))
        done.set()

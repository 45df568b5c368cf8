"""Any order of operations, against a small model of one job.

Hypothesis chooses what workers and people do; the model says what each call must answer and where the job must stand.
"""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select, update

from shared.database.clock import isoformat
from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import IllegalTransition
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts, leases, pauses
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import FINISHED, Outcome
from tests.integration.shared.jobs.sequences import newest, sequence
from tests.support import factories
from tests.support.factories import BROKEN, CANCELLED, FLAKY, LOST, PAUSED, RELEASED, TIMED_OUT

MAX_ATTEMPTS = 3
RETRY_SECONDS = 600.0
ENDINGS = st.sampled_from([LOST, FLAKY, RELEASED, PAUSED, BROKEN, TIMED_OUT, CANCELLED])


class OneJob(RuleBasedStateMachine):
    """A job, everybody who has ever claimed it, and what the model knows of it."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.job_id = factories.submit(self.db, limits={"max_attempts": MAX_ATTEMPTS})
        self.status = "queued"
        self.claims: list[Claim] = []
        self.failures = 0
        self.cancel_requested = False
        self.waits = False
        self.epochs: dict[int, int] = {}  # epoch: attempt
        self.finished_row: object = None

    @property
    def owner(self) -> Claim | None:
        """Whose job it is."""
        return self.claims[-1] if self.status == "running" else None

    def _worker(self, attempt: int) -> str:
        return f"{self.job_id}:{attempt}"

    @rule()
    def claim(self) -> None:
        """Somebody takes it, if it is queued and need not wait."""
        claim = factories.try_claim(self.db, self.job_id, factories.claimant(self._worker(len(self.claims) + 1)), 30)
        assert (claim is not None) == (self.status == "queued" and not self.waits)
        if claim is not None:
            assert claim.attempt == len(self.claims) + 1
            self.claims.append(claim)
            self.status = "running"

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        """Of anyone who ever had it."""
        claim = data.draw(st.sampled_from(self.claims))
        beat = attempts.heartbeat(self.db, claim, 30)
        assert (beat is not None) == (claim is self.owner)
        assert beat is None or beat.cancel_requested == self.cancel_requested

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), first=st.integers(1, 4), count=st.integers(0, 3))
    def record(self, data: st.DataObject, first: int, count: int) -> None:
        """Epochs, perhaps for the second time, or after epochs that the database lacks, which loses the job."""
        claim = data.draw(st.sampled_from(self.claims))
        rows = factories.epoch_rows(first, first + count - 1)
        reached = queries.job(self.db, self.job_id, actor=EVERYBODY)["progress"]["epoch"]
        recorded = claim is self.owner and (not rows or first - 1 <= reached)
        assert attempts.record_epochs(self.db, claim, rows, factories.best()) == recorded
        if recorded:
            newest_own = max((epoch for epoch, owner in self.epochs.items() if owner == claim.attempt), default=0)
            self.epochs |= {row["epoch"]: claim.attempt for row in rows if row["epoch"] > newest_own}

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        """Also for the second time, by the one who did."""
        claim = data.draw(st.sampled_from(self.claims))
        told = {"epochs": [], "best": {}, "evaluations": [], "artifacts": [], "exact": True}
        again = self.status == "succeeded" and claim is self.claims[-1]
        assert attempts.succeed(self.db, claim, **told) == (claim is self.owner or again)  # type: ignore[arg-type]
        if claim is self.owner:
            self.status = "succeeded"
            self._forget_epochs_past_the_last(claim)

    def _forget_epochs_past_the_last(self, claim: Claim) -> None:
        reached = queries.job(self.db, self.job_id, actor=EVERYBODY)["progress"]["epoch"]
        assert all(epoch <= reached for epoch, owner in self.epochs.items() if owner == claim.attempt)
        self.epochs = {epoch: owner for epoch, owner in self.epochs.items() if epoch <= reached}

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), ending=ENDINGS)
    def end(self, data: st.DataObject, ending: Ending) -> None:
        """However."""
        claim = data.draw(st.sampled_from(self.claims))
        mine = claim is self.owner
        answer = attempts.end(self.db, claim, ending, retry_seconds=RETRY_SECONDS)
        if mine:
            self._ended(ending)
            assert answer == self.status
        else:
            assert answer in (None, self.status)

    @precondition(lambda self: self.status == "running")
    @rule()
    def expire(self) -> None:
        """The lease runs out."""
        mine = update(Job).where(Job.id == self.job_id)
        self.db.write(lambda connection: connection.execute(mine.values(lease_expires_at=factories.EPOCH)))
        queued = factories.expire(self.db)
        self._ended(LOST)
        # Jobs of examples before this one may run out as well, where the machine is slow.
        assert (self.job_id in queued) == (self.status == "queued")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A worker's process dies."""
        claim = data.draw(st.sampled_from(self.claims))
        mine = claim is self.owner
        queued = leases.lose(self.db, self._worker(claim.attempt), LOST)
        if mine:
            self._ended(LOST)
        assert queued == ([self.job_id] if mine and self.status == "queued" else [])

    def _ended(self, ending: Ending) -> None:
        self.failures += ending.outcome in (Outcome.LOST, Outcome.FAILED) and ending.retryable
        counted = ending.outcome != Outcome.RELEASED
        if ending in (BROKEN, TIMED_OUT):
            self.status = "failed"
        elif ending is CANCELLED or self.cancel_requested:
            self.status = "cancelled"
        elif ending is PAUSED:
            self.status = "paused"
        else:
            self.status = "failed" if counted and self.failures >= MAX_ATTEMPTS else "queued"
        self.waits = self.status == "queued" and ending is FLAKY

    @precondition(lambda self: self.waits)
    @rule()
    def wait(self) -> None:
        """Until the next attempt is due."""
        mine = update(Job).where(Job.id == self.job_id)
        self.db.write(lambda connection: connection.execute(mine.values(not_before=factories.EPOCH)))
        self.waits = False

    @rule()
    def cancel(self) -> None:
        """Somebody changes his mind."""
        if self.status in ("succeeded", "failed"):
            with pytest.raises(IllegalTransition):
                actions.cancel(self.db, self.job_id, actor=EVERYBODY)
            return
        assert actions.cancel(self.db, self.job_id, actor=EVERYBODY) == (
            "requested" if self.status == "running" else "cancelled"
        )
        if self.status in ("queued", "paused"):
            self.status, self.waits = "cancelled", False
        self.cancel_requested |= self.status == "running"

    @rule(pause_after=st.none() | st.integers(1, 3))
    def go_on(self, pause_after: int | None) -> None:
        """A sweep wants more of it, if it is paused."""
        went_on = self.db.write(lambda connection: pauses.go_on(connection, self.job_id, pause_after))
        assert went_on == (self.status == "paused")
        if went_on:
            self.status = "queued"

    @rule(priority=st.integers(0, 9))
    def set_priority(self, priority: int) -> None:
        """Or is in a hurry."""
        refused = contextlib.nullcontext() if self.status == "queued" else pytest.raises(IllegalTransition)
        with refused:
            edits.edit(self.db, self.job_id, {"priority": priority}, actor=EVERYBODY)

    @invariant()
    def it_stands_where_the_model_says(self) -> None:
        """And its attempts do."""
        job = queries.job(self.db, self.job_id, actor=EVERYBODY)
        assert job["status"] == self.status
        assert not self.waits or job["not_before"] > isoformat(dt.datetime.now(dt.UTC))
        told = queries.attempts(self.db, self.job_id, actor=EVERYBODY)
        assert [attempt["attempt"] for attempt in told] == [claim.attempt for claim in self.claims]
        unfinished = [attempt["attempt"] for attempt in told if attempt["outcome"] is None]
        assert unfinished == ([self.owner.attempt] if self.owner else [])

    @invariant()
    def its_epochs_are_those_of_the_last_who_ran_them(self) -> None:
        """One row each."""
        columns = queries.epochs(self.db, self.job_id, actor=EVERYBODY)
        assert dict(zip(columns["epoch"], columns["attempt"], strict=True)) == self.epochs

    @invariant()
    def its_numbers_are_distinct_and_end_with_the_newest(self) -> None:
        """Those that are missing belong to epochs that were run again."""
        numbers = sequence(self.db, self.job_id)
        assert len(set(numbers)) == len(numbers)
        changes = [event.seq for event in events.read(self.db, self.job_id)[0]]
        assert changes == numbers
        assert newest(self.db, self.job_id) >= numbers[-1]
        if len(self.claims) < 2:
            assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def a_finished_job_never_changes(self) -> None:
        """Not in a single column."""
        if self.status in FINISHED:
            with self.db.read() as connection:
                row = tuple(connection.execute(select(*Job.__table__.columns).where(Job.id == self.job_id)).one())
            assert self.finished_row in (None, row)
            self.finished_row = row


def _run(db: Database, examples: int) -> None:
    machine = type("OneJobHere", (OneJob,), {"db": db})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_any_order_of_operations(database: Database) -> None:
    """Answers and rows are those of the model, on both databases."""
    _run(database, examples=20)

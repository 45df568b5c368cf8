"""Attempts that are lost: nothing that they still write takes effect. On both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.event import listen, remove

from shared.database.engine import Database
from shared.database.tables import Job
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts, leases
from shared.jobs.running.claims import Claim
from shared.timers import Moment
from tests.support import factories
from tests.support.factories import BROKEN, LOST, RELEASED, best, epoch_rows

STALE: dict[str, tuple[Callable[[Database, Claim], object], object]] = {
    "heartbeat": (lambda db, claim: attempts.heartbeat(db, claim, 60), None),
    "environment": (
        lambda db, claim: attempts.record_environment(db, claim, {}, engine="x", exact=False, first_epoch=1),
        False,
    ),
    "epochs": (lambda db, claim: attempts.record_epochs(db, claim, epoch_rows(1, 9), best()), False),
    "no epochs": (lambda db, claim: attempts.record_epochs(db, claim, [], {}), False),
    "checkpoint": (lambda db, claim: attempts.record_checkpoint(db, claim, {"path": "stale"}), False),
    "log": (lambda db, claim: attempts.log(db, claim, [attempts.Line("INFO", "stale")], keep=1), False),
    "succeed": (
        lambda db, claim: attempts.succeed(
            db,
            claim,
            epochs=epoch_rows(1, 9),
            best=best(),
            exact=True,
            evaluations=[],
            artifacts=[factories.artifact()],
        ),
        False,
    ),
    "end": (lambda db, claim: attempts.end(db, claim, BROKEN), None),
    "release": (lambda db, claim: attempts.end(db, claim, RELEASED), None),
}


@contextmanager
def said(db: Database) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    statements: list[str] = []

    def hear(*event: Any) -> None:
        statements.append(" ".join(event[2].split()))

    listen(db.engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        remove(db.engine, "before_cursor_execute", hear)


class TestStatements:
    def test_a_heartbeat_reads_a_flag(self, database: Database) -> None:
        """Each second, of each running job: the spec and the checkpoint stay in the database."""
        claim = factories.running(database)

        with said(database) as statements:
            assert attempts.heartbeat(database, claim, 30) == attempts.Heartbeat(cancel_requested=False)

        [beat] = [one for one in statements if one.startswith("UPDATE jobs")]
        read = beat.partition(" RETURNING ")[2]
        assert "cancel_requested" in read
        assert not any(name in read for name in ("spec", "checkpoint", "warnings", "train_loss"))

    def test_epochs_are_one_write_of_the_job(self, database: Database) -> None:
        """Its row is locked, what was written before is found, and the rest is numbered in the summary's own write."""
        claim = factories.running(database)
        attempts.record_epochs(database, claim, epoch_rows(1, 1), best())

        with said(database) as statements:
            assert attempts.record_epochs(database, claim, epoch_rows(1, 3), best())
        assert sum(one.startswith("UPDATE jobs") for one in statements) == 1

        with said(database) as statements:
            assert attempts.record_epochs(database, claim, epoch_rows(1, 3), best())
        assert not any(one.startswith("UPDATE") for one in statements)


class TestFence:
    @pytest.mark.parametrize("write", STALE)
    @pytest.mark.parametrize("since", ["queued again", "claimed again", "finished", "deleted"])
    def test_a_lost_attempt_changes_nothing(self, database: Database, write: str, since: str) -> None:
        """Whatever became of the job since, and whatever its old worker still tries to write."""
        claim = factories.running(database)
        attempts.record_epochs(database, claim, epoch_rows(1, 1), best())
        attempts.end(database, claim, LOST)
        if since != "queued again":
            again = factories.claim(database, claim.job_id, "other")
            if since != "claimed again":
                factories.succeed(database, again)
        if since == "deleted":
            factories.delete(database, claim.job_id)
        before = factories.everything(database)

        call, answer = STALE[write]
        assert call(database, claim) == answer

        assert factories.everything(database) == before


class TestLeases:
    def test_an_attempt_whose_lease_ran_out_is_lost(self, database: Database) -> None:
        """The job is queued again, for anyone."""
        late = factories.running(database, lease_seconds=-1)
        punctual = factories.running(database)

        assert factories.expire(database) == [late.job_id]
        assert factories.expire(database) == []

        [attempt] = queries.attempts(database, late.job_id, actor=EVERYBODY)
        assert (attempt["outcome"], attempt["error"]["code"]) == ("lost", "lease_expired")
        assert attempts.heartbeat(database, late, 30) is None
        assert queries.job(database, punctual.job_id, actor=EVERYBODY)["status"] == "running"

    def test_one_that_fails_for_good_is_not_returned(self, database: Database) -> None:
        """There is nothing to publish."""
        claim = factories.running(database, lease_seconds=-1, limits={"max_attempts": 1})

        assert factories.expire(database) == []
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["status"] == "failed"

    def test_a_beat_just_in_time_keeps_the_job(self, database: Database) -> None:
        """A lease that has run out is still renewed as long as nobody has ended the attempt."""
        claim = factories.running(database, lease_seconds=-1)

        assert attempts.heartbeat(database, claim, 30) is not None
        assert factories.expire(database) == []

    def test_a_lease_that_was_renewed_after_the_look_holds(self, database: Database) -> None:
        """However late its owner is: the judge ends what it has seen, and nothing newer."""
        claim = factories.running(database, lease_seconds=-1)
        seen = factories.overdue(database)
        assert attempts.heartbeat(database, claim, -0.5) is not None

        assert leases.expire(database, seen) == []
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["status"] == "running"

    def test_a_row_that_is_being_written_holds_up_no_other(self, postgres_database: Database) -> None:
        """Its writer is alive; the next pass sees what it wrote."""
        busy = factories.running(postgres_database, lease_seconds=-2)
        late = factories.running(postgres_database, lease_seconds=-1)

        with postgres_database.engine.begin() as writer:
            writer.execute(update(Job).where(Job.id == busy.job_id).values(exact=False))
            assert factories.expire(postgres_database) == [late.job_id]

        assert factories.expire(postgres_database) == [busy.job_id]

    def test_a_dead_workers_attempts_are_lost_at_once(self, database: Database) -> None:
        """Without waiting for the lease, and no other's."""
        dead, alive = factories.running(database, "a:cpu:1"), factories.running(database, "a:cpu:2")

        assert leases.lose(database, "a:cpu:1", LOST) == [dead.job_id]

        assert queries.attempts(database, dead.job_id, actor=EVERYBODY)[0]["error"]["detail"] == LOST.detail
        assert queries.job(database, alive.job_id, actor=EVERYBODY)["status"] == "running"

    def test_the_successors_attempts_are_not_lost(self, database: Database) -> None:
        """A child's death may be dealt with late, when the next child of the same worker is at work already."""
        claim = factories.running(database)

        now = Moment.now()
        earlier = replace(now, awake=now.awake - 60, since_boot=now.since_boot - 60)

        assert leases.lose(database, claim.job_id, LOST, died_at=earlier) == []
        assert leases.lose(database, "host:cpu:1", LOST, died_at=earlier) == []
        assert leases.lose(database, "host:cpu:1", LOST, died_at=now) == [claim.job_id]

    def test_nor_are_they_when_the_machine_slept_meanwhile(self, database: Database) -> None:
        """How long ago the death was is counted with the time asleep, in which the clock that counts the rest stood."""
        factories.running(database)
        now = Moment.now()

        asleep = replace(now, since_boot=now.since_boot - 60)
        assert leases.lose(database, "host:cpu:1", LOST, died_at=asleep) == []

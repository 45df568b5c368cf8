"""What people do to jobs, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select
from typing_extensions import override

from shared.database.engine import Database
from shared.database.tables import Base, Job
from shared.errors import IllegalTransition, InvalidSpec, JobNotFound
from shared.jobs import actions, deletion, edits, new_jobs
from shared.jobs.actor import EVERYBODY
from shared.jobs.batches import only
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobspec import BUILT_IN, Caps
from shared.storage.store import Storage
from tests.support import factories

NOBODY = "01900000-0000-7000-8000-000000000000"


class TestSubmit:
    def test_a_new_job_is_queued_and_whole(self, database: Database) -> None:
        """Everything that was sent can be read back; nothing has happened to it yet."""
        sent = factories.submission(name="tapered", tags=["b", "a"], priority=7)

        job_id = actions.submit(database, sent, actor=EVERYBODY).job_id

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job["name"], job["tags"], job["priority"]) == ("tapered", ["a", "b"], 7)
        assert (job["status"], job["attempts"], job["result"], job["error"]) == ("queued", 0, None, None)
        assert job["spec"] == sent.document
        assert job["cost"]["parameters"] == sent.cost.parameters
        assert job["created_at"] == job["queued_at"]

    def test_ids_grow_with_time(self, database: Database) -> None:
        """A UUIDv7 sorts by when it was made."""
        ids = [factories.submit(database) for _ in range(20)]

        assert ids == sorted(ids)

    @pytest.mark.parametrize("name", ["✈️ emoji 🐦", "x" * 100, "'; DROP TABLE jobs; --", "100 %s %(x)s :y"])
    def test_names_are_kept_as_they_are(self, database: Database, name: str) -> None:
        """No character of a name means anything to the database."""
        job_id = factories.submit(database, name=name, tags=[name])

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job["name"], job["tags"]) == (name, [name])

    def test_nothing_is_written_when_the_transaction_fails(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A submission is whole or not there."""

        def fail(*_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(new_jobs, "add_events", fail)
        with pytest.raises(RuntimeError):
            factories.submit(database, tags=["a"])

        assert not any(factories.everything(database).values())


class TestCancel:
    def test_a_queued_job_is_cancelled_for_good(self, database: Database) -> None:
        """Whatever message is still on its way finds nothing to do."""
        job_id = factories.submit(database)

        assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert job["status"] == "cancelled"
        assert job["finished_at"] is not None
        assert factories.try_claim(database, job_id, factories.claimant(), 30) is None

    def test_a_running_job_is_asked(self, database: Database) -> None:
        """Its worker is told by the next heartbeat; the status stays until it has obeyed."""
        claim = factories.running(database)

        assert actions.cancel(database, claim.job_id, actor=EVERYBODY) == "requested"
        assert actions.cancel(database, claim.job_id, actor=EVERYBODY) == "requested"

        beat = attempts.heartbeat(database, claim, 30)
        assert beat is not None
        assert beat.cancel_requested
        job = queries.job(database, claim.job_id, actor=EVERYBODY)
        assert (job["status"], job["cancel_requested"]) == ("running", True)
        kinds = [event.kind for event in events.read(database, claim.job_id)[0]]
        assert kinds.count("cancel_requested") == 1

    def test_cancelling_twice_is_no_error(self, database: Database) -> None:
        """A repeated request gets the same answer."""
        job_id = factories.submit(database)
        actions.cancel(database, job_id, actor=EVERYBODY)
        before = factories.everything(database)

        assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"
        assert factories.everything(database) == before

    def test_a_finished_job_cannot_be_cancelled(self, database: Database) -> None:
        """The error names the status."""
        job_id = factories.succeed(database, factories.running(database))

        with pytest.raises(IllegalTransition, match="succeeded"):
            actions.cancel(database, job_id, actor=EVERYBODY)

    @pytest.mark.parametrize("ending", [factories.LOST, factories.RELEASED, factories.FLAKY])
    def test_a_cancelled_job_is_not_queued_again(self, database: Database, ending: Ending) -> None:
        """Where the worker dies before it could obey, the job is cancelled all the same."""
        claim = factories.running(database)
        actions.cancel(database, claim.job_id, actor=EVERYBODY)

        assert attempts.end(database, claim, ending) == "cancelled"


class TestRetry:
    def test_the_same_spec_as_a_new_job(self, database: Database) -> None:
        """The new job is linked to the old one, which stays as it is."""
        old = factories.submit(database, name="x", tags=["a"], priority=2, training={"seed": 3})
        actions.cancel(database, old, actor=EVERYBODY)

        new = actions.retry(database, old, Caps(), BUILT_IN, actor=EVERYBODY).job_id

        was, job = queries.job(database, old, actor=EVERYBODY), queries.job(database, new, actor=EVERYBODY)
        assert (was["status"], job["status"], job["retry_of"]) == ("cancelled", "queued", old)
        for field in ("name", "tags", "priority", "spec", "spec_hash", "config_hash", "cost"):
            assert job[field] == was[field], field

    def test_a_preset_stays_as_a_label(self, database: Database) -> None:
        """Though what is retried is its expansion."""
        old = actions.submit(
            database, factories.submission(preset="notebook-linear", architecture="notebook-linear"), actor=EVERYBODY
        ).job_id
        actions.cancel(database, old, actor=EVERYBODY)

        assert (
            queries.job(
                database, actions.retry(database, old, Caps(), BUILT_IN, actor=EVERYBODY).job_id, actor=EVERYBODY
            )["preset"]
            == "notebook-linear"
        )

    def test_only_a_finished_job(self, database: Database) -> None:
        """A queued job needs no retry."""
        with pytest.raises(IllegalTransition, match="queued"):
            actions.retry(database, factories.submit(database), Caps(), BUILT_IN, actor=EVERYBODY)

    def test_a_limit_that_was_lowered_holds(self, database: Database) -> None:
        """The stored spec is checked again."""
        job_id = factories.submit(database, training={"epochs": 50})
        actions.cancel(database, job_id, actor=EVERYBODY)

        with pytest.raises(InvalidSpec):
            actions.retry(database, job_id, Caps(max_epochs=10), BUILT_IN, actor=EVERYBODY)


class Untouched(Storage):
    """A storage of which nothing may be deleted."""

    def __init__(self) -> None:
        pass

    @override
    def delete_below(self, prefix: str) -> None:
        raise AssertionError(prefix)


class TestDelete:
    def test_every_row_about_it_goes(self, database: Database) -> None:
        """Of each table."""
        job_id = factories.submit(database, tags=["a", "b"])
        claim = factories.claim(database, job_id)
        attempts.log(database, claim, [attempts.Line("INFO", "hello")], keep=10)
        factories.succeed(database, claim)

        factories.delete(database, job_id)
        assert not any(factories.everything(database).values())

    def test_others_stay(self, database: Database) -> None:
        """Only this job's rows go."""
        kept = factories.succeed(database, factories.running(database, tags=["a"]))
        before = factories.everything(database)
        gone = factories.succeed(database, factories.running(database, tags=["a"]))

        factories.delete(database, gone)

        assert factories.everything(database) == before
        assert queries.job(database, kept, actor=EVERYBODY)["tags"] == ["a"]

    @pytest.mark.parametrize("claimed", [False, True])
    def test_an_unfinished_job_stays(self, database: Database, claimed: bool) -> None:
        """It has to be cancelled first."""
        job_id = factories.submit(database)
        if claimed:
            factories.claim(database, job_id)

        for delete in (deletion.delete_rows, partial(deletion.delete_all, storage=Untouched())):
            refused = delete(database, job_ids=[job_id], actor=EVERYBODY)[job_id]
            assert isinstance(refused, IllegalTransition)
            assert "Cancel it first" in refused.detail

    def test_one_that_never_ran_has_no_files(self, database: Database) -> None:
        """There is nothing to delete before it."""
        job_id = factories.submit(database)
        actions.cancel(database, job_id, actor=EVERYBODY)
        assert deletion.delete_all(database, Untouched(), [job_id], actor=EVERYBODY) == {job_id: None}


class TestPriority:
    def test_a_queued_job_moves(self, database: Database) -> None:
        """By its row alone."""
        job_id = factories.submit(database)

        edits.edit(database, job_id, {"priority": 9}, actor=EVERYBODY)

        assert queries.job(database, job_id, actor=EVERYBODY)["priority"] == 9

    def test_a_running_job_does_not(self, database: Database) -> None:
        """Its place in the queue is behind it."""
        claim = factories.running(database)

        with pytest.raises(IllegalTransition, match="running"):
            edits.edit(database, claim.job_id, {"priority": 9}, actor=EVERYBODY)


OPERATIONS: dict[str, Callable[[Database], object]] = {
    "cancel": lambda db: actions.cancel(db, NOBODY, actor=EVERYBODY),
    "retry": lambda db: actions.retry(db, NOBODY, Caps(), BUILT_IN, actor=EVERYBODY).job_id,
    "delete": lambda db: factories.delete(db, NOBODY),
    "delete_all": lambda db: only(deletion.delete_all(db, Untouched(), [NOBODY], actor=EVERYBODY)),
    "set_priority": lambda db: edits.edit(db, NOBODY, {"priority": 1}, actor=EVERYBODY),
    "job": lambda db: queries.job(db, NOBODY, actor=EVERYBODY),
    "epochs": lambda db: queries.epochs(db, NOBODY, actor=EVERYBODY),
    "attempts": lambda db: queries.attempts(db, NOBODY, actor=EVERYBODY),
    "evaluation": lambda db: queries.evaluation(db, NOBODY, "best", actor=EVERYBODY),
    "log": lambda db: queries.log(db, NOBODY, actor=EVERYBODY),
    "artifacts": lambda db: queries.artifacts(db, NOBODY, actor=EVERYBODY),
    "events": lambda db: events.read(db, NOBODY),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_job_that_is_not_there(database: Database, operation: str) -> None:
    """Every operation says so, and names the id."""
    with pytest.raises(JobNotFound, match=NOBODY):
        OPERATIONS[operation](database)


def test_tables_are_counted(database: Database) -> None:
    """`factories.everything` sees every table, so that the tests above mean what they say."""
    factories.succeed(database, factories.running(database, tags=["a"]))

    filled = {name for name, rows in factories.everything(database).items() if rows}
    assert filled >= {"jobs", "job_tags", "attempts", "epochs", "job_events", "evaluations", "artifacts"}
    assert set(Base.metadata.tables) == {*factories.everything(database), "job_changes", "tallies"}
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == 1

"""Many jobs at once, on both databases: all or none, each once, and what became of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from shared.database.engine import Database
from shared.database.tables import Job, JobTag
from shared.errors import (
    DatabaseUnavailable,
    FlightlineError,
    IdempotencyKeyReused,
    IllegalTransition,
    JobNotFound,
    StorageError,
    StorageUnavailable,
)
from shared.jobs import actions, batches, deletion, idempotency, new_jobs
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts
from shared.storage.store import Storage
from tests.support import factories
from tests.support.concurrency import together

NOBODY = "01900000-0000-7000-8000-000000000000"


def some(count: int, **document: Any) -> list[Any]:
    """Submissions that differ in their seeds."""
    return [factories.submission(training={"seed": seed, "epochs": 3}, **document) for seed in range(count)]


def jobs_in(db: Database) -> int:
    """How many jobs there are."""
    with db.read() as connection:
        return connection.scalar(select(func.count()).select_from(Job)) or 0


def codes(outcomes: dict[str, Any]) -> list[str | None]:
    """What became of each, errors by their codes."""
    return [one.code if isinstance(one, FlightlineError) else one for one in outcomes.values()]


class TestSubmit:
    def test_jobs_of_a_batch_are_as_any_others(self, database: Database) -> None:
        """Whole, queued, with their tags and first event, their ids in the order of the batch."""
        sent = some(3, name="a", tags=["x", "y"])
        ids = batches.submit_all(database, sent, actor=EVERYBODY)

        assert ids == sorted(ids)
        alone = vars(queries.job(database, actions.submit(database, sent[1], actor=EVERYBODY).job_id, actor=EVERYBODY))
        found = [vars(job) for job in queries.jobs_by_id(database, ids, actor=EVERYBODY)]
        own = {"id", "created_at", "queued_at"}
        assert {k: v for k, v in found[1].items() if k not in own} == {k: v for k, v in alone.items() if k not in own}
        assert [job["spec"]["training"]["seed"] for job in found] == [0, 1, 2]
        assert [event.kind for event in events.read(database, ids[2])[0]] == ["status"]
        assert factories.claim(database, ids[0]).attempt == 1

    def test_none_is_there_when_one_fails(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """All of it is one transaction."""

        def fail(*_: object, **__: object) -> None:
            raise KeyError

        monkeypatch.setattr(new_jobs, "add_events", fail)
        with pytest.raises(KeyError):
            batches.submit_all(database, some(3, tags=["x"]), actor=EVERYBODY)
        assert not any(factories.everything(database).values())

    def test_a_repeated_batch_is_the_first_one(self, database: Database) -> None:
        """Also when both are sent at once, and after one of its jobs is gone."""
        sent = some(3)
        key = SubmissionKey.of_batch("k", sent, EVERYBODY)
        answers: list[tuple[list[str], bool]] = []
        together(*[lambda: answers.append(batches.submit_all_once(database, sent, key, actor=EVERYBODY))] * 4)

        assert sorted(new for _, new in answers) == [False, False, False, True]
        [ids] = {tuple(ids) for ids, _ in answers}
        actions.cancel(database, ids[0], actor=EVERYBODY)
        factories.delete(database, ids[0])
        assert batches.submit_all_once(database, sent, key, actor=EVERYBODY) == ([*ids], False)
        assert jobs_in(database) == 2

    def test_a_key_stands_for_one_request(self, database: Database) -> None:
        """Of one job or of a batch, whichever came first; the order of a batch counts."""
        sent = some(2)
        batches.submit_all_once(database, sent, SubmissionKey.of_batch("batch", sent, EVERYBODY), actor=EVERYBODY)
        actions.submit(database, sent[0], actor=EVERYBODY, key=SubmissionKey.of_submission("job", sent[0], EVERYBODY))

        with pytest.raises(IdempotencyKeyReused, match="a batch of 2 jobs"):
            actions.submit(
                database, sent[0], actor=EVERYBODY, key=SubmissionKey.of_submission("batch", sent[0], EVERYBODY)
            )
        with pytest.raises(IdempotencyKeyReused, match="which made job"):
            batches.submit_all_once(
                database, sent[:1], SubmissionKey.of_batch("job", sent[:1], EVERYBODY), actor=EVERYBODY
            )
        with pytest.raises(IdempotencyKeyReused):
            batches.submit_all_once(
                database, sent[::-1], SubmissionKey.of_batch("batch", sent[::-1], EVERYBODY), actor=EVERYBODY
            )
        assert jobs_in(database) == 3

    def test_a_key_is_forgotten_after_a_day(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """It then makes a batch of its own."""
        sent = some(2)
        key = SubmissionKey.of_batch("k", sent, EVERYBODY)
        first, _ = batches.submit_all_once(database, sent, key, actor=EVERYBODY)
        monkeypatch.setattr(idempotency, "KEEP_SECONDS", -1.0)
        second, new = batches.submit_all_once(database, sent, key, actor=EVERYBODY)
        assert new
        assert set(first).isdisjoint(second)
        idempotency.forget_old(database)
        assert factories.everything(database)["batch_keys"] == []


class TestCancel:
    def test_each_job_is_cancelled_that_can_be(self, database: Database) -> None:
        """With its event; the others stay as they are, and say why."""
        queued, running = factories.submit(database), factories.running(database).job_id
        done = factories.succeed(database, factories.running(database))
        ids = [queued, NOBODY, running, done]
        for _ in range(2):
            outcomes = batches.cancel_all(database, ids, actor=EVERYBODY)
            assert codes(outcomes) == ["cancelled", "job_not_found", "requested", "illegal_transition"]
        assert list(outcomes) == ids
        assert [event.kind for event in events.read(database, running)[0]] == ["status", "status", "cancel_requested"]
        last = events.read(database, queued)[0][-1]
        assert (last.seq, last.kind, last.data["status"]) == (2, "status", "cancelled")

    def test_many_jobs_take_several_transactions(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each once, however often it is named."""
        monkeypatch.setattr(batches, "PART", 3)
        ids = batches.submit_all(database, some(8), actor=EVERYBODY)
        outcomes = batches.cancel_all(database, [*ids, *ids], actor=EVERYBODY)
        assert list(outcomes) == ids
        assert set(outcomes.values()) == {"cancelled"}

    def test_what_is_done_is_told_when_the_database_goes(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those in the transactions before are cancelled; of the rest the outage is told."""
        monkeypatch.setattr(batches, "PART", 2)
        ids = batches.submit_all(database, some(5), actor=EVERYBODY)
        write, calls = database.write, iter(range(9))

        def fails_later(work: Callable[[Connection], Any]) -> Any:
            if next(calls) > 1:
                raise DatabaseUnavailable("gone")
            return write(work)

        monkeypatch.setattr(database, "write", fails_later)
        assert codes(batches.cancel_all(database, ids, actor=EVERYBODY)) == ["cancelled"] * 4 + ["database_unavailable"]
        with pytest.raises(DatabaseUnavailable):
            batches.cancel_all(database, ids, actor=EVERYBODY)

    def test_batches_that_overlap_do_not_wait_for_each_other(self, database: Database) -> None:
        """Whatever their orders: rows are locked in one."""
        ids = batches.submit_all(database, some(40), actor=EVERYBODY)
        found: list[dict[str, Any]] = []
        orders: Sequence[list[str]] = (ids, ids[::-1], ids[20:] + ids[:20])
        together(
            *[
                lambda order=order: found.append(batches.cancel_all(database, order, actor=EVERYBODY))
                for order in orders
            ]
        )
        assert [set(one.values()) for one in found] == [{"cancelled"}] * 3
        with database.read() as connection:
            assert set(connection.scalars(select(Job.event_seq))) == {2}


class TestDelete:
    @pytest.fixture
    def storage(self, tmp_path: Any) -> Storage:
        """A folder."""
        return Storage(str(tmp_path / "artifacts"))

    def finished(self, db: Database, storage: Storage) -> str:
        """A job that has succeeded, with a file."""
        job_id = factories.succeed(db, factories.running(db, tags=["a"]))
        storage.put(f"{job_id}/1/best.safetensors", b"weights")
        return job_id

    def test_each_job_is_deleted_that_can_be(self, database: Database, storage: Storage) -> None:
        """With its files and rows; the others stay, and say why."""
        gone = [self.finished(database, storage) for _ in range(3)]
        never_ran, running = factories.submit(database), factories.running(database).job_id
        actions.cancel(database, never_ran, actor=EVERYBODY)

        outcomes = deletion.delete_all(database, storage, [*gone, NOBODY, never_ran, running, gone[0]], actor=EVERYBODY)

        assert codes(outcomes) == [None, None, None, "job_not_found", None, "illegal_transition"]
        assert storage.page("", 10) == []
        with database.read() as connection:
            assert list(connection.scalars(select(Job.id))) == [running]
            assert list(connection.scalars(select(JobTag.tag))) == []

    def test_jobs_keep_their_rows_while_the_storage_is_away(
        self, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is asked no more often than there are threads; a job without files needs no storage."""
        with_files = [self.finished(database, storage) for _ in range(30)]
        never_ran = factories.submit(database)
        actions.cancel(database, never_ran, actor=EVERYBODY)
        asked: list[str] = []

        def away(prefix: str) -> None:
            asked.append(prefix)
            raise StorageUnavailable("away")

        monkeypatch.setattr(storage, "delete_below", away)
        outcomes = deletion.delete_all(database, storage, [never_ran, *with_files], actor=EVERYBODY)
        assert codes(outcomes) == [None, *["storage_unavailable"] * 30]
        assert len(asked) < 30
        assert jobs_in(database) == 30
        monkeypatch.undo()
        assert codes(deletion.delete_all(database, storage, with_files, actor=EVERYBODY)) == [None] * 30

    def test_a_storage_that_forbids_it_keeps_no_job(
        self, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file stays, and the log says so."""
        job_id = self.finished(database, storage)

        def forbids(prefix: str) -> None:
            raise StorageError(prefix)

        monkeypatch.setattr(storage, "delete_below", forbids)
        assert deletion.delete_all(database, storage, [job_id], actor=EVERYBODY) == {job_id: None}
        assert jobs_in(database) == 0

    def test_a_job_is_deleted_once(self, database: Database, storage: Storage) -> None:
        """Of two requests at once one finds it gone."""
        ids = [self.finished(database, storage) for _ in range(5)]
        found: list[dict[str, Any]] = []
        together(*[lambda: found.append(deletion.delete_all(database, storage, ids, actor=EVERYBODY))] * 2)
        assert jobs_in(database) == 0
        assert all(None in (one[job_id] for one in found) for job_id in ids)


def test_a_single_outcome_is_returned_or_raised() -> None:
    """As actions on one job do."""
    assert batches.only({"a": "cancelled"}) == "cancelled"
    with pytest.raises(JobNotFound):
        batches.only({"a": JobNotFound("a")})
    with pytest.raises(IllegalTransition):
        batches.only({"a": IllegalTransition("a")})


def test_a_worker_may_hold_a_row(postgres_database: Database) -> None:
    """A batch waits for its transaction, and then sees what it did."""
    claim = factories.running(postgres_database)
    held, ended = threading.Event(), threading.Event()

    def finish(connection: Connection) -> None:
        attempts._end(connection, claim, factories.CANCELLED)
        held.set()
        ended.wait()

    def cancel() -> None:
        held.wait()
        threading.Timer(0.2, ended.set).start()
        assert batches.cancel_all(postgres_database, [claim.job_id], actor=EVERYBODY) == {claim.job_id: "cancelled"}

    together(lambda: postgres_database.write(finish), cancel)


def test_jobs_of_others_are_left_alone(database: Database, tmp_path: Path) -> None:
    """Also in the middle of one's own; an admin's scope reaches all."""
    alice, bob, admin = Actor("alice", Scope.SUBMIT), Actor("bob", Scope.SUBMIT), Actor("bob", Scope.ADMIN)
    storage = Storage(str(tmp_path / "artifacts"))
    for act in (batches.cancel_all, partial(deletion.delete_all, storage=storage)):
        hers = batches.submit_all(database, some(2), actor=alice)
        his, nobodys = batches.submit_all(database, some(1), actor=bob), [factories.submit(database)]
        if act is not batches.cancel_all:
            batches.cancel_all(database, [*hers, *his, *nobodys], actor=EVERYBODY)
        before = [queries.job(database, job_id, actor=bob).status for job_id in (*hers, *nobodys)]
        outcomes = act(database, job_ids=[hers[0], *his, hers[1], *nobodys], actor=bob)
        assert [code for code in codes(outcomes) if code == "not_owner"] == ["not_owner"] * 3
        assert not isinstance(outcomes[his[0]], FlightlineError)
        assert [queries.job(database, job_id, actor=bob).status for job_id in (*hers, *nobodys)] == before
        assert codes(act(database, job_ids=[*hers, *nobodys], actor=admin)) in ([None] * 3, ["cancelled"] * 3)

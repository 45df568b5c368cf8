"""Jobs of a kind that a later release knows and this one does not: neither taken, nor lost, nor in the way."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import Job
from shared.delivery.publisher import publish
from shared.delivery.reconciler import Reconciler
from shared.errors import IllegalTransition
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.reads.listing import JobFilter
from shared.jobs.status import KNOWN_KINDS
from shared.jobspec import BUILT_IN, Caps
from tests.support import factories
from tests.support.fakes import FakeBroker

LATER = "distil"
PASSES = 5


def submit(db: Database, kind: str = LATER, **document: object) -> str:
    """A queued job of a later release: what it asks for means nothing here."""
    job_id = factories.submit(db, **document)
    values = {"kind": kind, "spec": {"teacher": "resnet18"}}
    db.write(lambda connection: connection.execute(update(Job).where(Job.id == job_id).values(values)))
    return job_id


class TestClaim:
    def test_only_who_knows_the_kind_takes_it(self, database: Database) -> None:
        """A message that went astray changes nothing."""
        job_id = submit(database)
        before = factories.everything(database)
        assert factories.try_claim(database, job_id, factories.claimant(), factories.LEASE_SECONDS) is None
        assert factories.everything(database) == before

        trains_nothing = dataclasses.replace(factories.claimant(), kinds=frozenset())
        assert (
            factories.try_claim(database, factories.submit(database), trains_nothing, factories.LEASE_SECONDS) is None
        )

    def test_a_claim_says_its_kind(self, database: Database) -> None:
        """By it the worker chooses the runner."""
        assert factories.running(database).kind == "train"
        assert {"train", "evaluate"} == KNOWN_KINDS


class TestDelivery:
    def test_it_waits_where_no_worker_of_this_release_listens(
        self, database: Database, fake_broker: FakeBroker
    ) -> None:
        """One message in a queue of its own, however often the reconciler passes."""
        job_id = submit(database, resources={"device": "cpu"})
        publish(database, fake_broker, job_id)
        passes = Reconciler(database, fake_broker, factories.LEASE_SECONDS)
        for _ in range(PASSES):
            passes.run_once()
        assert fake_broker.messages == [(job_id, f"{LATER}.cpu", 5)]
        assert fake_broker.depths() == {"any": 0, "cpu": 0, "cuda": 0}

    def test_training_that_goes_on_does_not_overtake_it(self, database: Database, fake_broker: FakeBroker) -> None:
        """Its messages lie in another list than those that running jobs came from."""
        job_id = submit(database, priority=5)
        publish(database, fake_broker, job_id)
        passes = Reconciler(database, fake_broker, factories.LEASE_SECONDS)
        for priority in (5, 1):
            trained = factories.submit(database, priority=priority)
            publish(database, fake_broker, trained)
            assert fake_broker.take("any", "cpu") == trained
            factories.claim(database, trained)
            passes.run_once()
        assert fake_broker.messages == [(job_id, f"{LATER}.any", 5)]

    @pytest.mark.parametrize("everything", [False, True])
    def test_a_lost_message_is_sent_again(self, database: Database, fake_broker: FakeBroker, everything: bool) -> None:
        """By any release's reconciler: while one holds the turn no other may."""
        job_id = submit(database)
        publish(database, fake_broker, job_id)
        if everything:
            fake_broker.flush()
        else:
            fake_broker.messages.clear()
        passes = Reconciler(database, fake_broker, factories.LEASE_SECONDS)
        for _ in range(PASSES):
            passes.run_once()
        assert fake_broker.messages == [(job_id, f"{LATER}.any", 5)]

    def test_one_that_was_never_published_is(self, database: Database, fake_broker: FakeBroker) -> None:
        """Though another release was to do it."""
        job_id = submit(database)
        Reconciler(database, fake_broker, factories.LEASE_SECONDS).run_once()
        assert fake_broker.messages == [(job_id, f"{LATER}.any", 5)]


class TestReads:
    def test_it_is_read_and_listed_like_any_other(self, database: Database) -> None:
        """What it says is not judged by the rules of training."""
        job_id = submit(database)
        live = partial(queries.live_workers, database, silent_seconds=60.0)
        job = queries.job(database, job_id, live=live, actor=EVERYBODY)
        assert (job["kind"], job["spec"], job["warnings"]) == (LATER, {"teacher": "resnet18"}, [])
        assert factories.listed(database, JobFilter(kind=LATER), live=live) == [job]

    def test_the_list_is_filtered_by_kind(self, database: Database) -> None:
        """Each kind by itself, both together without the filter."""
        trained, later = factories.submit(database), submit(database)
        found = {
            kind: [item["id"] for item in factories.listed(database, JobFilter(kind=kind))]
            for kind in ("train", LATER, None)
        }
        assert found == {"train": [trained], LATER: [later], None: [later, trained]}

    def test_queues_count_what_this_release_serves(self, database: Database, fake_broker: FakeBroker) -> None:
        """A queue's depth is of the jobs that its messages are about."""
        for job_id in (submit(database), factories.submit(database)):
            publish(database, fake_broker, job_id)
        (waiting, *_) = queries.queues(database, fake_broker)
        assert (waiting["name"], waiting["depth"], waiting["messages"]) == ("flightline.any", 1, 1)


class TestActions:
    def test_it_is_cancelled_and_deleted_like_any_other(self, database: Database) -> None:
        """Its end is the same as that of every job."""
        job_id = submit(database)
        assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"
        factories.delete(database, job_id)

    def test_it_is_not_retried_as_training(self, database: Database) -> None:
        """Only the release that knows its kind can check what it asks for."""
        job_id = submit(database)
        actions.cancel(database, job_id, actor=EVERYBODY)
        with pytest.raises(IllegalTransition, match="'distil', which only a later release can retry"):
            actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY)

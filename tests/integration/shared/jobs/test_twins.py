"""Single flight: of twins one trains at a time, whoever submits and claims them, and whatever becomes of the leader."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import NotYours
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events, queries
from shared.jobs.reuse import serving, twins
from shared.jobs.reuse.serving import Served
from shared.jobs.running import attempts, claims, waiting
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import FINISHED, Outcome
from tests.conftest import Jump
from tests.integration.shared.jobs.twin_jobs import (
    ALICE,
    BOB,
    begin,
    job,
    leading,
    next_claim,
    serve,
    submit,
)
from tests.support import factories
from tests.support.factories import BROKEN, CANCELLED, LOST, RELEASED

PROCESSES = 6


class TestFollowing:
    def test_a_twin_of_a_leader_is_parked(self, database: Database) -> None:
        """No worker gets it; it says why it waits, and not until when."""
        waits = submit(database)
        leader = factories.claim(database, submit(database, "off"))
        assert begin(database, leader)
        assert next_claim(database) is None
        parked = job(database, waits)
        assert (parked.status, parked.following, parked.not_before) == ("queued", leader.job_id, None)
        [warning] = parked.warnings
        assert f"Job {leader.job_id} trains the same right now: this one waits for its result" in warning

    def test_one_that_is_submitted_meanwhile_follows_at_once(self, database: Database) -> None:
        """It never asks for a worker."""
        leader = leading(database)
        assert job(database, submit(database)).following == leader.job_id
        assert job(database, submit(database, "off")).following is None
        assert job(database, submit(database, training={"epochs": 4})).following is None

    def test_it_holds_nobody_up(self, database: Database) -> None:
        """Neither its owner's next job nor anybody else's."""
        leading(database)
        submit(database)
        other = submit(database, training={"epochs": 4})
        claim = next_claim(database)
        assert claim is not None
        assert claim.job_id == other

    def test_one_without_the_cache_trains_beside_the_leader(self, database: Database) -> None:
        """It asked for that."""
        leading(database)
        claim = factories.claim(database, submit(database, "off"), "second")
        assert begin(database, claim)

    @pytest.mark.parametrize("ending", [CANCELLED, BROKEN, RELEASED, LOST, factories.TIMED_OUT])
    def test_however_the_leader_ends_its_followers_go(self, database: Database, ending: Ending) -> None:
        """In the same transaction; the first one claimed leads, and the others follow it."""
        leader = leading(database)
        first, second = submit(database), submit(database)
        attempts.end(database, leader, ending)
        assert [job(database, one).following for one in (first, second)] == [None, None]
        heir = factories.claim(database, first, "heir")
        assert begin(database, heir)
        assert factories.try_claim(database, second, factories.claimant("third"), 30) is None
        assert next_claim(database, "third") is None
        assert job(database, second).following == first

    def test_an_owner_cancels_his_own_alone(self, database: Database) -> None:
        """Whoever follows trains, whatever the leader's owner does; and nobody may cancel another's."""
        leader = leading(database, actor=ALICE)
        follower = submit(database, actor=BOB)
        with pytest.raises(NotYours):
            actions.cancel(database, follower, actor=ALICE)
        actions.cancel(database, leader.job_id, actor=ALICE)
        attempts.end(database, leader, CANCELLED)
        factories.delete(database, leader.job_id)
        heir = next_claim(database)
        assert heir is not None
        assert heir.job_id == follower
        assert begin(database, heir)

    def test_a_follower_that_is_cancelled_costs_nobody_anything(self, database: Database) -> None:
        """It is over at once, and follows nobody any more."""
        leader = leading(database, actor=ALICE)
        follower = submit(database, actor=BOB)
        assert actions.cancel(database, follower, actor=BOB) == "cancelled"
        assert (job(database, follower).status, job(database, follower).following) == ("cancelled", None)
        assert job(database, leader.job_id).status == "running"

    def test_a_paused_one_is_neither_followed_nor_follows(self, database: Database) -> None:
        """A sweep decides how far it goes."""
        paused, whole = submit(database), submit(database)
        asked = update(Job).where(Job.id == paused).values(pause_after=1)
        database.write(lambda connection: connection.execute(asked))
        leader = factories.claim(database, whole)
        assert begin(database, leader)
        assert factories.try_claim(database, paused, factories.claimant("second"), 30) is not None

    def test_two_that_were_claimed_before_either_began(self, database: Database) -> None:
        """One leads; the other gives its worker back, at no cost, and follows."""
        first, second = (factories.claim(database, submit(database), worker) for worker in ("one", "two"))
        assert begin(database, first)
        assert not begin(database, second)
        assert twins.leader_of(database, second.job_id, second.twin_hash) == first.job_id
        ending = Ending(Outcome.RELEASED, detail="It follows.", following=first.job_id)
        assert attempts.end(database, second, ending) == "queued"
        follower = job(database, second.job_id)
        assert (follower.following, follower.not_before) == (first.job_id, None)
        with database.read() as connection:
            assert connection.scalar(select(Job.failures).where(Job.id == second.job_id)) == 0
        told = events.read(database, second.job_id)[0][-1].data
        assert (told["following"], told["not_before"]) == (first.job_id, None)

    def test_one_that_is_to_follow_a_leader_that_has_ended_is_simply_queued(self, database: Database) -> None:
        """It is claimed again at once."""
        first, second = (factories.claim(database, submit(database), worker) for worker in ("one", "two"))
        assert begin(database, first)
        attempts.end(database, first, BROKEN)
        attempts.end(database, second, Ending(Outcome.RELEASED, following=first.job_id))
        assert job(database, second.job_id).following is None
        assert next_claim(database) is not None

    def test_one_that_did_not_see_a_success_looks_again(self, database: Database) -> None:
        """The leader succeeded between its look at those that have, which was in vain, and its begin."""
        leader, late = leading(database), submit(database, "off")
        with database.read() as connection:
            assert connection.scalar(select(func.count()).where(Job.status == "succeeded")) == 0
        claim = replace(factories.claim(database, late, "second"), cache="prefer")
        factories.succeed(database, leader)
        assert not begin(database, claim)
        assert begin(database, claim, seen=[leader.job_id])

    def test_a_repeated_commit_leads_still(self, database: Database) -> None:
        """The answer to the first one was lost."""
        claim = leading(database)
        assert begin(database, claim)

    @pytest.mark.parametrize("gone", [{"status": "queued", "worker": None}, {"leads": None}], ids=["ended", "restored"])
    def test_followers_that_nobody_told_are_let_go(self, database: Database, gone: dict[str, Any]) -> None:
        """The release before ended the leader, or the database was restored."""
        leader = leading(database)
        follower = submit(database)
        assert twins.let_go_of_the_lost(database) == 0
        changed = update(Job).where(Job.id == leader.job_id).values(**gone)
        database.write(lambda connection: connection.execute(changed))
        assert twins.let_go_of_the_lost(database) == 1
        assert job(database, follower).following is None

    def test_followers_of_a_job_that_is_gone_are_let_go(self, database: Database) -> None:
        """No row says any more that it led."""
        follower = submit(database)
        strayed = update(Job).where(Job.id == follower)
        values = {"following": "01900000-0000-7000-8000-000000000000", "not_before": twins.PARKED}
        database.write(lambda connection: connection.execute(strayed.values(**values)))
        assert twins.let_go_of_the_lost(database) == 1
        assert next_claim(database) is not None

    def test_a_clock_that_is_set_back_makes_no_follower_ready(self, database: Database, jump: Jump) -> None:
        """Nor is any of thousands read in order to find what is due."""
        leading(database)
        follower = submit(database)
        jump(-3600.0)
        assert database.write(waiting.make_due_ready) == 0
        assert job(database, follower).following is not None

    def test_whoever_submits_may_read_what_all_owners_have(self) -> None:
        """Or else a result that is shared would show what its reader may not see: then twins must share an owner."""
        assert str(ALICE.reach) == str(EVERYBODY.reach) == "true"


class TestServing:
    def test_a_follower_is_served_without_a_seconds_training(self, database: Database) -> None:
        """It has the leader's rows, and says whose they are."""
        leader = leading(database)
        follower = submit(database)
        factories.succeed(database, leader)
        claim = next_claim(database)
        assert claim is not None
        assert claim.job_id == follower
        assert serve(database, claim) is Served.DONE
        served = job(database, follower)
        assert (served.status, served.served_from, served.following) == ("succeeded", leader.job_id, None)
        assert served.result == job(database, leader.job_id).result
        assert queries.evaluation(database, follower, "best", actor=EVERYBODY) is not None

    def test_a_repeated_commit_is_one(self, database: Database) -> None:
        """The answer to the first one was lost."""
        factories.succeed(database, leading(database))
        claim = factories.claim(database, submit(database))
        assert [serve(database, claim), serve(database, claim)] == [Served.DONE, Served.DONE]
        assert len(queries.epochs(database, claim.job_id, actor=EVERYBODY)["epoch"]) == 1

    def test_a_worker_that_lost_the_job_serves_nothing(self, database: Database) -> None:
        """Its lease ran out meanwhile."""
        factories.succeed(database, leading(database))
        claim = factories.claim(database, submit(database))
        attempts.end(database, claim, LOST)
        assert serve(database, claim) is Served.LOST
        assert job(database, claim.job_id).served_from is None

    def test_a_source_that_was_deleted_meanwhile_serves_nothing(self, database: Database) -> None:
        """The job is still the worker's, which trains it."""
        factories.succeed(database, source := leading(database))
        claim = factories.claim(database, submit(database))
        [found] = serving.sources(database, claim)
        factories.delete(database, source.job_id)
        assert serving.serve(database, claim, found, []) is Served.GONE
        assert begin(database, claim)

    def test_followers_that_were_let_go_are_served_side_by_side(self, database: Database) -> None:
        """None waits for the other: nobody trains."""
        leader = leading(database)
        followers = [submit(database) for _ in range(3)]
        factories.succeed(database, leader)
        claimed = [next_claim(database, f"w{number}") for number in range(3)]
        assert {one.job_id for one in claimed if one is not None} == set(followers)
        assert [serve(database, one) for one in claimed if one is not None] == [Served.DONE] * 3


def _work(url: str, start: Barrier, number: int, trained: Any, jobs: int) -> None:
    """Submit twins and work until none is left, as a worker does; a second process is killed while it trains."""
    db = Database(url)
    start.wait()
    for _ in range(jobs):
        submit(db)
    while True:
        claim = claims.claim_next(db, factories.claimant(f"w{number}"), 30)
        if claim is None:
            with db.read() as connection:
                if not connection.scalar(select(func.count()).where(Job.status.not_in(FINISHED))):
                    break
            time.sleep(0.01)
        elif serve(db, claim) is None:
            if begin(db, claim):
                trained.append((claim.job_id, claim.attempt))
                if len(trained) == 1:
                    attempts.end(db, claim, LOST)
                    continue
                factories.succeed(db, claim)
            else:
                leader = twins.leader_of(db, claim.job_id, claim.twin_hash)
                attempts.end(db, claim, Ending(Outcome.RELEASED, following=leader))
    db.dispose()


def test_six_processes_train_one_of_their_twins(database_url: str, database: Database) -> None:
    """Once, and once more as the first leader is lost: all the others are served."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    with multiprocessing.Manager() as manager:
        trained = manager.list()
        workers = [
            context.Process(target=_work, args=(database_url, start, number, trained, 5)) for number in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        assert len(trained) == 2
    with database.read() as connection:
        rows = connection.execute(select(Job.status, Job.served_from, Job.following)).all()
    assert len(rows) == 5 * PROCESSES
    assert all((row.status, row.following) == ("succeeded", None) for row in rows)
    assert [row.served_from for row in rows].count(None) == 1

"""Any order of what may become of twins, against a small model of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import IllegalTransition, JobNotFound
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY, Actor
from shared.jobs.reads import queries
from shared.jobs.reuse import twins
from shared.jobs.reuse.serving import Served
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import FINISHED, Outcome
from tests.integration.shared.jobs.twin_jobs import ALICE, BOB, begin, job, serve, submit
from tests.support import factories
from tests.support.factories import BROKEN, CANCELLED, LOST, RELEASED


class Twins(RuleBasedStateMachine):
    """Several twins of two owners, workers that claim them, and what may become of each."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Actor] = {}
        self.off: set[str] = set()
        self.claims: dict[str, Claim] = {}
        self.began: set[str] = set()
        self.seed = _seeds()

    def _mine(self, data: st.DataObject, among: Callable[[str], bool] = lambda _: True) -> str | None:
        wanted = [one for one in self.jobs if among(one)]
        return data.draw(st.sampled_from(wanted)) if wanted else None

    def _rows(self) -> dict[str, Any]:
        """What became of each job: one statement, as all is looked at after every step."""
        wanted = select(Job.id, Job.status, Job.following, Job.served_from).where(Job.id.in_(list(self.jobs)))
        with self.db.read() as connection:
            return {row.id: row for row in connection.execute(wanted)}

    def _status(self) -> dict[str, str]:
        return {job_id: str(row.status) for job_id, row in self._rows().items()}

    @precondition(lambda self: len(self.jobs) < 6)
    @rule(cache=st.sampled_from(["prefer", "prefer", "exact", "off"]), actor=st.sampled_from([ALICE, BOB]))
    def submit(self, cache: str, actor: Actor) -> None:
        """Somebody wants the same again; while one leads, it follows at once."""
        job_id = submit(self.db, cache, actor, training={"epochs": 3, "seed": self.seed})
        self.jobs[job_id] = actor
        self.off |= {job_id} if cache == "off" else set()
        follows = cache != "off" and self._leaders()
        assert (job(self.db, job_id).following in self._leaders()) == bool(follows)

    def _leaders(self) -> set[str]:
        return {one for one in self.began if one in self.claims}

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        """A worker wants one of them, and gets it unless it runs, has ended or must follow."""
        job_id = self._mine(data)
        assert job_id is not None
        before = job(self.db, job_id)
        worker = f"w{len(self.claims)}"
        claim = factories.try_claim(self.db, job_id, factories.claimant(worker), 30)
        follows = job_id not in self.off and bool(self._leaders())
        assert (claim is not None) == (before.status == "queued" and not follows)
        if claim is not None:
            self.claims[job_id] = claim

    @precondition(lambda self: set(self.claims) - self.began)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A claimed one is served by a success, or begins to train, or goes back to follow who did before."""
        job_id = self._mine(data, lambda one: one in self.claims and one not in self.began)
        assert job_id is not None
        claim, leaders = self.claims[job_id], self._leaders()
        if job_id not in self.off and serve(self.db, claim) is Served.DONE:
            del self.claims[job_id]
            return
        if begin(self.db, claim):
            assert job_id in self.off or not leaders
            self.began.add(job_id)
            return
        assert leaders
        del self.claims[job_id]
        leader = twins.leader_of(self.db, job_id, claim.twin_hash)
        assert leader in leaders
        attempts.end(self.db, claim, Ending(Outcome.RELEASED, following=leader))
        assert job(self.db, job_id).following in leaders

    @precondition(lambda self: self.began & set(self.claims))
    @rule(data=st.data(), ending=st.sampled_from([None, LOST, RELEASED, BROKEN, CANCELLED]))
    def end(self, data: st.DataObject, ending: Ending | None) -> None:
        """A leader succeeds or not; its followers are let go."""
        job_id = self._mine(data, lambda one: one in self.began and one in self.claims)
        assert job_id is not None
        claim = self.claims.pop(job_id)
        self.began.discard(job_id)
        if ending is None:
            factories.succeed(self.db, claim)
        else:
            attempts.end(self.db, claim, ending)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """An owner changes his mind about one of his own."""
        job_id = self._mine(data)
        assert job_id is not None
        before = self._status()
        with contextlib.suppress(IllegalTransition):
            actions.cancel(self.db, job_id, actor=self.jobs[job_id])
        after = self._status()
        assert {**after, job_id: None} == {**before, job_id: None}

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Or wants one that has ended to be gone."""
        status = self._status()
        job_id = self._mine(data, lambda one: status[one] in FINISHED)
        if job_id is not None:
            factories.delete(self.db, job_id)
            del self.jobs[job_id]

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), priority=st.integers(0, 9))
    def edit(self, data: st.DataObject, priority: int) -> None:
        """Or is in a hurry."""
        job_id = self._mine(data)
        assert job_id is not None
        with contextlib.suppress(IllegalTransition, JobNotFound):
            edits.edit(self.db, job_id, {"priority": priority}, actor=EVERYBODY)

    @invariant()
    def one_trains(self) -> None:
        """Of those with a cache."""
        assert len(self._leaders() - self.off) <= 1

    @invariant()
    def who_follows_follows_one_that_leads(self) -> None:
        """And is queued, and nobody's claim; nobody is left behind."""
        leaders = self._leaders()
        for job_id, told in self._rows().items():
            if told.following is not None:
                assert told.following in leaders
                assert told.status == "queued"
                assert job_id not in self.off
        assert twins.let_go_of_the_lost(self.db) == 0

    @invariant()
    def who_is_served_has_all_that_was_trained(self) -> None:
        """Whatever has become of the source."""
        for job_id, told in self._rows().items():
            if told.served_from is not None:
                assert told.status == "succeeded"
                assert queries.epochs(self.db, job_id, actor=EVERYBODY)["epoch"] == [1]


_made = iter(range(1, 10_000))


def _seeds() -> int:
    """A seed for each example: jobs of the examples before are no twins of its own."""
    return next(_made)


def test_any_order_of_what_may_become_of_twins(database: Database) -> None:
    """One trains at a time, nobody waits for one that does not, and nobody's end is another's."""
    machine = type("TwinsHere", (Twins,), {"db": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

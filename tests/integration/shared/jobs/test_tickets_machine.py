"""Any order of submissions, claims and lost, doubled or old tickets, against a small model of a queue.

Hypothesis chooses what people, workers and Redis do; the model says which job each claim must give, and that whoever is
idle beside a job that it may take has a ticket after the next look.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, update

from shared.database.engine import Database
from shared.database.tables import Job, Worker
from shared.delivery import tickets
from shared.delivery.publisher import publish
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.data_needs import Holdings
from shared.jobs.running import attempts, claims
from shared.jobs.running.claims import Claim
from tests.support import factories
from tests.support.factories import RELEASED
from tests.support.fakes import FakeBroker

LEASE = 3600.0
IMAGES = {"synthetic": ["airplane", "bird"], "mnist": list("0123456789")}
FLEET = {"cpu-all": ("cpu", ("synthetic", "mnist")), "cpu-bare": ("cpu", ("synthetic",)), "gpu": ("cuda", ("mnist",))}
"""The workers: the kind of device, and the data sets that each holds."""


def _reports(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"name": name, "source": "drawn", "ready": True, "classes": IMAGES[name], "counts": {}} for name in names]


@dataclass
class Waiting:
    """What the model knows of a queued job; ids are in the order of submission."""

    job_id: str
    owner: str | None
    priority: int
    device: str
    images: str

    def suits(self, worker: str) -> bool:
        """Whether the worker may take it."""
        device, held = FLEET[worker]
        return self.device in ("any", device) and self.images in held


class OneQueue(RuleBasedStateMachine):
    """Some workers, the jobs that wait for them, and their tickets."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.db.write(lambda connection: connection.execute(delete(Job)))
        self.db.write(lambda connection: connection.execute(delete(Worker)))
        self.broker = FakeBroker()
        self.waiting: list[Waiting] = []
        self.running: dict[str, tuple[Claim, Waiting]] = {}
        self.seen: set[tuple[str, int]] = set()
        for name, (device, held) in FLEET.items():
            identity = Identity(name, "host", 1, device, device)
            workers.register(self.db, identity, device_name=None, versions={}, datasets=_reports(held))

    @rule(
        owner=st.sampled_from([None, "ann", "bob"]),
        priority=st.integers(4, 6),
        device=st.sampled_from(["any", "cpu", "cuda"]),
        images=st.sampled_from(list(IMAGES)),
        of=st.sampled_from(["this release", "this release, and Redis is away", "the release before"]),
    )
    def submit(self, owner: str | None, priority: int, device: str, images: str, of: str) -> None:
        """Somebody queues a job; its ticket may not be sent, and the release before says nothing of its images."""
        told = {"priority": priority, "resources": {"device": device}, "dataset": images}
        job_id = actions.submit(self.db, factories.submission(**told), actor=Actor(owner, Scope.SUBMIT)).job_id
        if of == "the release before":
            unsaid = update(Job).where(Job.id == job_id).values(data=None, data_key="", published_at=factories.EPOCH)
            self.db.write(lambda connection: connection.execute(unsaid))
        self.broker.down = of == "this release, and Redis is away"
        publish(self.db, self.broker, job_id)
        self.broker.down = False
        self.waiting.append(Waiting(job_id, owner, priority, device, images))

    @precondition(lambda self: self.broker.messages)
    @rule(data=st.data(), what=st.sampled_from(["lost", "doubled", "with another priority"]))
    def spoil(self, data: st.DataObject, what: str) -> None:
        """Redis loses a ticket, a publisher repeats one, or it is of before a change of priority."""
        job_id, queue, priority = data.draw(st.sampled_from(self.broker.messages))
        if what == "lost":
            self.broker.messages.remove((job_id, queue, priority))
        else:
            self.broker.messages.append((job_id, queue, priority if what == "doubled" else 9 - priority))

    @rule()
    def flush(self) -> None:
        """Redis loses everything."""
        self.broker.flush()

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """An idle worker takes a ticket of its queues, whatever job it names, and gets the job whose turn it is."""
        idle = [name for name in FLEET if name not in self.running]
        if not idle:
            return
        worker = data.draw(st.sampled_from(idle))
        if self.broker.take("any", FLEET[worker][0]) is None:
            return
        claim = self._claim(worker)
        expected = self._next(worker)
        assert (claim and claim.job_id) == (expected and expected.job_id)
        if claim and expected:
            assert (claim.job_id, claim.attempt) not in self.seen
            self.seen.add((claim.job_id, claim.attempt))
            self.waiting.remove(expected)
            self.running[worker] = claim, expected

    def _claim(self, worker: str) -> Claim | None:
        device, held = FLEET[worker]
        claimant = factories.claimant(worker, device, Holdings(_reports(held)))
        return claims.claim_next(self.db, claimant, LEASE)

    def _next(self, worker: str) -> Waiting | None:
        """The job that the worker must get: the most urgent, of the owner with the fewest running jobs, the oldest."""
        owners = Counter(job.owner for _, job in self.running.values())
        order = [(-job.priority, owners[job.owner], job.job_id) for job in self.waiting if job.suits(worker)]
        return next((job for job in self.waiting if order and job.job_id == min(order)[2]), None)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), succeeds=st.booleans())
    def end(self, data: st.DataObject, succeeds: bool) -> None:
        """A worker ends its job, or gives it back; where that is, nobody sends a ticket for it."""
        worker = data.draw(st.sampled_from(sorted(self.running)))
        claim, job = self.running.pop(worker)
        if succeeds:
            factories.succeed(self.db, claim)
        else:
            assert attempts.end(self.db, claim, RELEASED) == "queued"
            self.waiting.append(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), priority=st.integers(4, 6))
    def change(self, data: st.DataObject, priority: int) -> None:
        """Somebody changes a priority, or cancels."""
        job = data.draw(st.sampled_from(self.waiting))
        if priority == job.priority:
            assert actions.cancel(self.db, job.job_id, actor=EVERYBODY) == "cancelled"
            self.waiting.remove(job)
        else:
            edits.edit(self.db, job.job_id, {"priority": priority}, actor=EVERYBODY)
            job.priority = priority

    @invariant()
    def nobody_is_idle_beside_a_job(self) -> None:
        """After a look, each idle worker that may take a job finds a ticket in its queues; another look adds none."""
        tickets.add_missing(self.db, self.broker, silent_seconds=LEASE)
        assert tickets.add_missing(self.db, self.broker, silent_seconds=LEASE) == 0
        for name, (device, _) in FLEET.items():
            if name not in self.running and any(job.suits(name) for job in self.waiting):
                assert any(queue in ("any", device) for _, queue, _ in self.broker.messages)


def test_any_order_of_tickets(database: Database) -> None:
    """Claims are those of the model, on both databases."""
    run_state_machine_as_test(
        type("OneQueueHere", (OneQueue,), {"db": database}),
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

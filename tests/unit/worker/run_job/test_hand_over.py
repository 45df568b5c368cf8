"""What becomes of a job that follows an equal one, whatever becomes of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.jobs import deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.batches import only
from shared.jobs.running import claims
from tests.support import factories
from tests.unit.worker.run_job.equal_jobs import OPTIMIZERS, SCHEDULES, Service
from worker.run_job import task
from worker.run_job.attempt import Attempt
from worker.training.errors import CancelRequested, NonFiniteLoss
from worker.training.state.checkpoints import Checkpointing


class TestHandOver:
    @pytest.mark.parametrize("schedule", SCHEDULES)
    @pytest.mark.parametrize("end", [CancelRequested(), NonFiniteLoss(float("nan"), 2, 1)], ids=["cancel", "failure"])
    def test_who_follows_goes_on_from_the_leaders_checkpoint(
        self, service: Service, schedule: str, end: BaseException
    ) -> None:
        """In mid-epoch, with the bits of a run from scratch, even where the leader itself uses no cache."""
        asked: dict[str, Any] = {"epochs": 3, "schedule": SCHEDULES[schedule], "optimizer": OPTIMIZERS["adam"]}
        leader, follower = service.submit("off", **asked), service.submit(**asked)
        interrupted = _interrupt(service, after=5, then=lambda: _follow(service, follower, end))
        task.run(service.context)
        interrupted.undo()
        assert service.job(leader).status in ("cancelled", "failed")
        assert (service.job(follower).status, service.job(follower).following) == ("queued", None)
        task.run(service.context)
        heir = service.job(follower)
        assert (heir.status, heir.continued_from) == ("succeeded", leader)
        assert service.same_bits(follower, service.run("off", **asked))

    def test_a_leader_that_is_deleted_costs_the_follower_no_job(self, service: Service) -> None:
        """Only what was trained so far."""
        leader, follower = service.submit(), service.submit()
        interrupted = _interrupt(service, after=3, then=lambda: _follow(service, follower, CancelRequested()))
        task.run(service.context)
        interrupted.undo()
        only(deletion.delete_all(service.db, service.context.storage, [leader], actor=EVERYBODY))
        task.run(service.context)
        assert (service.job(follower).status, service.job(follower).continued_from) == ("succeeded", None)

    def test_a_follower_is_served_by_the_leaders_success(self, service: Service, trained: list[Any]) -> None:
        """Meanwhile it waits, and says why."""
        leader, follower = service.submit(), service.submit()
        interrupted = _interrupt(service, after=2, then=lambda: _follow(service, follower, None))
        task.run(service.context)
        interrupted.undo()
        task.run(service.context)
        assert service.job(follower).served_from == leader
        assert len(trained) == 1


def _follow(service: Service, follower: str, end: BaseException | None) -> None:
    """Another worker looks for work while the leader trains: the twin is parked."""
    other = factories.claimant("other:cpu:1")
    assert claims.claim_next(service.db, other, 30) is None
    job = service.job(follower)
    assert (job.status, job.not_before, job.following is not None) == ("queued", None, True)
    [warning] = job.warnings
    assert "trains the same" in warning
    if end is not None:
        raise end


def _interrupt(service: Service, *, after: int, then: Callable[[], None]) -> pytest.MonkeyPatch:
    """Call `then` at the check `after` of the next attempt, which saves a state at every step; undo the result."""
    patch = pytest.MonkeyPatch()
    check, steps = Attempt._check, [0]

    def counted(self: Attempt) -> None:
        steps[0] += 1
        check(self)
        if steps[0] == after:
            then()

    patch.setattr(Attempt, "_check", counted)
    patch.setattr(Checkpointing, "SHARE", float("inf"))
    quick = service.context.settings.model_copy(update={"checkpoint_seconds": 0.0})
    service.context.settings = quick
    return patch

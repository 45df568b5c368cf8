"""Evaluations of finished jobs as jobs of their own, on both databases."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job, JobTag
from shared.errors import IdempotencyKeyReused, IllegalTransition, InvalidSpec, JobNotFound
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobspec import BUILT_IN, Caps
from shared.jobspec.fields.evaluation import EvaluationRequest
from tests.support import factories

NOBODY = "01970000-0000-7000-8000-000000000000"


def request(**fields: object) -> EvaluationRequest:
    """What is asked for: the other data set with airplanes and birds."""
    return EvaluationRequest.model_validate({"dataset": "cifar10", **fields})


def finished(db: Database, **document: Any) -> str:
    """A job on synthetic images that has succeeded, and has kept its best weights."""
    return factories.succeed(db, factories.running(db, **document))


def evaluate(db: Database, job_id: str, **fields: object) -> str:
    """The id of its evaluation."""
    return actions.evaluate(db, job_id, request(**fields), Caps(), BUILT_IN, actor=EVERYBODY).job_id


class TestSubmission:
    def test_it_is_a_job_of_its_own(self, database: Database) -> None:
        """Queued, read and listed like any other; it says which job's network it scores, and trains nothing."""
        trained = finished(database)
        job_id = evaluate(database, trained, name="check", tags=["a"], resources={"device": "cpu"}, priority=7)

        job = queries.job(
            database, job_id, live=partial(queries.live_workers, database, silent_seconds=60.0), actor=EVERYBODY
        )
        assert (job.kind, job.status, job.name, job.tags, job.priority) == ("evaluate", "queued", "check", ["a"], 7)
        assert (job.spec["job"], job.spec["dataset"]["name"]) == (trained, "cifar10")
        assert (job.progress.epochs, job.result, job.cost.flops_per_epoch) == (0, None, 0)
        assert job.cost.parameters == queries.job(database, trained, actor=EVERYBODY).cost.parameters
        assert "No live worker" in job.warnings[0]
        with database.read() as connection:
            assert connection.scalar(select(Job.queue).where(Job.id == job_id)) == "cpu"
            assert connection.scalars(select(JobTag.tag).where(JobTag.job_id == job_id)).all() == ["a"]

    @pytest.mark.parametrize("state", ["queued", "running", "failed"])
    def test_only_a_training_that_has_succeeded_has_a_network(self, database: Database, state: str) -> None:
        """Any other has none to score."""
        job_id = factories.submit(database)
        if state != "queued":
            claim = factories.claim(database, job_id)
            if state == "failed":
                attempts.end(database, claim, factories.BROKEN)
        with pytest.raises(IllegalTransition, match=f"is {state}; only a training that has succeeded"):
            evaluate(database, job_id)

    def test_an_evaluation_has_trained_no_network(self, database: Database) -> None:
        """However well it ended."""
        job_id = evaluate(database, finished(database))
        claim = factories.claim(database, job_id)
        assert attempts.succeed(
            database, claim, epochs=(), best={}, exact=True, evaluations=[factories.evaluation()], artifacts=()
        )
        with pytest.raises(IllegalTransition, match="has trained no network"):
            evaluate(database, job_id)

    def test_weights_that_were_not_kept_cannot_be_scored(self, database: Database) -> None:
        """The refusal names the setting."""
        with pytest.raises(IllegalTransition, match="not kept its last weights"):
            evaluate(database, finished(database), weights="last")

    def test_nobodys_job_and_a_wrong_data_set_write_nothing(self, database: Database) -> None:
        """All or nothing."""
        trained = finished(database)
        before = factories.everything(database)
        with pytest.raises(JobNotFound):
            evaluate(database, NOBODY)
        with pytest.raises(InvalidSpec, match="has no class"):
            evaluate(database, trained, dataset="mnist")
        assert factories.everything(database) == before

    def test_a_key_makes_one_job_of_several_requests(self, database: Database) -> None:
        """The same request returns it, another is refused."""
        trained = finished(database)

        def once(asked: EvaluationRequest) -> tuple[str, bool]:
            key = SubmissionKey.of_evaluation("key", trained, asked, actor=EVERYBODY)
            return actions.evaluate(database, trained, asked, Caps(), BUILT_IN, actor=EVERYBODY, key=key)

        first, again = once(request()), once(request(weights="best"))
        assert (first[0], first[1], again[1]) == (again[0], True, False)
        with pytest.raises(IdempotencyKeyReused):
            once(request(name="other"))


class TestLife:
    def test_it_succeeds_with_its_evaluation(self, database: Database) -> None:
        """No epoch, no artifact: the figures are all that it has."""
        job_id = evaluate(database, finished(database))
        claim = factories.claim(database, job_id)
        assert claim.kind == "evaluate"
        row = factories.evaluation("best", accuracy=0.7)
        assert attempts.succeed(
            database, claim, epochs=(), best={}, exact=True, evaluations=[row], artifacts=(), lines=(), keep_lines=9
        )

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job.status, job.result, job.error, job.attempts) == ("succeeded", None, None, 1)
        found = queries.evaluation(database, job_id, "best", actor=EVERYBODY)
        assert found is not None
        assert found.accuracy == 0.7

    def test_a_lost_worker_costs_an_attempt(self, database: Database) -> None:
        """It is queued again, as any job."""
        job_id = evaluate(database, finished(database))
        factories.claim(database, job_id, lease_seconds=-1)
        assert factories.expire(database) == [job_id]
        assert factories.claim(database, job_id).attempt == 2

    def test_it_is_cancelled_and_deleted(self, database: Database) -> None:
        """While it waits at once, and while it runs by its flag; the job that it scores stays."""
        trained = finished(database)
        waiting, running = evaluate(database, trained), evaluate(database, trained)
        factories.claim(database, running)
        ended = [actions.cancel(database, job_id, actor=EVERYBODY) for job_id in (waiting, running)]
        assert ended == ["cancelled", "requested"]
        factories.delete(database, waiting)
        assert queries.job(database, trained, actor=EVERYBODY).status == "succeeded"

    def test_it_is_retried_as_it_was(self, database: Database) -> None:
        """With the same hash; once the network is gone no more, and the message says whose it was."""
        trained = finished(database)
        job_id = evaluate(database, trained, tags=["a"])
        actions.cancel(database, job_id, actor=EVERYBODY)
        again = queries.job(
            database, actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY).job_id, actor=EVERYBODY
        )
        before = queries.job(database, job_id, actor=EVERYBODY)
        assert (again.kind, again.retry_of, again.tags) == ("evaluate", job_id, ["a"])
        assert (again.spec, again.spec_hash) == (before.spec, before.spec_hash)

        factories.delete(database, trained)
        with pytest.raises(JobNotFound, match=trained):
            actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY)

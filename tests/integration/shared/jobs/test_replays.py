"""Replays: jobs that repeat another, and the verdict that is there when they have ended; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from shared import wire
from shared.database.engine import Database
from shared.database.tables import Job, JobEvent
from shared.errors import IllegalTransition
from shared.jobs import actions
from shared.jobs.actions import Elsewhere
from shared.jobs.actor import EVERYBODY
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import queries
from shared.jobs.replay import verdict
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobspec import BUILT_IN, Caps
from tests.support import factories

ENVIRONMENT = {"engine": "fused", "device": "cpu", "threads": 1, "torch": "2.9"}


def end(db: Database, claimed: Claim, rows: list[dict[str, Any]], **environment: Any) -> str:
    """End a claim well, after these epochs in this environment; returns the job's id."""
    about = ENVIRONMENT | environment
    assert attempts.record_environment(db, claimed, about, engine=str(about["engine"]), exact=True, first_epoch=None)
    told: dict[str, Any] = {"best": factories.best(), "exact": True, "evaluations": [], "artifacts": []}
    assert attempts.succeed(db, claimed, epochs=rows, **told)
    return claimed.job_id


def original(db: Database, **fields: Any) -> str:
    """A job that has succeeded after three epochs."""
    return end(db, factories.running(db, **fields), factories.epoch_rows(1, 3))


def replay(db: Database, job_id: str, where: Elsewhere = Elsewhere()) -> str:  # noqa: B008 -- it is frozen
    """Submit a replay; returns its id."""
    return actions.replay(db, job_id, Caps(), BUILT_IN, where, actor=EVERYBODY).job_id


def read(db: Database, job_id: str) -> wire.Job:
    """The job as everybody sees it."""
    return queries.job(db, job_id, actor=EVERYBODY)


def test_a_replay_asks_for_the_same_where_the_original_ran(database: Database) -> None:
    """Its labels, its engine and its kind of device; unless told otherwise."""
    first = original(database, name="try", tags=["a"])
    job = read(database, replay(database, first))
    asked = read(database, first)
    assert (job.replay_of, job.replay, job.retry_of, job.status) == (first, None, None, "queued")
    assert (job.name, job.tags, job.spec_hash) == ("try", ["a"], asked.spec_hash)
    assert (job.spec["training"]["engine"], job.spec["resources"]["device"]) == ("fused", "cpu")
    other = read(database, replay(database, first, Elsewhere("reference", "any", 2)))
    assert (other.spec["training"]["engine"], other.spec["resources"]["device"]) == ("reference", "any")
    assert (other.spec["resources"]["threads"], other.spec_hash) == (2, asked.spec_hash)


def test_a_replay_never_uses_what_equal_jobs_have_trained(database: Database) -> None:
    """Though its original would."""
    job = read(database, replay(database, original(database, cache="prefer")))
    assert (job.cache, job.following, job.served_from) == ("off", None, None)


def test_the_verdict_is_there_with_the_end(database: Database) -> None:
    """And stays when the original is deleted."""
    first = original(database)
    second = replay(database, first)
    end(database, factories.claim(database, second), factories.epoch_rows(1, 3))
    found = read(database, second).replay
    assert found is not None
    assert (found.verdict, found.epochs, found.digests, found.environment) == ("bit_equal", 3, 3, {})
    assert read(database, first).replay is None
    factories.delete(database, first)
    assert read(database, second).replay == found


def test_what_differs_is_said(database: Database) -> None:
    """The first epoch, the largest distances, and the environments."""
    first = original(database)
    second = replay(database, first)
    rows = factories.epoch_rows(1, 3)
    rows[1] |= {"train_loss": rows[1]["train_loss"] + 0.25, "digest": "f" * 64}
    end(database, factories.claim(database, second), rows, threads=2)
    found = read(database, second).replay
    assert found is not None
    assert (found.verdict, found.epoch, found.apart_epoch) == ("differs_at_epoch", 2, 2)
    assert found.differences["train_loss"] == pytest.approx(0.25)
    assert found.environment == {"threads": [1, 2]}


def test_without_an_original_there_is_nothing_to_compare(database: Database) -> None:
    """It was deleted while the replay ran."""
    first = original(database)
    claimed = factories.claim(database, replay(database, first))
    factories.delete(database, first)
    end(database, claimed, factories.epoch_rows(1, 3))
    found = read(database, claimed.job_id).replay
    assert found is not None
    assert (found.verdict, first in str(found.reason)) == ("not_comparable", True)


def test_a_replay_that_did_not_succeed_is_not_comparable(database: Database) -> None:
    """Whether it was cancelled while it waited, or failed."""
    first = original(database)
    waiting, broken = replay(database, first), factories.claim(database, replay(database, first))
    actions.cancel(database, waiting, actor=EVERYBODY)
    attempts.end(database, broken, factories.BROKEN)
    reasons = [getattr(read(database, one).replay, "reason", None) for one in (waiting, broken.job_id)]
    assert reasons == ["The replay was cancelled.", "The replay has failed."]


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_only_what_has_succeeded_is_replayed(database: Database, status: str) -> None:
    """There is nothing to compare with otherwise."""
    claimed = factories.running(database)
    if status == "failed":
        attempts.end(database, claimed, factories.BROKEN)
    with pytest.raises(IllegalTransition, match="only a training that has succeeded"):
        replay(database, claimed.job_id)


def test_a_repeated_request_makes_one_replay(database: Database) -> None:
    """With the same key the same job; elsewhere it would be another request."""
    first = original(database)
    key = SubmissionKey.of_replay("k", first, Elsewhere(), EVERYBODY)
    once = [actions.replay(database, first, Caps(), BUILT_IN, Elsewhere(), actor=EVERYBODY, key=key) for _ in range(2)]
    assert [new for _, new in once] == [True, False]
    assert once[0][0] == once[1][0]
    assert SubmissionKey.of_replay("k", first, Elsewhere(threads=2), EVERYBODY).body_sha256 != key.body_sha256


def test_a_verdict_that_an_old_worker_left_out_comes_later(database: Database) -> None:
    """With an event, so that whoever follows the job reads it again; once."""
    first = original(database)
    second = replay(database, first)
    end(database, factories.claim(database, second), factories.epoch_rows(1, 3))
    forget = update(Job).where(Job.id == second).values(replay=None)
    database.write(lambda connection: connection.execute(forget))
    assert [verdict.judge_missed(database) for _ in range(2)] == [1, 0]
    found = read(database, second).replay
    assert found is not None
    assert found.verdict == "bit_equal"
    with database.read() as connection:
        last = select(JobEvent.seq, JobEvent.kind).where(JobEvent.job_id == second).order_by(JobEvent.seq.desc())
        assert connection.execute(last.limit(1)).one().kind == "edited"

"""Many claimants at once: exactly one wins."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier

import pytest

from shared.database.engine import Database
from shared.errors import JobNotFound
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from tests.support import factories
from tests.support.concurrency import together

THREADS = 12
PROCESSES = 3


def test_one_of_many_threads_wins(database: Database) -> None:
    """The others are told that there is nothing to do."""
    job_id = factories.submit(database)
    won: list[int] = []

    def claim(number: int) -> None:
        if factories.try_claim(database, job_id, factories.claimant(f"w{number}"), 30):
            won.append(number)

    together(*(lambda number=number: claim(number) for number in range(THREADS)))

    assert len(won) == 1
    assert queries.job(database, job_id, actor=EVERYBODY)["worker"] == f"w{won[0]}"
    assert len(queries.attempts(database, job_id, actor=EVERYBODY)) == 1


def _claim_all(url: str, start: Barrier, job_ids: list[str], name: str) -> None:
    db = Database(url)
    start.wait()
    for job_id in job_ids:
        factories.try_claim(db, job_id, factories.claimant(name), 30)
    db.dispose()


def test_one_of_many_processes_wins(database_url: str, database: Database) -> None:
    """Every job is claimed exactly once, by whoever is first."""
    job_ids = [factories.submit(database) for _ in range(10)]
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    claimants = [
        context.Process(target=_claim_all, args=(database_url, start, job_ids, f"w{number}"))
        for number in range(PROCESSES)
    ]
    for process in claimants:
        process.start()
    for process in claimants:
        process.join()
        assert process.exitcode == 0

    for job_id in job_ids:
        assert [attempt["attempt"] for attempt in queries.attempts(database, job_id, actor=EVERYBODY)] == [1]
        assert queries.job(database, job_id, actor=EVERYBODY)["status"] == "running"


@pytest.mark.parametrize("round_", range(5))
def test_a_claim_and_a_cancel_at_once(database: Database, round_: int) -> None:
    """Either the job is cancelled and nobody has it, or it runs and its worker will be told."""
    job_id = factories.submit(database)
    answers: dict[str, object] = {}

    together(
        lambda: answers.update(claim=factories.try_claim(database, job_id, factories.claimant(), 30)),
        lambda: answers.update(cancel=actions.cancel(database, job_id, actor=EVERYBODY)),
    )

    job = queries.job(database, job_id, actor=EVERYBODY)
    assert job["cancel_requested"]
    if answers["claim"] is None:
        assert (answers["cancel"], job["status"]) == ("cancelled", "cancelled")
    else:
        assert (answers["cancel"], job["status"]) == ("requested", "running")


@pytest.mark.parametrize("round_", range(5))
def test_success_and_expiry_at_once(database: Database, round_: int) -> None:
    """One ending wins, and the other changes nothing."""
    claim = factories.running(database, lease_seconds=-1)
    succeeded: list[bool] = []

    def succeed() -> None:
        told = {"epochs": [], "best": {}, "evaluations": [], "artifacts": [factories.artifact()], "exact": True}
        succeeded.append(attempts.succeed(database, claim, **told))  # type: ignore[arg-type]

    together(succeed, lambda: factories.expire(database))

    outcome = queries.attempts(database, claim.job_id, actor=EVERYBODY)[0]["outcome"]
    status = queries.job(database, claim.job_id, actor=EVERYBODY)["status"]
    kept = len(queries.artifacts(database, claim.job_id, actor=EVERYBODY))
    assert (outcome, status, kept) == (("succeeded", "succeeded", 1) if succeeded[0] else ("lost", "queued", 0))


@pytest.mark.parametrize("round_", range(3))
def test_two_deletes_at_once(database: Database, round_: int) -> None:
    """One of them deletes it, the other finds no job."""
    job_id = factories.succeed(database, factories.running(database))
    answers: list[str] = []

    def delete() -> None:
        try:
            factories.delete(database, job_id)
            answers.append("deleted")
        except JobNotFound:
            answers.append("not found")

    together(delete, delete)

    assert sorted(answers) == ["deleted", "not found"]

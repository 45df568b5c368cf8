"""Changes of a job by its users, on both databases and beside its worker."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import IllegalTransition, JobNotFound, NotYours
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts
from shared.jobspec import BUILT_IN, Caps
from tests.support import factories
from tests.support.concurrency import together

LABELS = {"name": "wide", "tags": ["x", "a"], "notes": "# Why\n\nThe *first* with 10 %."}


def state(db: Database, job_id: str) -> str:
    """The job in a state that labels are changed in."""
    return queries.job(db, job_id, actor=EVERYBODY).status


@pytest.mark.parametrize("status", ["queued", "running", "succeeded"])
def test_labels_change_at_any_time(database: Database, status: str) -> None:
    """The spec keeps those that were submitted, and its hashes; the event says what changed."""
    job_id = factories.submit(database, name="first", tags=["b"])
    if status != "queued":
        claim = factories.claim(database, job_id)
        if status == "succeeded":
            factories.succeed(database, claim)
    before = queries.job(database, job_id, actor=EVERYBODY)

    edits.edit(database, job_id, LABELS, actor=EVERYBODY)

    after = queries.job(database, job_id, actor=EVERYBODY)
    assert (after.name, after.tags, after.notes) == ("wide", ["a", "x"], LABELS["notes"])
    labels = {"name", "tags", "notes"}
    assert {k: v for k, v in vars(after).items() if k not in labels} == {
        k: v for k, v in vars(before).items() if k not in labels
    }
    found, position = events.read(database, job_id)
    last = found[-1]
    assert (last.seq, last.kind) == (position.seq, "edited")
    assert {name: last.data[name] for name in labels} == LABELS


def test_what_is_left_out_stays(database: Database) -> None:
    """None removes a name or notes; an empty list the tags."""
    job_id = factories.submit(database, name="first", tags=["b"])
    edits.edit(database, job_id, {"notes": "something"}, actor=EVERYBODY)
    assert (
        queries.job(database, job_id, actor=EVERYBODY).name,
        queries.job(database, job_id, actor=EVERYBODY).tags,
    ) == ("first", ["b"])
    edits.edit(database, job_id, {"name": None, "tags": [], "notes": None}, actor=EVERYBODY)
    job = queries.job(database, job_id, actor=EVERYBODY)
    assert (job.name, job.tags, job.notes) == (None, [], None)


def test_a_priority_that_is_too_late_changes_nothing(database: Database) -> None:
    """Nor do the labels beside it."""
    claim = factories.running(database)
    before = factories.everything(database)
    with pytest.raises(IllegalTransition, match="while it is queued"):
        edits.edit(database, claim.job_id, {**LABELS, "priority": 9}, actor=EVERYBODY)
    assert factories.everything(database) == before


def test_two_events_of_one_change(database: Database) -> None:
    """Labels and priority, numbered without a gap; a priority alone is as ever."""
    job_id = factories.submit(database)
    edits.edit(database, job_id, {"name": "wide", "priority": 9}, actor=EVERYBODY)
    edits.edit(database, job_id, {"priority": 3}, actor=EVERYBODY)
    found = events.read(database, job_id)[0]
    assert [(event.seq, event.kind) for event in found[1:]] == [(2, "edited"), (3, "priority"), (4, "priority")]
    with database.read() as connection:
        assert connection.scalar(select(Job.published_at)) is None


def test_a_job_that_is_not_there(database: Database) -> None:
    """Is said."""
    with pytest.raises(JobNotFound):
        edits.edit(database, "01900000-0000-7000-8000-000000000000", LABELS, actor=EVERYBODY)


def test_a_job_of_another_owner_keeps_its_labels(database: Database) -> None:
    """But for one whose scope is admin."""
    alice, bob, admin = Actor("alice", Scope.SUBMIT), Actor("bob", Scope.SUBMIT), Actor("bob", Scope.ADMIN)
    job_id = actions.submit(database, factories.submission(), actor=alice).job_id
    for labels in (LABELS, {"priority": 3}):
        with pytest.raises(NotYours):
            edits.edit(database, job_id, labels, actor=bob)
        for actor in (alice, admin):
            edits.edit(database, job_id, labels, actor=actor)


def test_a_retry_has_the_present_labels(database: Database) -> None:
    """In its spec too; notes are about one run, and stay with it."""
    job_id = factories.submit(database, name="frist", tags=["z", "b"])
    edits.edit(database, job_id, {"name": "first", "tags": ["b", "z", "new"], "notes": "wrong name"}, actor=EVERYBODY)
    actions.cancel(database, job_id, actor=EVERYBODY)
    again = queries.job(
        database, actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY).job_id, actor=EVERYBODY
    )
    assert (again.name, again.tags, again.notes) == ("first", ["b", "new", "z"], None)
    assert (again.spec["name"], again.spec["tags"]) == ("first", ["z", "b", "new"])
    assert again.spec_hash == queries.job(database, job_id, actor=EVERYBODY).spec_hash


def test_edits_beside_a_worker_lose_nothing(database: Database) -> None:
    """Epochs and labels take their numbers in turn."""
    claim = factories.running(database)

    def train() -> None:
        for epoch in range(1, 21):
            assert attempts.record_epochs(database, claim, [factories.epoch_row(epoch)], factories.best())
            assert attempts.heartbeat(database, claim, 30)

    def edit() -> None:
        for number in range(20):
            edits.edit(database, claim.job_id, {"notes": f"note {number}", "tags": [f"t{number}"]}, actor=EVERYBODY)

    together(train, edit)
    found = events.read(database, claim.job_id)[0]
    assert [event.seq for event in found] == list(range(1, 43))
    job = queries.job(database, claim.job_id, actor=EVERYBODY)
    assert (job.notes, job.tags, job.progress.epoch) == ("note 19", ["t19"], 20)

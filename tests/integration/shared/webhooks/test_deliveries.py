"""Webhooks and deliveries in both databases: recorded with what happened, settled once, kept for a while."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock

import orjson
import pytest
from sqlalchemy import func, select, text, update

from shared import wire
from shared.database.engine import Database
from shared.database.tables import Webhook, WebhookDelivery
from shared.errors import DeliveryNotFound, IllegalTransition, TooManyWebhooks, WebhookNotFound
from shared.jobs import actions, batches, deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.telemetry import tallies
from shared.webhooks import deliveries, events, hooks
from shared.webhooks.deliveries import Attempt, Due
from shared.webhooks.retry_schedule import RetrySchedule
from shared.webhooks.signature import SigningKey
from shared.webhooks.status import DeliveryStatus
from tests.conftest import Jump
from tests.support import factories

KEY = SigningKey(bytes(32))
SCHEDULE = RetrySchedule()
DELIVERED, FAILED = Attempt(204), Attempt(500, "Answered 500.")


def hook(db: Database, url: str = "https://hooks.example.com/a") -> str:
    """A webhook for finished jobs; returns its id."""
    return hooks.create(db, url, ["job.finished"], KEY).id


def listed(db: Database, webhook: str) -> list[wire.Delivery]:
    """A webhook's deliveries, newest first."""
    return list(deliveries.page(db, webhook).items)


def due_one(db: Database, webhook: str) -> Due:
    """The one delivery that is due."""
    (one,) = deliveries.due(db, webhook, 10)
    return one


def cancelled(db: Database) -> str:
    """A job that was cancelled while queued; returns its id."""
    job = factories.submit(db)
    actions.cancel(db, job, actor=EVERYBODY)
    return job


def _succeed(db: Database) -> str:
    claim = factories.running(db, name="wide", tags=["b", "a"])
    return factories.succeed(db, claim, best_val_accuracy=0.75)


def _fail(db: Database) -> str:
    claim = factories.running(db)
    attempts.end(db, claim, Ending(Outcome.FAILED, "non_finite_loss", "epoch 1"))
    return claim.job_id


def _lose_for_good(db: Database) -> str:
    claim = factories.running(db, limits={"max_attempts": 1}, lease_seconds=-1.0)
    factories.expire(db)
    return claim.job_id


@pytest.mark.parametrize(
    "finish,status",
    [(_succeed, "succeeded"), (_fail, "failed"), (_lose_for_good, "failed"), (cancelled, "cancelled")],
)
def test_each_end_of_a_job_is_recorded_once(database: Database, finish: Callable[[Database], str], status: str) -> None:
    """For each webhook, with the job as it ended: by its worker, by its lease, by its owner."""
    first, second = hook(database), hook(database)
    job = finish(database)
    for webhook in (first, second):
        (one,) = listed(database, webhook)
        assert (one.event, one.job_id, one.status, one.attempts) == ("job.finished", job, "pending", 0)
        assert one.payload["type"] == "job.finished"
        assert one.payload["data"]["status"] == status
        assert one.payload["data"]["id"] == job
        assert one.payload["timestamp"] == one.payload["data"]["finished_at"]


def test_a_message_says_what_became_of_the_job(database: Database) -> None:
    """Name, tags, figures; enough to act without asking back."""
    webhook = hook(database)
    _succeed(database)
    data = listed(database, webhook)[0].payload["data"]
    assert (data["name"], data["tags"], data["attempts"], data["error"]) == ("wide", ["a", "b"], 1, None)
    assert data["result"]["best_val_accuracy"] == 0.75
    assert data.keys() == set(wire.answer.names(wire.FinishedJob))


def test_each_job_of_many_that_are_cancelled_at_once_is_recorded(database: Database) -> None:
    """With its own name and tags, for each webhook; those that ran or had ended before are not."""
    webhooks = hook(database), hook(database)
    jobs = [factories.submit(database, name=f"job {number}", tags=[str(number)]) for number in range(3)]
    claim = factories.running(database)
    batches.cancel_all(database, [*jobs, claim.job_id, cancelled(database)], actor=EVERYBODY)
    for webhook in webhooks:
        told = [one.payload["data"] for one in listed(database, webhook)][::-1]
        told[1:] = sorted(told[1:], key=lambda one: jobs.index(one["id"]))  # recorded at once, in no order
        assert [(one["name"], one["tags"]) for one in told[1:]] == [(f"job {n}", [str(n)]) for n in range(3)]
        assert [one["id"] for one in told[1:]] == jobs


def test_a_job_that_goes_on_is_not_recorded(database: Database) -> None:
    """Neither its start, nor an attempt that was lost or released, nor a request to cancel it."""
    webhook = hook(database)
    claim = factories.running(database, lease_seconds=-1.0)
    factories.expire(database)
    claim = factories.claim(database, claim.job_id)
    actions.cancel(database, claim.job_id, actor=EVERYBODY)
    assert listed(database, webhook) == []


def test_a_write_that_is_rolled_back_records_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delivery is part of the transaction that ends the job; a cancel that is repeated adds none."""
    webhook, job = hook(database), factories.submit(database)
    with monkeypatch.context() as patch:
        patch.setattr(events, "_insert", Mock(side_effect=[KeyError]))
        with pytest.raises(KeyError):
            actions.cancel(database, job, actor=EVERYBODY)
    assert queries.job(database, job, actor=EVERYBODY).status == "queued"
    for _ in range(2):
        actions.cancel(database, job, actor=EVERYBODY)
    assert len(listed(database, webhook)) == 1


def test_each_job_of_a_batch_is_recorded(database: Database) -> None:
    """That is cancelled at once; a running one ends later."""
    webhook = hook(database)
    jobs, running = [factories.submit(database) for _ in range(3)], factories.running(database).job_id
    batches.cancel_all(database, [*jobs, running], actor=EVERYBODY)
    assert {delivery.job_id for delivery in listed(database, webhook)} == set(jobs)


def test_an_event_outlives_its_job(database: Database) -> None:
    """A job that is deleted before its delivery is delivered all the same."""
    webhook = hook(database)
    job = cancelled(database)
    deletion.delete_rows(database, [job], actor=EVERYBODY)
    one = due_one(database, webhook)
    assert orjson.loads(one.payload)["data"]["id"] == job


def test_a_success_is_the_end(database: Database) -> None:
    """Nothing is due any more."""
    webhook = hook(database)
    cancelled(database)
    assert deliveries.settle(database, due_one(database, webhook), DELIVERED, SCHEDULE) == "delivered"
    (one,) = listed(database, webhook)
    assert (one.status, one.attempts, one.response_status, one.next_at, one.error) == ("delivered", 1, 204, None, None)
    assert one.attempted_at
    assert deliveries.due(database, webhook, 10) == []
    assert deliveries.ready_webhooks(database) == []


def test_each_attempt_is_counted(database: Database) -> None:
    """By what became of the delivery; one that another process recorded meanwhile is not counted again."""
    webhook = hook(database)
    cancelled(database)
    first = due_one(database, webhook)
    for attempt in (FAILED, FAILED):
        deliveries.settle(database, first, attempt, SCHEDULE)
    cancelled(database)
    deliveries.settle(database, due_one(database, webhook), DELIVERED, SCHEDULE)

    with database.read() as connection:
        found = [one for one in tallies.read(connection) if one.name == tallies.DELIVERIES]
    assert {one.labels["status"]: one.amount for one in found} == {"pending": 1, "delivered": 1}


def test_what_failed_is_due_by_the_schedule(database: Database, jump: Jump) -> None:
    """And fails for good after the last attempt, where others are delivered meanwhile."""
    webhook = hook(database)
    cancelled(database)
    for delay in SCHEDULE.delays:
        assert deliveries.settle(database, due_one(database, webhook), FAILED, SCHEDULE) == "pending"
        cancelled(database)
        assert deliveries.settle(database, due_one(database, webhook), DELIVERED, SCHEDULE) == "delivered"
        jump(delay * 0.5)  # the clock goes on meanwhile, on a busy machine by seconds
        assert deliveries.due(database, webhook, 10) == []
        jump(delay * 0.7)
    assert deliveries.settle(database, due_one(database, webhook), FAILED, SCHEDULE) == "failed"
    (one,) = deliveries.page(database, webhook, status=DeliveryStatus.FAILED).items
    assert (one.attempts, one.error, one.response_status, one.next_at) == (9, "Answered 500.", 500, None)
    assert hooks.webhook(database, webhook).enabled


def test_a_receiver_that_fails_for_a_day_is_disabled(database: Database, jump: Jump) -> None:
    """What waits and what comes waits on, and is due once it is enabled again."""
    webhook = hook(database)
    cancelled(database)
    for delay in SCHEDULE.delays:
        deliveries.settle(database, due_one(database, webhook), FAILED, SCHEDULE)
        assert hooks.webhook(database, webhook).enabled
        assert hooks.webhook(database, webhook).failing_since
        jump(delay * 1.1)
    assert deliveries.settle(database, due_one(database, webhook), FAILED, SCHEDULE) == "pending"
    disabled = hooks.webhook(database, webhook)
    assert (disabled.enabled, disabled.disabled_reason and "hours" in disabled.disabled_reason) == (False, True)
    cancelled(database)
    assert deliveries.due(database, webhook, 10) == []
    assert deliveries.ready_webhooks(database) == []

    enabled = hooks.enable(database, webhook)
    assert (enabled.enabled, enabled.disabled_reason, enabled.failing_since) == (True, None, None)
    assert [one.attempts for one in deliveries.due(database, webhook, 10)] == [0, 0]
    assert deliveries.ready_webhooks(database) == [webhook]


def test_a_success_ends_the_day_of_failures(database: Database, jump: Jump) -> None:
    """The next failure begins another one."""
    webhook = hook(database)
    for hours in (0, 20):
        cancelled(database)
        jump(hours * 3600)
        deliveries.settle(database, deliveries.due(database, webhook, 1)[0], FAILED, SCHEDULE)
    cancelled(database)
    deliveries.settle(database, deliveries.due(database, webhook, 1)[-1], DELIVERED, SCHEDULE)
    assert hooks.webhook(database, webhook).failing_since is None
    jump(20 * 3600)
    deliveries.settle(database, deliveries.due(database, webhook, 1)[0], FAILED, SCHEDULE)
    assert hooks.webhook(database, webhook).enabled


def test_a_receiver_that_is_gone_is_disabled_at_once(database: Database) -> None:
    """It answered 410."""
    webhook = hook(database)
    cancelled(database)
    gone = Attempt(410, "Answered 410 Gone.")
    assert deliveries.settle(database, due_one(database, webhook), gone, SCHEDULE) == "pending"
    assert not hooks.webhook(database, webhook).enabled
    with pytest.raises(IllegalTransition, match="Enable it first"):
        deliveries.redeliver(database, webhook, listed(database, webhook)[0].id)


def test_an_attempt_counts_once(database: Database) -> None:
    """Where two processes sent the same delivery, the second record changes nothing."""
    webhook = hook(database)
    cancelled(database)
    one = due_one(database, webhook)
    assert deliveries.settle(database, one, FAILED, SCHEDULE) == "pending"
    assert deliveries.settle(database, one, DELIVERED, SCHEDULE) is None
    assert listed(database, webhook)[0].attempts == 1


def test_a_webhook_deleted_during_a_delivery_leaves_nothing(database: Database) -> None:
    """The record of the attempt is dropped; webhook and deliveries are removed in steps, and no other's."""
    webhook, other = hook(database), hook(database)
    for _ in range(3):
        cancelled(database)
    one = deliveries.due(database, webhook, 1)[0]
    hooks.delete(database, webhook)
    assert deliveries.settle(database, one, DELIVERED, SCHEDULE) is None
    for call in (
        lambda: hooks.webhook(database, webhook),
        lambda: hooks.delete(database, webhook),
        lambda: deliveries.page(database, webhook),
        lambda: deliveries.redeliver(database, webhook, one.id),
    ):
        with pytest.raises(WebhookNotFound):
            call()
    cancelled(database)
    assert deliveries.ready_webhooks(database) == [other]
    assert [deliveries.remove_old(database, 2) for _ in range(3)] == [2, 1, 0]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Webhook)) == 1
        assert set(connection.scalars(select(WebhookDelivery.webhook_id))) == {other}


def test_old_deliveries_are_removed(database: Database, jump: Jump) -> None:
    """After thirty days, in steps."""
    webhook = hook(database)
    for _ in range(3):
        cancelled(database)
    jump(29 * 86_400)
    cancelled(database)
    assert deliveries.remove_old(database) == 0
    jump(2 * 86_400)
    assert [deliveries.remove_old(database, 2) for _ in range(2)] == [2, 1]
    assert len(listed(database, webhook)) == 1


def test_a_delivery_is_sent_again(database: Database) -> None:
    """Whatever became of it, under the same id and with the same body."""
    webhook = hook(database)
    cancelled(database)
    one = due_one(database, webhook)
    deliveries.settle(database, one, DELIVERED, SCHEDULE)
    again = deliveries.redeliver(database, webhook, one.id)
    assert (again.id, again.status, again.attempts) == (one.id, "pending", 0)
    assert due_one(database, webhook) == one
    for unknown in ("x", "\x00" * 36, "0" * 36):
        with pytest.raises(DeliveryNotFound):
            deliveries.redeliver(database, webhook, unknown)


def test_pages_follow_one_another(database: Database) -> None:
    """Newest first, without a gap, by status where that is asked for."""
    webhook = hook(database)
    for _ in range(5):
        cancelled(database)
    deliveries.settle(database, deliveries.due(database, webhook, 1)[0], DELIVERED, SCHEDULE)
    everything = [one.id for one in listed(database, webhook)]
    found, cursor, more = list[str](), None, True
    while more:
        page = deliveries.page(database, webhook, before=cursor, limit=2)
        found += [one.id for one in page.items]
        cursor, more = page.next_cursor, page.next_cursor is not None
    assert found == everything == sorted(everything, reverse=True)
    assert [one.id for one in deliveries.page(database, webhook, status=DeliveryStatus.DELIVERED).items] == found[-1:]


def test_a_test_is_a_delivery_of_its_own(database: Database) -> None:
    """For one webhook, of whatever events, with the webhook itself as its data."""
    webhook, other = hook(database), hook(database)
    (one,) = [hooks.test(database, webhook)]
    sent = deliveries.delivery(database, webhook, one)
    assert (sent.event, sent.job_id, sent.payload["type"]) == ("webhook.test", None, "webhook.test")
    assert sent.payload["data"]["id"] == webhook
    assert "secret" not in sent.payload["data"]
    assert listed(database, other) == []


def test_a_secret_is_shown_once_and_stored_nowhere(database: Database) -> None:
    """No column of any table holds it, nor the key."""
    made = hooks.create(database, "https://hooks.example.com/", ["job.finished"], KEY)
    rotated = hooks.rotate(database, made.id, KEY)
    assert made.secret == KEY.secret(made.id, 1) != rotated.secret == KEY.secret(made.id, 2)
    with database.read() as connection:
        stored = repr(connection.execute(text("SELECT * FROM webhooks")).all())
    for secret in (made.secret, rotated.secret):
        assert secret.removeprefix("whsec_") not in stored
    assert not hasattr(hooks.webhook(database, made.id), "secret")


def test_a_rotation_overlaps_for_a_day(database: Database, jump: Jump) -> None:
    """Unless the secret before came from another key, which this service does not have."""
    webhook = hook(database)
    cancelled(database)
    assert (due_one(database, webhook).generation, due_one(database, webhook).overlaps) == (1, False)
    hooks.rotate(database, webhook, KEY)
    assert (due_one(database, webhook).generation, due_one(database, webhook).overlaps) == (2, True)
    jump(86_500)
    assert not due_one(database, webhook).overlaps
    hooks.rotate(database, webhook, SigningKey(bytes(range(32))))
    assert (due_one(database, webhook).generation, due_one(database, webhook).overlaps) == (3, False)


def test_webhooks_are_limited(database: Database) -> None:
    """Deleted ones do not count."""
    many = [hook(database) for _ in range(hooks.MOST_WEBHOOKS)]
    with pytest.raises(TooManyWebhooks, match="50"):
        hook(database)
    hooks.delete(database, many[0])
    hook(database)
    assert [one.id for one in hooks.webhooks(database)][:2] == many[1:3]


def test_the_longest_due_comes_first(database: Database) -> None:
    """Then the older one."""
    webhook = hook(database)
    for _ in range(3):
        cancelled(database)
    first, second, third = (one.id for one in deliveries.due(database, webhook, 10))
    assert [first, second, third] == sorted([first, second, third])
    early = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    database.write(
        lambda c: c.execute(update(WebhookDelivery).where(WebhookDelivery.id == third).values(next_at=early))
    )
    assert [one.id for one in deliveries.due(database, webhook, 2)] == [third, first]


def test_a_clock_that_was_set_back_disables_nobody(database: Database, jump: Jump) -> None:
    """The day of failures is counted from the earlier instant."""
    webhook = hook(database)
    cancelled(database)
    one = due_one(database, webhook)
    deliveries.settle(database, one, FAILED, SCHEDULE)
    jump(-48 * 3600)
    deliveries.settle(database, replace(one, attempts=1), FAILED, SCHEDULE)
    jump(3600)
    deliveries.settle(database, replace(one, attempts=2), FAILED, SCHEDULE)
    assert hooks.webhook(database, webhook).enabled

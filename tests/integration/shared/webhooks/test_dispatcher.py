"""The dispatcher over real databases and receivers: at least once, in one process at a time, no webhook for another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from standardwebhooks.webhooks import Webhook as Verifier

from shared import wire
from shared.database.engine import Database
from shared.database.tables import WebhookDelivery
from shared.errors import DatabaseUnavailable
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.webhooks import deliveries, hooks
from shared.webhooks.dispatcher import Dispatcher, DispatcherPace
from shared.webhooks.hosts import AllowedHosts
from shared.webhooks.request import Sender
from shared.webhooks.retry_schedule import RetrySchedule
from shared.webhooks.signature import SigningKey
from shared.webhooks.status import DeliveryStatus
from tests.support import factories
from tests.support.receivers import Receiver, receiving
from tests.support.servers import wait_until

KEY = SigningKey(bytes(32))
QUICK = RetrySchedule(delays=(0.05,) * 8, first_pause=0.01, longest_pause=0.02)
PACE = DispatcherPace(pass_seconds=0.02, batch=5, removal_seconds=0.02, schedule=QUICK)
TIRELESS = replace(PACE, schedule=replace(QUICK, delays=(0.05,) * 10_000))
"""Gives nothing up while a test lasts."""
DEAD = 100_000

Start = Callable[..., Dispatcher]


def sender(seconds: float = 5.0) -> Sender:
    """A sender to the loopback."""
    return Sender(AllowedHosts.read(("127.0.0.1:*",)), total_seconds=seconds)


def dispatcher_of(db: Database, key: SigningKey = KEY, pace: DispatcherPace = PACE, seconds: float = 5.0) -> Dispatcher:
    """A dispatcher that is not started."""
    one = sender(seconds)
    return Dispatcher(db, lambda: one, lambda: key, pace)


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """Starts dispatchers over the database, which end with the test."""
    stops: list[threading.Event] = []

    def begin(**options: Any) -> Dispatcher:
        dispatcher = dispatcher_of(database, **options)
        stops.append(dispatcher.start())
        return dispatcher

    yield begin
    for stop in stops:
        stop.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("webhook")], "an end")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 204."""
    with receiving() as one:
        yield one


def hook(db: Database, receiver: Receiver) -> wire.NewWebhook:
    """A webhook for this receiver."""
    return hooks.create(db, receiver.url, ["job.finished"], KEY)


def finish(db: Database, jobs: int = 1) -> list[str]:
    """Jobs that were cancelled while queued; returns their ids."""
    ids = [factories.submit(db) for _ in range(jobs)]
    for job in ids:
        actions.cancel(db, job, actor=EVERYBODY)
    return ids


def in_state(db: Database, webhook: str, status: DeliveryStatus) -> list[wire.Delivery]:
    """A webhook's deliveries with this status."""
    return list(deliveries.page(db, webhook, status=status, limit=500).items)


def test_a_finished_job_is_told(database: Database, receiver: Receiver, start: Start) -> None:
    """By a message that the reference library verifies with the webhook's secret, under the delivery's id."""
    made = hook(database, receiver)
    start()
    (job,) = finish(database)
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.DELIVERED), "a delivery")

    (message,) = receiver.messages
    assert Verifier(made.secret).verify(message.body.decode(), message.headers) == message.document
    assert message.document["data"]["id"] == job
    (one,) = in_state(database, made.id, DeliveryStatus.DELIVERED)
    assert (one.id, one.payload) == (message.id, message.document)


def test_what_was_rotated_is_signed_by_both(database: Database, receiver: Receiver, start: Start) -> None:
    """So a receiver may change its secret at any time of the day after."""
    made = hook(database, receiver)
    rotated = hooks.rotate(database, made.id, KEY)
    start()
    finish(database)
    wait_until(lambda: receiver.messages, "a message")
    for secret in (made.secret, rotated.secret):
        Verifier(secret).verify(receiver.messages[0].body.decode(), receiver.messages[0].headers)


def test_what_failed_is_sent_again_under_its_id(database: Database, receiver: Receiver, start: Start) -> None:
    """With the same body, until it is answered 2xx."""
    made = hook(database, receiver)
    receiver.before = lambda: setattr(receiver, "status", 503 if len(receiver.messages) < 3 else 200)
    start()
    finish(database)
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.DELIVERED), "a delivery")
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1
    assert len({message.body for message in receiver.messages}) == 1


def test_a_delivery_that_always_fails_is_given_up(database: Database, receiver: Receiver, start: Start) -> None:
    """After the schedule's attempts; sent again by hand it has them all again."""
    made = hook(database, receiver)
    receiver.status = 400
    start()
    finish(database)
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.FAILED), "a failure")
    assert len(receiver.messages) == len(QUICK.delays) + 1

    receiver.status = 200
    deliveries.redeliver(database, made.id, in_state(database, made.id, DeliveryStatus.FAILED)[0].id)
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.DELIVERED), "a delivery")
    assert len(set(receiver.ids)) == 1


def test_a_dead_host_holds_up_no_other(database: Database, receiver: Receiver, start: Start) -> None:
    """However many deliveries wait for it, and however long each of them hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=5) as silent:  # accepts and never answers
        port = silent.getsockname()[1]
        dead = hooks.create(database, f"http://127.0.0.1:{port}/", ["job.finished"], KEY)
        fill(database, dead.id, DEAD)
        alive = hook(database, receiver)
        start(seconds=3600.0)
        finish(database, 5)
        wait_until(lambda: len(in_state(database, alive.id, DeliveryStatus.DELIVERED)) == 5, "five deliveries")
    with database.read() as connection:
        waiting = select(func.count()).where(
            WebhookDelivery.webhook_id == dead.id, WebhookDelivery.status == DeliveryStatus.PENDING
        )
        assert connection.scalar(waiting) == DEAD + 5


def fill(db: Database, webhook: str, count: int) -> None:
    """Deliveries that have been due for years."""
    common = {"webhook_id": webhook, "event": "job.finished", "payload": "{}", "status": "pending", "attempts": 0}
    rows = [{"id": f"01936f00-0000-7000-8000-{number:012x}"} for number in range(count)]
    old = {"next_at": factories.EPOCH, "created_at": factories.EPOCH.replace(year=2100)}
    table: Any = WebhookDelivery.__table__
    db.write(lambda connection: connection.execute(insert(table).values(**common, **old), rows))


def test_many_are_sent_in_their_order(database: Database, receiver: Receiver, start: Start) -> None:
    """Each once, where nothing fails."""
    made = hook(database, receiver)
    jobs = finish(database, 60)
    start()
    wait_until(lambda: len(in_state(database, made.id, DeliveryStatus.DELIVERED)) == 60, "sixty deliveries")
    assert [message.document["data"]["id"] for message in receiver.messages] == jobs


def test_one_of_several_dispatchers_sends(database: Database, receiver: Receiver, start: Start) -> None:
    """The holder of the lock: nothing is sent twice."""
    made = hook(database, receiver)
    for _ in range(3):
        start()
    for _ in range(10):
        finish(database, 3)
    wait_until(lambda: len(in_state(database, made.id, DeliveryStatus.DELIVERED)) == 30, "thirty deliveries")
    assert len(receiver.ids) == len(set(receiver.ids)) == 30


def _dispatch(url: str) -> None:
    dispatcher_of(Database(url)).start()
    time.sleep(600)


def test_a_kill_between_request_and_record_loses_nothing(
    database: Database, database_url: str, receiver: Receiver, start: Start
) -> None:
    """The next process sends the message again, under the same id, once the lock of the killed one has run out."""
    made = hook(database, receiver)
    held = threading.Event()
    receiver.before = held.wait
    process = multiprocessing.get_context("spawn").Process(target=_dispatch, args=(database_url,))
    process.start()
    finish(database)
    wait_until(lambda: receiver.messages, "a message")
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    held.set()
    assert in_state(database, made.id, DeliveryStatus.DELIVERED) == []

    start()
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.DELIVERED), "a delivery")
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_a_dispatcher_that_lost_the_lock_stops_sending(database: Database, receiver: Receiver, start: Start) -> None:
    """Between two messages, where its lock has not been renewed."""
    made = hook(database, receiver)
    finish(database, 8)
    dispatcher = dispatcher_of(database)
    receiver.before = lambda: setattr(dispatcher, "_renewed_at", -float("inf"))
    dispatcher.run_once()
    wait_until(lambda: not dispatcher._sending[made.id].is_alive(), "the thread's end")
    assert len(receiver.messages) == 1


def test_a_webhook_deleted_during_a_delivery_ends_it(database: Database, receiver: Receiver, start: Start) -> None:
    """What is under way arrives; nothing after it does."""
    made = hook(database, receiver)
    receiver.before = lambda: hooks.delete(database, made.id)
    finish(database, 3)
    start()
    wait_until(lambda: not hooks.any_exist(database), "the removal")
    assert len(receiver.messages) == 1
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(WebhookDelivery)) == 0


def test_a_receiver_that_wants_no_more_is_left_alone(database: Database, receiver: Receiver, start: Start) -> None:
    """After a 410 it is asked again only once the webhook is enabled."""
    made = hook(database, receiver)
    receiver.status = 410
    start()
    finish(database, 3)
    wait_until(lambda: not hooks.webhook(database, made.id).enabled, "the end")
    finish(database)
    assert len(receiver.messages) == 1
    receiver.status = 200
    hooks.enable(database, made.id)
    wait_until(lambda: len(in_state(database, made.id, DeliveryStatus.DELIVERED)) == 4, "four deliveries")


def test_another_key_signs_nothing(database: Database, receiver: Receiver, start: Start) -> None:
    """A service that lost its key says so in the delivery; a rotation gives the webhook a secret of the present key."""
    made = hook(database, receiver)
    finish(database)
    other = SigningKey(bytes(range(32)))
    start(key=other, pace=TIRELESS)
    wait_until(lambda: (waiting(database, made.id).error or "").startswith("The webhook's secret"), "the reason")
    assert receiver.messages == []

    rotated = hooks.rotate(database, made.id, other)
    wait_until(lambda: receiver.messages, "a message")
    (message,) = receiver.messages[:1]
    Verifier(rotated.secret).verify(message.body.decode(), message.headers)


def waiting(db: Database, webhook: str) -> wire.Delivery:
    """The webhook's only delivery."""
    (one,) = deliveries.page(db, webhook).items
    return one


def test_an_outage_of_the_database_costs_nothing(
    database: Database, receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be recorded is sent again once the database answers."""
    made = hook(database, receiver)
    settle, failures = deliveries.settle, iter([True, True])

    def fail_twice(*args: Any) -> Any:
        if next(failures, False):
            raise DatabaseUnavailable("It is away.")
        return settle(*args)

    monkeypatch.setattr(deliveries, "settle", fail_twice)
    finish(database)
    start()
    wait_until(lambda: in_state(database, made.id, DeliveryStatus.DELIVERED), "a delivery")
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1


def test_without_webhooks_the_lock_is_not_touched(database: Database) -> None:
    """A service without webhooks pays one read a second."""
    dispatcher = dispatcher_of(database)
    dispatcher.run_once()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM locks").scalar() == 0

"""The dispatcher sends what is due: in one process of the API at a time, with a thread for each webhook.

A webhook whose receiver is slow or gone holds up its own deliveries alone, however many of them wait. A message is sent
at least once: a process that is killed between a request and its record leaves the delivery due, and the next holder of
the lock sends it again under the same `webhook-id`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Self

from shared.database.named_lock import NamedLock
from shared.errors import DatabaseUnavailable, WebhookKeyUnusable
from shared.webhooks import deliveries, hooks, signature
from shared.webhooks.deliveries import Attempt
from shared.webhooks.hosts import AllowedHosts
from shared.webhooks.key_file import signing_key
from shared.webhooks.retry_schedule import RetrySchedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.database.engine import Database
    from shared.settings import Settings
    from shared.webhooks.deliveries import Due
    from shared.webhooks.request import Sender
    from shared.webhooks.signature import SigningKey

logger = logging.getLogger(__name__)

LOCK = "webhooks"


@dataclass(frozen=True)
class DispatcherPace:
    """Sizes and times of the dispatcher, in seconds."""

    pass_seconds: float = 1.0
    """Pause between two looks for what is due."""
    batch: int = 20
    """Deliveries of a webhook that are read at once."""
    removal_seconds: float = 60.0
    """Pause between two removals of old deliveries."""
    removal_batch: int = 1000
    """Deliveries that one removal deletes at most."""
    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    """When what failed is tried again."""
    held_seconds: float = 8.0
    """Time since the lock was last renewed within which the threads still send; below the lock's own."""


class Dispatcher:
    """The dispatcher of one process.

    Args:
        db: the database.
        sender: returns what sends requests; called once there is something to send.
        key: returns the service's signing key; raises WebhookKeyUnusable.
        pace: sizes and times.
    """

    def __init__(
        self,
        db: Database,
        sender: Callable[[], Sender],
        key: Callable[[], SigningKey],
        pace: DispatcherPace = DispatcherPace(),
    ) -> None:
        self._db = db
        self._sender = sender
        self._key = key
        self._pace = pace
        self._lock = NamedLock(db, LOCK, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}")
        self._renewed_at = -float("inf")
        self._removed_at = -float("inf")
        self._sending: dict[str, threading.Thread] = {}
        self._stop = threading.Event()

    @classmethod
    def build(cls, settings: Settings, db: Database) -> Self:
        """Build the dispatcher of an API process from its settings."""

        @cache
        def sender() -> Sender:
            from shared.webhooks.request import Sender  # noqa: PLC0415 -- httpx is loaded once something is sent

            return Sender(AllowedHosts.read(settings.webhook_hosts))

        return cls(db, sender, lambda: signing_key(settings))

    def start(self) -> threading.Event:
        """Start passes in a daemon thread. Setting the returned event ends them, and the sending with them."""
        threading.Thread(target=self.run_until, args=(self._stop.wait,), name="webhooks", daemon=True).start()
        return self._stop

    def run_until(self, stop: Callable[[float], bool]) -> None:
        """Make pass after pass until `stop(seconds)`, which waits up to `seconds`, returns True."""
        while not stop(self._pace.pass_seconds):
            try:
                self.run_once()
            except DatabaseUnavailable as error:
                logger.warning("webhooks_not_sent", extra={"reason": str(error)})
            except Exception:
                # No error may end the thread: the next pass may succeed.
                logger.exception("webhooks_crashed")

    def run_once(self) -> None:
        """Give each webhook that has something due a thread, if this process holds the lock.

        Raises:
            DatabaseUnavailable: the database is unavailable; what is due stays due.
        """
        if not hooks.any_exist(self._db):  # the lock is not written while there is nothing to do
            return
        if not self._lock.acquire():
            self._renewed_at = -float("inf")
            return
        self._renewed_at = time.monotonic()
        self._remove_old()
        self._sending = {one: thread for one, thread in self._sending.items() if thread.is_alive()}
        for webhook_id in deliveries.ready_webhooks(self._db):
            if webhook_id not in self._sending:
                self._start_sending(webhook_id)

    def _remove_old(self) -> None:
        now = time.monotonic()
        if now - self._removed_at < self._pace.removal_seconds:
            return
        removed = deliveries.remove_old(self._db, self._pace.removal_batch)
        if removed < self._pace.removal_batch:  # else there is more to remove in the next pass
            self._removed_at = now

    def _start_sending(self, webhook_id: str) -> None:
        thread = threading.Thread(
            target=self._send_logged, args=(webhook_id,), name=f"webhook-{webhook_id[-8:]}", daemon=True
        )
        self._sending[webhook_id] = thread
        thread.start()

    @property
    def _may_send(self) -> bool:
        return time.monotonic() - self._renewed_at < self._pace.held_seconds and not self._stop.is_set()

    def _send_logged(self, webhook_id: str) -> None:
        try:
            self._send_due(webhook_id)
        except DatabaseUnavailable as error:
            logger.warning("webhooks_not_sent", extra={"reason": str(error)})
        except Exception:
            # A thread that ends is started again by the next pass.
            logger.exception("webhook_crashed", extra={"webhook": webhook_id})

    def _send_due(self, webhook_id: str) -> None:
        """Send what is due for one webhook, the longest due first, until nothing is or the lock is lost."""
        sender, failures = self._sender(), 0
        while batch := deliveries.due(self._db, webhook_id, self._pace.batch):
            for delivery in batch:
                if not self._may_send:
                    return
                attempt = self._attempt(sender, delivery)
                status = deliveries.settle(self._db, delivery, attempt, self._pace.schedule)
                _log(delivery, attempt, status)
                failures = 0 if attempt.error is None else failures + 1
                if self._stop.wait(self._pace.schedule.pause(failures)):
                    return
                if failures or status is None:  # what is due, and the webhook's URL and state, are read again
                    break

    def _attempt(self, sender: Sender, delivery: Due) -> Attempt:
        body = delivery.payload.encode()
        try:
            secrets = self._secrets(delivery)
        except WebhookKeyUnusable as error:
            return Attempt(error=error.detail)
        headers = signature.headers(secrets, delivery.id, int(time.time()), body)
        return sender.post(delivery.url, headers, body)

    def _secrets(self, delivery: Due) -> list[str]:
        """Return the secrets to sign with, the present one first.

        Raises:
            WebhookKeyUnusable: the webhook's secret came from another key.
        """
        key = self._key()
        if delivery.key_id != key.id:
            message = (
                "The webhook's secret was made with another key of the service (FLIGHTLINE_WEBHOOK_KEY, or webhook.key "
                "in its home). Put that key back, or give the webhook a new secret: "
                f"`flightline webhook rotate {delivery.webhook_id}`."
            )
            raise WebhookKeyUnusable(message)
        generations = [delivery.generation, *([delivery.generation - 1] if delivery.overlaps else [])]
        return [key.secret(delivery.webhook_id, generation) for generation in generations]


def _log(delivery: Due, attempt: Attempt, status: object) -> None:
    """Log an attempt, without the URL, whose path may be a secret."""
    fields = {"webhook": delivery.webhook_id, "delivery": delivery.id, "attempt": delivery.attempts + 1}
    if attempt.error is None:
        logger.info("webhook_delivered", extra={**fields, "status": attempt.status})
    else:
        logger.warning("webhook_failed", extra={**fields, "reason": attempt.error, "delivery_is": status or "unknown"})

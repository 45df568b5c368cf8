"""Webhooks in the database: made, listed, rotated, enabled, deleted; each in one transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import uuid6
from sqlalchemy import func, insert, select, update

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Webhook, WebhookDelivery
from shared.errors import FieldError, InvalidWebhook, TooManyWebhooks, WebhookNotFound
from shared.webhooks import events
from shared.webhooks.hosts import AllowedHosts, read_url
from shared.webhooks.status import WebhookState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.webhooks.signature import SigningKey

MOST_WEBHOOKS = 50
"""Each webhook with something to send has a thread of its own, so their number is limited."""
OVERLAP_SECONDS = 86_400.0
"""How long messages are signed with the secret before a rotation, too."""
_ID = re.compile(r"[0-9a-f-]{36}", re.ASCII)
_TABLE: Any = Webhook.__table__
_THERE = Webhook.state != WebhookState.DELETED


def check(url: str, hosts: AllowedHosts) -> None:
    """Check a URL and that its host is one of `hosts`. Raises InvalidWebhook, which points at ``/url``."""
    try:
        destination = read_url(url)
    except ValueError as error:
        raise _invalid(f"url {error}.") from None
    if not hosts.allows(destination):
        raise _invalid(
            f"{destination.authority} is not a host that webhooks may be sent to. Add it to FLIGHTLINE_WEBHOOK_HOSTS "
            "where the API is started, with its port unless that is 80 or 443."
        )


def _invalid(detail: str) -> InvalidWebhook:
    return InvalidWebhook(detail, (FieldError("/url", detail),))


def create(
    db: Database, url: str, event_types: Sequence[str], key: SigningKey, *, owner: str | None = None
) -> wire.NewWebhook:
    """Insert a webhook whose URL has been checked; return it with its secret.

    Raises:
        TooManyWebhooks: there are `MOST_WEBHOOKS` already.
    """

    def work(connection: Connection) -> Row[Any]:
        if (connection.scalar(select(func.count()).select_from(_TABLE).where(_THERE)) or 0) >= MOST_WEBHOOKS:
            message = f"There are {MOST_WEBHOOKS} webhooks already, and no more are possible. Delete one first."
            raise TooManyWebhooks(message)
        values = {"url": url, "events": list(event_types), "key_id": key.id, "generation": 1, "owner": owner}
        now = clock.database_now(connection)
        new = insert(_TABLE).values(id=str(uuid6.uuid7()), state=WebhookState.ENABLED, created_at=now, **values)
        return connection.execute(new.returning(*_TABLE.c)).one()

    return _with_secret(db.write(work), key)


def rotate(db: Database, webhook_id: str, key: SigningKey) -> wire.NewWebhook:
    """Give a webhook a new secret. For a day, messages are signed with the one before, too.

    A webhook whose secret came from another key of the service gets one of the present key; no message can be signed
    with the one before then.

    Raises:
        WebhookNotFound: no such webhook.
    """

    def work(connection: Connection) -> Row[Any]:
        row = find(connection, webhook_id)
        until = connection.scalar(select(clock.database_now_plus(connection, OVERLAP_SECONDS)))
        values = {
            "generation": row.generation + 1,
            "key_id": key.id,
            "previous_until": until if row.key_id == key.id else None,
        }
        changed = update(_TABLE).where(Webhook.id == webhook_id).values(values)
        return connection.execute(changed.returning(*_TABLE.c)).one()

    return _with_secret(db.write(work), key)


def enable(db: Database, webhook_id: str) -> wire.Webhook:
    """Enable a disabled webhook: what waits is due at once, and its receiver has another day to answer.

    Raises:
        WebhookNotFound: no such webhook.
    """

    def work(connection: Connection) -> Row[Any]:
        if find(connection, webhook_id).state == WebhookState.DISABLED:
            now = clock.database_now(connection)
            values = {"state": WebhookState.ENABLED, "disabled_reason": None, "failing_since": None}
            connection.execute(update(_TABLE).where(Webhook.id == webhook_id).values(values))
            waiting = WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.next_at.is_not(None)
            tried = update(WebhookDelivery).where(*waiting, WebhookDelivery.attempts > 0)
            connection.execute(tried.values(next_at=now, attempts=0))
        return find(connection, webhook_id)

    return answer(db.write(work))


def delete(db: Database, webhook_id: str) -> None:
    """Delete a webhook. Its deliveries are removed by and by. Raises WebhookNotFound."""

    def work(connection: Connection) -> None:
        find(connection, webhook_id)
        connection.execute(update(_TABLE).where(Webhook.id == webhook_id).values(state=WebhookState.DELETED))

    db.write(work)


def test(db: Database, webhook_id: str) -> str:
    """Record the event `webhook.test` for one webhook; return the delivery's id. Raises WebhookNotFound."""

    def work(connection: Connection) -> str:
        now = connection.execute(select(clock.database_now(connection))).scalar_one()
        return events.record_test(connection, answer(find(connection, webhook_id)), isoformat(now))

    return db.write(work)


def webhook(db: Database, webhook_id: str) -> wire.Webhook:
    """Read one webhook. Raises WebhookNotFound."""
    with db.read() as connection:
        return answer(find(connection, webhook_id))


def webhooks(db: Database) -> list[wire.Webhook]:
    """Read all webhooks, oldest first."""
    with db.read() as connection:
        return [answer(row) for row in connection.execute(select(*_TABLE.c).where(_THERE).order_by(Webhook.id))]


def is_id(text: str) -> bool:
    """Whether a text may be the id of a webhook or delivery; PostgreSQL refuses to compare with some others."""
    return _ID.fullmatch(text) is not None


def any_exist(db: Database) -> bool:
    """Whether there is any webhook, or a deleted one whose deliveries are still to be removed."""
    with db.read() as connection:
        return connection.scalar(select(Webhook.id).limit(1)) is not None


def find(connection: Connection, webhook_id: str) -> Row[Any]:
    """Return the row of a webhook. Raises WebhookNotFound."""
    if not is_id(webhook_id):
        raise WebhookNotFound(webhook_id)
    row = connection.execute(select(*_TABLE.c).where(Webhook.id == webhook_id, _THERE)).one_or_none()
    if row is None:
        raise WebhookNotFound(webhook_id)
    return row


def answer(row: Row[Any]) -> wire.Webhook:
    """Build the answer about a webhook of its row."""
    return wire.Webhook(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "enabled": row.state == WebhookState.ENABLED,
        "disabled_reason": row.disabled_reason,
        "failing_since": isoformat(row.failing_since),
        "owner": row.owner,
        "created_at": isoformat(row.created_at),
    }


def _with_secret(row: Row[Any], key: SigningKey) -> wire.NewWebhook:
    return wire.NewWebhook(**_fields(row), secret=key.secret(row.id, row.generation))

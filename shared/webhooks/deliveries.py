"""Deliveries in the database: which are due, what became of an attempt, and those that people look at."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, exists, select, update

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Webhook, WebhookDelivery
from shared.errors import DeliveryNotFound, IllegalTransition
from shared.telemetry import tallies
from shared.webhooks import hooks
from shared.webhooks.retry_schedule import RetrySchedule
from shared.webhooks.status import DeliveryStatus, WebhookState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

    from shared.database.engine import Database

KEPT_SECONDS = 30 * 86_400.0
"""How long deliveries are kept, delivered or not."""
GONE = 410
_TABLE: Any = WebhookDelivery.__table__


@dataclass(frozen=True)
class Due:
    """A delivery that is to be tried now, and what its webhook says about how."""

    id: str
    webhook_id: str
    event: str
    payload: str
    attempts: int
    url: str
    key_id: str
    generation: int
    overlaps: bool
    """Whether to sign with the secret before the last rotation, too."""

    @property
    def spread(self) -> float:
        """A number from 0 to 1 that is this delivery's own, in every process: the end of its id."""
        return int(self.id[-4:], 16) / 0xFFFF


@dataclass(frozen=True)
class Attempt:
    """What became of one attempt.

    Attributes:
        status: HTTP status of the answer; None where there was none.
        error: why the attempt failed; None for a success.
        retry_after: seconds that the receiver asks to wait.
    """

    status: int | None = None
    error: str | None = None
    retry_after: float = 0.0


def ready_webhooks(db: Database) -> list[str]:
    """Return the ids of enabled webhooks that have something due, by one index lookup for each."""
    with db.read() as connection:
        due = exists().where(WebhookDelivery.webhook_id == Webhook.id, WebhookDelivery.next_at <= _now(connection))
        return list(connection.scalars(select(Webhook.id).where(Webhook.state == WebhookState.ENABLED, due)))


def due(db: Database, webhook_id: str, most: int) -> list[Due]:
    """Return up to `most` deliveries of one webhook that are due, the longest due first; none while it is disabled."""
    with db.read() as connection:
        now = _now(connection)
        columns = (  # in the order of the fields of `Due`
            *(_TABLE.c[name] for name in ("id", "webhook_id", "event", "payload", "attempts")),
            *(Webhook.url, Webhook.key_id, Webhook.generation),
            Webhook.previous_until.is_not(None) & (Webhook.previous_until > now),
        )
        rows = connection.execute(
            select(*columns)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.next_at <= now)
            .where(Webhook.state == WebhookState.ENABLED)
            .order_by(WebhookDelivery.next_at, WebhookDelivery.id)
            .limit(most)
        )
        return [Due(*row) for row in rows]


def _now(connection: Connection, seconds: float = 0.0) -> dt.datetime:
    """Return the database's time, or the instant so many seconds later, as a value.

    PostgreSQL looks up no index by the expression, whose result changes from row to row.
    """
    return connection.execute(select(clock.database_now_plus(connection, seconds))).scalar_one()


def settle(db: Database, delivery: Due, attempt: Attempt, schedule: RetrySchedule) -> DeliveryStatus | None:
    """Record an attempt, and disable the webhook where it has failed for long or its receiver is gone.

    Returns:
        The delivery's new status; None where another process recorded an attempt meanwhile, or the webhook was deleted.
    """
    return db.write(lambda connection: _settle(connection, delivery, attempt, schedule))


def _settle(connection: Connection, delivery: Due, attempt: Attempt, schedule: RetrySchedule) -> DeliveryStatus | None:
    now = _now(connection)
    webhook = connection.execute(
        select(Webhook.failing_since).where(Webhook.id == delivery.webhook_id, Webhook.state != WebhookState.DELETED)
    ).one_or_none()
    if webhook is None:
        return None
    disabled = _judge(connection, delivery.webhook_id, webhook.failing_since, attempt, now, schedule)
    tried = delivery.attempts + 1
    delay = schedule.delay(tried, delivery.spread, attempt.retry_after)
    status = DeliveryStatus.PENDING
    if attempt.error is None:
        status = DeliveryStatus.DELIVERED
    elif delay is None and not disabled:  # a disabled webhook goes on with what waits once it is enabled
        status = DeliveryStatus.FAILED
    again = now + dt.timedelta(seconds=delay or 0.0)
    values = {
        "status": status,
        "attempts": tried,
        "next_at": again if status == DeliveryStatus.PENDING else None,
        "attempted_at": now,
        "response_status": attempt.status,
        "error": attempt.error,
    }
    mine = (WebhookDelivery.id == delivery.id, WebhookDelivery.attempts == delivery.attempts)
    pending = WebhookDelivery.status == DeliveryStatus.PENDING
    changed = connection.execute(update(_TABLE).where(*mine, pending).values(values)).rowcount
    if changed:
        tallies.count_delivery(connection, status)
    return status if changed else None


def _judge(
    connection: Connection,
    webhook_id: str,
    failing_since: dt.datetime | None,
    attempt: Attempt,
    now: dt.datetime,
    schedule: RetrySchedule,
) -> bool:
    """Record in the webhook's row whether its receiver works; return whether this attempt disables the webhook."""
    if attempt.error is None:
        values: dict[str, Any] = {"failing_since": None}
        if failing_since is None:
            return False
    else:
        values = {"failing_since": min(failing_since or now, now)}
    reason = _reason_to_disable(attempt, (now - (failing_since or now)).total_seconds(), schedule)
    if reason is not None:
        values |= {"state": WebhookState.DISABLED, "disabled_reason": reason}
    elif values["failing_since"] == failing_since:
        return False
    there = (Webhook.id == webhook_id, Webhook.state == WebhookState.ENABLED)
    connection.execute(update(Webhook).where(*there).values(values))
    return reason is not None


def _reason_to_disable(attempt: Attempt, failing_seconds: float, schedule: RetrySchedule) -> str | None:
    if attempt.status == GONE:
        return "Its receiver answered 410: it wants no more messages."
    if attempt.error is not None and failing_seconds >= schedule.failing:
        return f"Every attempt has failed for {failing_seconds / 3600:.0f} hours. The last one: {attempt.error}"
    return None


def page(
    db: Database,
    webhook_id: str,
    *,
    status: DeliveryStatus | None = None,
    before: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.Delivery]:
    """Read one page of a webhook's deliveries, newest first; its cursor is the last one's id.

    Args:
        db: the database.
        webhook_id: the webhook.
        status: only deliveries with this status.
        before: the cursor of the page before.
        limit: most deliveries on the page.

    Raises:
        WebhookNotFound: no such webhook.
    """
    conditions = [WebhookDelivery.webhook_id == webhook_id]
    conditions += [WebhookDelivery.status == status] if status else []
    conditions += [WebhookDelivery.id < before] if before else []
    with db.read() as connection:
        hooks.find(connection, webhook_id)
        newest_first = select(*_TABLE.c).where(*conditions).order_by(WebhookDelivery.id.desc())
        rows = connection.execute(newest_first.limit(limit + 1)).all()
    more = rows[limit - 1].id if len(rows) > limit else None
    return wire.Page(items=[_answer(row) for row in rows[:limit]], next_cursor=more)


def delivery(db: Database, webhook_id: str, delivery_id: str) -> wire.Delivery:
    """Read one delivery. Raises WebhookNotFound, DeliveryNotFound."""
    with db.read() as connection:
        hooks.find(connection, webhook_id)
        return _answer(_find(connection, webhook_id, delivery_id))


def redeliver(db: Database, webhook_id: str, delivery_id: str) -> wire.Delivery:
    """Make a delivery due at once, whatever became of it before, with all its attempts.

    Raises:
        WebhookNotFound: no such webhook.
        DeliveryNotFound: the webhook has no such delivery.
        IllegalTransition: the webhook is disabled.
    """

    def work(connection: Connection) -> Row[Any]:
        if hooks.find(connection, webhook_id).state == WebhookState.DISABLED:
            raise IllegalTransition(f"Webhook {webhook_id} is disabled. Enable it first.")
        _find(connection, webhook_id, delivery_id)
        again = {"status": DeliveryStatus.PENDING, "attempts": 0, "next_at": clock.database_now(connection)}
        connection.execute(update(_TABLE).where(WebhookDelivery.id == delivery_id).values(again))
        return _find(connection, webhook_id, delivery_id)

    return _answer(db.write(work))


def remove_old(db: Database, most: int = 1000) -> int:
    """Delete up to `most` deliveries that are old, and as many of a deleted webhook; return how many were deleted."""

    def work(connection: Connection) -> int:
        old = WebhookDelivery.created_at < _now(connection, -KEPT_SECONDS)
        removed = _delete(connection, old, most)
        gone = connection.scalar(select(Webhook.id).where(Webhook.state == WebhookState.DELETED).limit(1))
        if gone is None:
            return removed
        last = _delete(connection, WebhookDelivery.webhook_id == gone, most)
        if last < most:
            connection.execute(delete(Webhook).where(Webhook.id == gone))
        return removed + last

    return db.write(work)


def _delete(connection: Connection, condition: ColumnElement[bool], most: int) -> int:
    some = connection.scalars(select(WebhookDelivery.id).where(condition).limit(most)).all()
    return connection.execute(delete(_TABLE).where(WebhookDelivery.id.in_(some))).rowcount


def _find(connection: Connection, webhook_id: str, delivery_id: str) -> Row[Any]:
    if not hooks.is_id(delivery_id):
        raise DeliveryNotFound(delivery_id)
    mine = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    row = connection.execute(select(*_TABLE.c).where(*mine)).one_or_none()
    if row is None:
        raise DeliveryNotFound(delivery_id)
    return row


def _answer(row: Row[Any]) -> wire.Delivery:
    return wire.Delivery(
        id=row.id,
        webhook_id=row.webhook_id,
        event=row.event,
        job_id=row.job_id,
        status=row.status,
        attempts=row.attempts,
        next_at=isoformat(row.next_at),
        attempted_at=isoformat(row.attempted_at),
        response_status=row.response_status,
        error=row.error,
        payload=orjson.loads(row.payload),
        created_at=isoformat(row.created_at),
    )

"""The calls about webhooks: who is told of finished jobs and sweeps, and what became of each message."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import orjson

from flightline.client.calls.base import BaseCalls, J
from flightline.client.webhooks import Delivery, NewWebhook, Webhook


class WebhookCalls(BaseCalls[J]):
    """Webhooks: made, listed, deleted, tested; their deliveries, sent once more. They need an admin's token."""

    async def webhooks(self) -> list[Webhook]:
        """The webhooks, oldest first, and whether their receivers work."""
        return await self._list(Webhook, "/v1/webhooks")

    async def add_webhook(self, url: str, events: Sequence[str] = ("job.finished",)) -> NewWebhook:
        """Have a URL told of events; the `secret` of what is returned verifies the messages, and is shown this once.

        Args:
            url: where the messages are sent.
            events: what it is told of: `job.finished`, `sweep.finished`.

        Raises:
            InvalidRequest: the URL's host is not in `FLIGHTLINE_WEBHOOK_HOSTS`, or there is no such event.
        """
        content = orjson.dumps({"url": url, "events": list(events)})
        return NewWebhook(await self._transport.call("POST", "/v1/webhooks", content=content))

    async def delete_webhook(self, id: str) -> None:
        """Delete a webhook, with what has not been delivered. Raises `NotFound`."""
        await self._transport.call("DELETE", _path(id))

    async def rotate_webhook(self, id: str) -> NewWebhook:
        """Give a webhook a new secret; for a day its messages are signed with both. Raises `NotFound`."""
        return NewWebhook(await self._transport.call("POST", f"{_path(id)}/rotate"))

    async def enable_webhook(self, id: str) -> Webhook:
        """Enable a webhook whose receiver failed for a day, or answered 410; what waits is sent. Raises `NotFound`."""
        return Webhook(await self._transport.call("POST", f"{_path(id)}/enable"))

    async def test_webhook(self, id: str) -> Delivery:
        """Send a webhook the event `webhook.test`; its delivery says later what became of it. Raises `NotFound`."""
        return Delivery(await self._transport.call("POST", f"{_path(id)}/test"))

    async def deliveries(self, id: str, *, status: str | None = None, limit: int = 50) -> list[Delivery]:
        """The newest deliveries of a webhook, of the last 30 days.

        Args:
            id: the webhook's id.
            status: only those with this status: `pending`, `delivered` or `failed`.
            limit: how many; at most 500.

        Raises:
            NotFound: there is no such webhook.
        """
        return await self._list(Delivery, f"{_path(id)}/deliveries", status=status, limit=limit)

    async def redeliver(self, id: str, delivery: str) -> Delivery:
        """Send a delivery once more, under the same id, whatever became of it.

        Raises:
            NotFound: there is no such webhook, or it has no such delivery.
            Conflict: the webhook is disabled.
        """
        path = f"{_path(id)}/deliveries/{quote(delivery, safe='', errors='replace')}/redeliver"
        return Delivery(await self._transport.call("POST", path))


def _path(id: str) -> str:
    return f"/v1/webhooks/{quote(id, safe='', errors='replace')}"

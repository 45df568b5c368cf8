"""The endpoints of webhooks: who is told of events, and what became of each message."""

from __future__ import annotations

from api.http.operations import Reply, Routes
from api.http.requests.webhooks import WEBHOOK, DeliveriesQuery, read_webhook
from api.services import Services
from shared import wire
from shared.errors import (
    DatabaseUnavailable,
    DeliveryNotFound,
    IllegalTransition,
    InvalidWebhook,
    TooManyWebhooks,
    WebhookKeyUnusable,
    WebhookNotFound,
)
from shared.jobs.actor import Actor, Scope
from shared.webhooks import deliveries, hooks
from shared.webhooks.hosts import AllowedHosts
from shared.webhooks.key_file import signing_key

routes = Routes("webhooks", raises=(DatabaseUnavailable,))


@routes.route(
    "POST",
    "/v1/webhooks",
    body=WEBHOOK,
    answers={201: wire.NewWebhook},
    raises=(InvalidWebhook, TooManyWebhooks, WebhookKeyUnusable),
    scope=Scope.ADMIN,
)
def create_webhook(services: Services, actor: Actor, body: bytes) -> Reply:
    """Have a URL told of events: each message is a POST, signed as [Standard Webhooks] says.

    The answer has the secret that verifies the messages; no other answer shows it. The host must be listed in
    `FLIGHTLINE_WEBHOOK_HOSTS`. A message that is not answered 2xx is sent again, ever more seldom, for a day.

    [Standard Webhooks]: https://www.standardwebhooks.com
    """
    request = read_webhook(body)
    hooks.check(request.url, AllowedHosts.read(services.settings.webhook_hosts))
    key = signing_key(services.settings)
    made = hooks.create(services.db, request.url, request.events, key, owner=actor.owner)
    return Reply(made, headers={"Location": f"/v1/webhooks/{made.id}"})


@routes.route("GET", "/v1/webhooks", answers={200: wire.Page[wire.Webhook]}, scope=Scope.ADMIN)
def list_webhooks(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List the webhooks, oldest first, and whether their receivers work."""
    return Reply(wire.Page(items=hooks.webhooks(services.db), next_cursor=None))


@routes.route(
    "GET", "/v1/webhooks/<webhook>", answers={200: wire.Webhook}, raises=(WebhookNotFound,), scope=Scope.ADMIN
)
def read_webhook_state(services: Services, actor: Actor, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Read a webhook, and whether its receiver works."""
    return Reply(hooks.webhook(services.db, webhook))


@routes.route("DELETE", "/v1/webhooks/<webhook>", answers={204: None}, raises=(WebhookNotFound,), scope=Scope.ADMIN)
def delete_webhook(services: Services, actor: Actor, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Delete a webhook. What has not been delivered is not sent any more."""
    hooks.delete(services.db, webhook)
    return Reply(None)


@routes.route(
    "POST",
    "/v1/webhooks/<webhook>/rotate",
    answers={200: wire.NewWebhook},
    raises=(WebhookNotFound, WebhookKeyUnusable),
    scope=Scope.ADMIN,
)
def rotate_webhook(services: Services, actor: Actor, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Give a webhook a new secret. For a day its messages carry a signature by the old one, too."""
    return Reply(hooks.rotate(services.db, webhook, signing_key(services.settings)))


@routes.route(
    "POST", "/v1/webhooks/<webhook>/enable", answers={200: wire.Webhook}, raises=(WebhookNotFound,), scope=Scope.ADMIN
)
def enable_webhook(services: Services, actor: Actor, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Enable a webhook that was disabled, because its receiver failed for a day or answered 410. What waits is sent."""
    return Reply(hooks.enable(services.db, webhook))


@routes.route(
    "POST",
    "/v1/webhooks/<webhook>/test",
    answers={202: wire.Delivery},
    raises=(WebhookNotFound, DeliveryNotFound),
    scope=Scope.ADMIN,
)
def test_webhook(services: Services, actor: Actor, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Send a webhook the event `webhook.test`, whatever it asked for; its delivery says what became of it."""
    return Reply(deliveries.delivery(services.db, webhook, hooks.test(services.db, webhook)))


@routes.route(
    "GET",
    "/v1/webhooks/<webhook>/deliveries",
    query=DeliveriesQuery,
    answers={200: wire.Page[wire.Delivery]},
    raises=(WebhookNotFound,),
    scope=Scope.ADMIN,
)
def list_deliveries(services: Services, actor: Actor, query: DeliveriesQuery, webhook: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List a webhook's deliveries of the last 30 days, newest first, with what became of each."""
    page = deliveries.page(services.db, webhook, status=query.status, before=query.cursor, limit=query.limit)
    return Reply(page)


@routes.route(
    "POST",
    "/v1/webhooks/<webhook>/deliveries/<delivery>/redeliver",
    answers={202: wire.Delivery},
    raises=(WebhookNotFound, DeliveryNotFound, IllegalTransition),
    scope=Scope.ADMIN,
)
def redeliver(services: Services, actor: Actor, webhook: str, delivery: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Send a delivery once more, under the same `webhook-id`, whatever became of it.

    409 while the webhook is disabled.
    """
    return Reply(deliveries.redeliver(services.db, webhook, delivery))

"""Records of webhooks and of their deliveries."""

from __future__ import annotations

from flightline.client.fields import Fields
from flightline.client.records import Record
from shared import wire


class Webhook(Record, wire.Webhook):
    """A URL that is told of events; `enabled` is false once its receiver has failed for a day."""


class NewWebhook(Webhook, wire.NewWebhook):
    """A webhook that was made or rotated just now; `secret` verifies its messages, and is shown this once."""

    def __repr__(self) -> str:
        return f"<NewWebhook {self.raw.get('id')}: its secret is in `secret`>"


class Delivery(Record, wire.Delivery):
    """One event for one webhook, and what became of it; `payload` is the body that is sent."""

    payload: Fields

"""Enumerations of what a webhook may be about, and of the states of webhooks and deliveries."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class EventType(StrEnum):
    """What a delivery says has happened: the `type` of its payload."""

    JOB_FINISHED = "job.finished"
    SWEEP_FINISHED = "sweep.finished"
    TEST = "webhook.test"


Subscribable = Literal["job.finished", "sweep.finished"]
"""The events that a webhook may ask for; the others are sent on request alone."""


class WebhookState(StrEnum):
    """The state of a webhook. Events of a disabled one are recorded and wait; those of a deleted one are removed."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class DeliveryStatus(StrEnum):
    """The state of a delivery: `pending → delivered | failed`, and `pending` again when it is sent once more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"

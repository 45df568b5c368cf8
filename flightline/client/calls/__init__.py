"""The calls of the service, each written once: as a coroutine over a transport, for both clients."""

from __future__ import annotations

from flightline.client.calls.base import WHOLE_ID, J
from flightline.client.calls.batches import BatchCalls
from flightline.client.calls.following import FollowingCalls
from flightline.client.calls.imports import ImportCalls
from flightline.client.calls.jobs import JobCalls
from flightline.client.calls.rankings import RankingCalls
from flightline.client.calls.service import ServiceCalls
from flightline.client.calls.tokens import TokenCalls
from flightline.client.calls.webhooks import WebhookCalls

__all__ = ["WHOLE_ID", "Calls"]


class Calls(
    JobCalls[J],
    BatchCalls[J],
    RankingCalls[J],
    FollowingCalls[J],
    ImportCalls[J],
    ServiceCalls[J],
    TokenCalls[J],
    WebhookCalls[J],
):
    """What one can ask of one Flightline service.

    Args:
        transport: how requests are sent and waited for.
        job: makes a job of its JSON.
    """

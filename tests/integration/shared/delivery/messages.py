"""Looking at messages in Redis."""

from __future__ import annotations

import base64
import json

from shared.delivery.broker import queue_keys
from shared.jobs.status import Queue
from tests.support.servers import RedisServer


def messages(server: RedisServer, queue: str = Queue.ANY) -> list[str]:
    """The ids in a queue, in the order in which workers would get them."""
    with server.client() as client:
        found = [raw for key in queue_keys(queue) for raw in reversed(client.lrange(key, 0, -1))]
    bodies = (json.loads(base64.b64decode(json.loads(raw)["body"])) for raw in found)
    return [args[0] for args, _kwargs, _embed in bodies]

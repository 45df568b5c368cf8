"""The bell of a service: which jobs and sweeps have changed, over one stream for all of them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from flightline.client import retry
from flightline.client.following.events import SILENCE_SECONDS, is_full
from flightline.client.records import Event
from flightline.client.retry import UNAVAILABLE, Outage
from flightline.client.transport import Transport

PATH = "/v1/events"


async def rings(transport: Transport, *, wait_for_room: bool = True) -> AsyncGenerator[Event | None, None]:
    """Yield what the bell says, without end: an event, or None for a sign of life about every 15 s.

    An event of the kind ``jobs`` or ``sweeps`` has the `ids` of those that have changed, ``reset`` says that any may
    have: a stream begins with it, so it comes again whenever the connection had to be opened again.

    Raises:
        Unavailable: the service was unavailable for `OUTAGE_SECONDS`; at once where it serves as many streams as it can
            and `wait_for_room` is false.
        NotReachable: nothing answered for `OUTAGE_SECONDS`.
        NotFound: the service is of a release that has no bell.
    """
    outage, number = Outage(transport.sleep), 0
    while True:
        try:
            headers = {"Accept": "text/event-stream"}
            async with transport.stream(PATH, headers=headers, silence_seconds=SILENCE_SECONDS) as stream:
                outage.reset()
                async with aclosing(_blocks(stream.chunks)) as blocks:
                    async for kind, data in blocks:
                        number += bool(kind)
                        yield Event({"seq": number, "kind": kind, "data": data}) if kind else None
        except UNAVAILABLE as error:
            if not wait_for_room and is_full(error):
                raise
            await outage.wait_or_raise(error)
        else:  # the service is about to stop; its next one takes over
            await transport.sleep(retry.RETRY_SECONDS)


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, object], None]:
    """The kind and data of each event in a stream of bytes; an empty kind for a comment and the like."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
            kind = fields.get(b"event", b"").decode()
            yield kind, json.loads(fields.get(b"data") or b"{}")

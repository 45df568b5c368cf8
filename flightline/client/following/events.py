"""A job's events over HTTP: a stream of server-sent events, opened again when its connection ends too early."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from flightline.client import retry
from flightline.client.records import FINISHED, Event
from flightline.client.retry import UNAVAILABLE, Outage
from flightline.client.transport import Transport
from flightline.errors import Unavailable

NO_ROOM = "too_many_streams"
"""The code of the answer of a service that serves as many streams as it can."""
SILENCE_SECONDS = 45.0  # the service says something every 15 s; one that says nothing for longer has gone


async def events(
    transport: Transport, path: str, after: int, *, wait_for_room: bool, ends: frozenset[str] = FINISHED
) -> AsyncGenerator[Event, None]:
    """The events after number `after` of the job or sweep whose stream is at `path`, until its status is one of `ends`.

    Raises:
        Unavailable: the service was unavailable for `OUTAGE_SECONDS`; at once where it serves as many streams as it can
            and `wait_for_room` is false.
        NotReachable: nothing answered for `OUTAGE_SECONDS`.
        NotFound: there is no such job or sweep, or it was deleted.
    """
    outage = Outage(transport.sleep)
    while True:
        try:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
            async with (
                transport.stream(path, headers=headers, silence_seconds=SILENCE_SECONDS) as stream,
                aclosing(parsed(stream.chunks)) as found,
            ):
                outage.reset()
                async for event in found:
                    after = event.seq
                    yield event
                    if event.kind == "status" and event.data["status"] in ends:
                        return
                if stream.status == 204:
                    return
        except UNAVAILABLE as error:
            if not wait_for_room and is_full(error):
                raise
            await outage.wait_or_raise(error)
        else:  # the service is about to stop; its next one takes over
            await transport.sleep(retry.RETRY_SECONDS)


def is_full(error: Exception) -> bool:
    """Whether an error says that the service serves as many event streams as it can."""
    return isinstance(error, Unavailable) and error.code == NO_ROOM


async def parsed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    """The events in a stream of bytes, in chunks of any size; comments and an incomplete last event are left out."""
    rest = b""
    async for chunk in chunks:
        # Split by hand: httpx' lines also end at U+2028 and the like, which may stand within JSON.
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
            if b"id" in fields:
                kind, data = fields[b"event"].decode(), json.loads(fields[b"data"])
                yield Event({"seq": int(fields[b"id"]), "kind": kind, "data": data})

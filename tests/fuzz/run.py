"""One run: how many requests of each kind are sent, and what must hold of all of them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.described import Describer
from tests.fuzz.raw import Fuzzer, corpus, mutated
from tests.fuzz.service import Target

GROWTH_BYTES = 100_000_000
"""What the API's processes may hold more at the end than after the first tenth of the requests."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        statuses: how often each status came back; 0 for a connection that ended without an answer.
        seconds: how long it took.
        memory_bytes: what the API's processes held after a tenth of the requests, and at the end.
    """

    statuses: Counter[int]
    seconds: float
    memory_bytes: tuple[int, int]

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(self.statuses.values())


def run(target: Target, requests: int, seed: int, say: Callable[[str], object] = print) -> Outcome:
    """Send about so many requests: a fifth made up from the description, the rest raw.

    Raises:
        AssertionError: an answer that is not described or a fault of the server's, a hang, an exception in the log, a
            process that has ended, or memory that grows.
    """
    began, draw = time.monotonic(), random.Random(seed)
    describer = Describer(target.server.url, target.jobs, target.token, draw)
    fuzzer = Fuzzer(target.server.address)
    start = corpus(target.jobs, target.token)
    for request in start:
        fuzzer.send(request, draw)
    describer.one_by_one(max(2, requests // 400))
    say(f"{_count(fuzzer, describer)} requests, {dict(describer.statuses)}")
    early = target.memory_bytes
    describer.in_sequences(max(5, requests // 100))
    say(f"{_count(fuzzer, describer)} requests with sequences, {dict(describer.statuses)}")
    while _count(fuzzer, describer) < requests:
        fuzzer.send(mutated(draw.choice(start), start, draw), draw)
    target.check()
    late = target.memory_bytes
    assert late - early < GROWTH_BYTES, f"the API's processes held {early:,} bytes, now {late:,}"
    return Outcome(describer.statuses + fuzzer.statuses, time.monotonic() - began, (early, late))


def _count(fuzzer: Fuzzer, describer: Describer) -> int:
    return sum(fuzzer.statuses.values()) + sum(describer.statuses.values())

"""A short run of the program that sends the API what it is not made for."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.raw import corpus, mutated
from tests.fuzz.run import run
from tests.fuzz.service import attacked

REQUESTS = 5000
JOBS = ("0192f3aa-0000-7000-8000-000000000001", "0192f3aa-0000-7000-8000-000000000002")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("authentication", [False, True], ids=["open", "with tokens"])
def test_the_api_bears_whatever_is_sent(authentication: bool) -> None:
    """Thousands of requests, described or raw: no fault of its own, no hang, nothing undescribed, memory steady."""
    with attacked(authentication=authentication) as target:
        outcome = run(target, REQUESTS, seed=1)

    assert outcome.requests >= REQUESTS
    assert {200, 201, 204, 400, 404, 422} <= set(outcome.statuses)
    assert (401 in outcome.statuses) is authentication


def test_a_seed_always_sends_the_same() -> None:
    """What two runs of one seed make of a corpus is equal, of two seeds it is not."""
    start = corpus(JOBS, None)

    def made(seed: int) -> list[bytes]:
        draw = random.Random(seed)
        return [mutated(draw.choice(start), start, draw) for _ in range(50)]

    assert made(1) == made(1) != made(2)

"""Numbers that processes share, and the figures of requests that are counted in them."""

from __future__ import annotations

import os

import pytest
from prometheus_client.core import Metric

from api.http.metrics.numbers import NUMBERS, SharedNumbers
from api.http.metrics.requests import MOST_OPERATIONS, RequestFigures
from tests.support.concurrency import together


def figures(numbers: SharedNumbers | None = None, part: int = 0) -> RequestFigures:
    """The figures of one process, with two operations."""
    made = RequestFigures()
    made.know(["read_job", "submit_job"])
    if numbers is not None:
        made.share(numbers, part)
    return made


def values(of: RequestFigures) -> dict[tuple[str, ...], float]:
    """The samples by name and the labels' values."""
    families: list[Metric] = list(of.collect())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_every_process_tells_the_sum_of_all() -> None:
    """Also of one that has died since, whose successor goes on where it ended."""
    numbers = SharedNumbers(parts=3)
    for _ in range(2):  # a process and its successor
        pid = os.fork()
        if not pid:
            figures(numbers, part=1).observe("read_job", 200, 0.03)
            os._exit(0)
        os.waitpid(pid, 0)
    here = figures(numbers)
    here.observe("read_job", 200, 3.0)
    found = values(here)

    assert found["flightline_http_requests_total", "read_job", "200"] == 3
    assert found["flightline_http_request_duration_seconds_bucket", "read_job", "0.05"] == 2
    assert found["flightline_http_request_duration_seconds_bucket", "read_job", "+Inf"] == 3
    assert found["flightline_http_request_duration_seconds_sum", "read_job"] == pytest.approx(3.06)
    assert found == values(figures(numbers, part=2))


def test_threads_lose_no_count() -> None:
    """Each process has hundreds of them."""
    here = figures()

    def observe() -> None:
        for _ in range(500):
            here.observe("submit_job", 201, 0.001)

    together(*[observe] * 8)
    assert values(here)["flightline_http_requests_total", "submit_job", "201"] == 4000


def test_a_process_gets_a_part_that_no_other_has() -> None:
    """Where there are more processes than parts, one is shared rather than a process refused."""
    numbers = SharedNumbers(parts=3)

    assert numbers.free_part([]) == 0
    assert numbers.free_part([0, 2]) == 1
    assert numbers.free_part([0, 1, 2]) == 2


def test_labels_have_few_values() -> None:
    """An operation that does not exist is `unknown`, whatever was requested."""
    here = figures()
    here.observe(None, 404, 0.1)
    here.observe("made_up", 404, 0.1)

    assert values(here)["flightline_http_requests_total", "unknown", "404"] == 2


def test_too_many_operations_are_refused_at_the_start() -> None:
    """Not at the request that would write into another process's part."""
    with pytest.raises(ValueError, match=str(NUMBERS)):
        RequestFigures().know(map(str, range(MOST_OPERATIONS)))
    RequestFigures().know(map(str, range(MOST_OPERATIONS - 1)))

"""Estimates as the command says them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from flightline.cli.jobs.estimate import estimate_lines
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run


def device(kind: str, seconds_per_epoch: float | None, epochs: int = 20, jobs: int = 3) -> dict[str, Any]:
    """What is known of a kind of device."""
    seconds = None if seconds_per_epoch is None else seconds_per_epoch * epochs
    return {"device_kind": kind, "seconds_per_epoch": seconds_per_epoch, "seconds": seconds, "jobs": jobs}


def estimate(*devices: dict[str, Any], ahead: int = 0, starts_in: float | None = None) -> dict[str, Any]:
    """An estimate, of a job that starts in so many seconds."""
    at = None if starts_in is None else (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=starts_in)).isoformat()
    return {"devices": list(devices), "ahead": ahead, "starts_at": at}


@pytest.mark.parametrize(
    "given, lines",
    [
        (None, []),
        (estimate(), []),
        (estimate(device("cpu", None), ahead=1), ["1 job before it"]),
        (
            estimate(device("cpu", 9.0), device("cuda", 0.02, jobs=1), starts_in=-1.0),
            [
                "about 3 m on cpu (about 9 s per epoch, by 3 finished jobs)",
                "under 1 s on cuda (under 1 s per epoch, by 1 finished job)",
                "no job before it; starts at once",
            ],
        ),
    ],
)
def test_lines(given: dict[str, Any] | None, lines: list[str]) -> None:
    """What is unknown is left out."""
    assert list(estimate_lines(given)) == lines


def test_a_start_to_come() -> None:
    """How long it is until then; instants of another time zone would be no help."""
    (line,) = estimate_lines(estimate(ahead=8, starts_in=10_000_000))
    assert line.startswith("8 jobs before it; starts in about 115 d ")


def test_a_queued_job_says_when_it_starts(run: Run, service: FakeService) -> None:
    """Where the service says so; one of a release before does not."""
    service.add(status="queued", estimate=estimate(device("cpu", 9.0)))
    assert "estimate    about 3 m on cpu" in run("show", "last").out
    service.add(status="queued")
    assert "estimate" not in run("show", "last").out

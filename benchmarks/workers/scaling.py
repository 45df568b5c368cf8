"""Two one-thread workers beside one, on a machine with two cores at least."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.support import paired
from benchmarks.support.lines import Line
from benchmarks.support.stack.service import Service, service

JOB = {"preset": "notebook-tapered", "dataset": "synthetic", "training": {"epochs": 6}}
_WARM_UP = {**JOB, "training": {"epochs": 1}}
WORKERS = 2
JOBS_PER_WORKER = 2
TARGET = 1.9


def lines(rounds: int) -> Iterator[Line]:
    """Jobs one after the other, which keep one worker busy, and as many for each worker at once; in turn."""
    with service(WORKERS, warm_up=_WARM_UP) as made:
        works = {
            "one": lambda: _in_a_row(made, JOBS_PER_WORKER),
            "two": lambda: _at_once(made, WORKERS * JOBS_PER_WORKER),
        }
        timings = paired.in_turn(works, rounds)
    one, two = (JOBS_PER_WORKER / paired.seconds(timings, name) for name in ("one", "two"))
    ratio = WORKERS * paired.speed(timings, "two", "one")
    yield Line("jobs per second, two workers; one worker", "/s", WORKERS * two, one, ratio, TARGET)


def _in_a_row(made: Service, jobs: int) -> None:
    for _ in range(jobs):
        made.finished(made.submit(JOB), pause_seconds=0.05)


def _at_once(made: Service, jobs: int) -> None:
    for job_id in [made.submit(JOB) for _ in range(jobs)]:
        made.finished(job_id, pause_seconds=0.05)

"""Two one-thread workers beside one, on a machine with two cores at least."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import paired
from benchmarks.lines import Line
from benchmarks.service import Service, service

JOB = {"preset": "notebook-tapered", "dataset": "synthetic", "training": {"epochs": 2}}
JOBS_PER_WORKER = 3
TARGET = 1.9


def lines(rounds: int) -> Iterator[Line]:
    """The same number of jobs for each worker, in turn; the workers of the other service are idle meanwhile."""
    with service(1, warm_up=JOB) as one, service(2, warm_up=JOB) as two:
        works = {"one": lambda: _burst(one, JOBS_PER_WORKER), "two": lambda: _burst(two, 2 * JOBS_PER_WORKER)}
        timings = paired.in_turn(works, rounds)
    ratios = 2 * paired.speed(timings, "two", "one")
    per_second = {
        name: jobs * JOBS_PER_WORKER / paired.seconds(timings, name) for name, jobs in (("one", 1), ("two", 2))
    }
    yield Line("jobs per second, two workers; one worker", "/s", per_second["two"], per_second["one"], ratios, TARGET)


def _burst(made: Service, jobs: int) -> None:
    for job_id in [made.submit(JOB) for _ in range(jobs)]:
        made.finished(job_id, pause_seconds=0.1)

"""What a warm job costs beside its training, and how many tiny ones go through one worker."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.support import paired
from benchmarks.support.lines import Line, median
from benchmarks.support.others.runners import Flightline, Runner, others
from benchmarks.support.stack.service import TINY, service
from benchmarks.support.stack.timed_worker import PARTS

OVERHEAD_MS = 50.0
JOBS = 20
JOBS_OF_RAY = 4
_RATIOS = {"plain Celery": 0.8, "Ray Tune": 10.0}


def lines(rounds: int) -> Iterator[Line]:
    """Overhead and jobs per second beside others, then where the time goes."""
    with service(1) as made:
        for number, other in enumerate(others()):
            with other() as theirs:
                yield from _beside(Flightline(made), theirs, rounds, first=number == 0)
    yield from _parts(10 * rounds)
    yield from _equal(10 * rounds)


def _equal(jobs: int) -> Iterator[Line]:
    """A job that an equal one serves, asked for to result, beside the same job trained."""
    with service(1) as made:
        asked = {"trained": TINY, "served from an equal one": {**TINY, "cache": "prefer"}}
        spent: dict[str, list[float]] = {how: [] for how in asked}
        for document in asked.values():
            made.finished(made.submit(document))
        for _ in range(jobs):
            for how, document in asked.items():
                began = time.perf_counter()
                made.finished(made.submit(document))
                spent[how].append(1000 * (time.perf_counter() - began))
    for how, values in spent.items():
        yield median(f"a tiny job, asked for to result: {how}", "ms", values)


def _beside(ours: Runner, theirs: Runner, rounds: int, *, first: bool) -> Iterator[Line]:
    slow = theirs.name == "Ray Tune"
    jobs = JOBS_OF_RAY if slow else JOBS
    mine, other = [], []
    for _ in range(rounds if slow else 6 * rounds):
        mine.append(1000 * ours.overhead())
        other.append(1000 * theirs.overhead())
    what = f"warm job, asked for to result, less its epochs; {theirs.name}"
    yield Line(
        what,
        "ms",
        statistics.median(mine),
        statistics.median(other),
        at_most=OVERHEAD_MS if first else None,
        values=mine,
    )
    timings = paired.in_turn({"ours": lambda: ours.burst(jobs), "theirs": lambda: theirs.burst(jobs)}, rounds)
    yield Line(
        f"tiny jobs per second, one worker; {theirs.name}",
        "/s",
        jobs / paired.seconds(timings, "ours"),
        jobs / paired.seconds(timings, "theirs"),
        ratio=paired.speed(timings, "ours", "theirs"),
        at_least=_RATIOS.get(theirs.name),
        values=[jobs / timing.wall for timing in timings["ours"]],
    )


_MEANING = {
    "message": "POST until the worker has the message",
    "claimed": "claimed",
    "data": "data at hand",
    "recorded": "environment recorded",
    "built": "network built, data on the device",
    "batch": "first step boundary",
    "epoch": "last epoch validated",
    "trained": "evaluated",
    "kept": "artifacts kept",
    "succeeded": "success committed",
    "visible": "GET shows the result",
}


def _parts(jobs: int) -> Iterator[Line]:
    """Each part of a warm job, from the end of the one before."""
    spent: dict[str, list[float]] = {part: [] for part in _MEANING}
    with service(1, "benchmarks.support.stack.timed_worker") as made:
        timed = made.settings.home_dir / "timed"
        asked: dict[str, tuple[float, float]] = {}
        for _ in range(jobs):
            began = time.time()
            job_id = made.submit(TINY)
            made.finished(job_id)
            asked[job_id] = began, time.time()
            made.wait(lambda job_id=job_id: f"{job_id} returned" in timed.read_text())  # type: ignore[misc]
        stamps = _stamps(timed.read_text())
    for job_id, (began, visible) in asked.items():
        last = began
        for part, at in [*((part, stamps[job_id][part]) for part in PARTS if part != "returned"), ("visible", visible)]:
            spent[part].append(1000 * (at - last))
            last = at
    for part, values in spent.items():
        yield median(f"  of a warm job: {_MEANING[part]}", "ms", values)


def _stamps(text: str) -> dict[str, dict[str, float]]:
    stamps: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        job_id, part, at = line.split()
        stamps.setdefault(job_id, {})[part] = float(at)
    return stamps

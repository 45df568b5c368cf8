"""One run: a service, its users, its faults, and the reckoning."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from shared.storage.orphans import CollectorPace, OrphanCollector
from tests.chaos.clean import CleanRuns
from tests.chaos.injector import Injector
from tests.chaos.records import JobRecord, all_jobs
from tests.chaos.saying import say
from tests.chaos.schedule import schedule
from tests.chaos.stack import Stack
from tests.chaos.table import Outcomes
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import epoch_faults, event_faults, job_faults, result_faults, stream_faults
from tests.chaos.watch import Watch
from worker.training.data import load
from worker.training.plan import DatasetPlan

_LEAD = 6
"""Jobs that may be ahead of their share, so that the workers never run dry."""
_TICK_SECONDS = 0.05
_REPORT_SECONDS = 15.0


@dataclass(frozen=True)
class Order:
    """What to run."""

    seed: int
    jobs: int
    faults: int
    database: str
    storage: str
    workers: int

    @property
    def bound_seconds(self) -> float:
        """How long it may take until every job has finished."""
        return 120.0 + 10.0 * self.jobs + 20.0 * self.faults


@dataclass
class Result:
    """What came of it: figures for the table, violations of the guarantees, and where everything lies."""

    order: Order
    folder: Path
    outcomes: Outcomes = field(default_factory=Outcomes)
    violations: list[str] = field(default_factory=list)


def run(order: Order) -> Result:
    """Start, hurt, wait, stop, check. Everything is removed again unless there is a violation to study."""
    folder = Path(tempfile.mkdtemp(prefix="fl-chaos-", dir="/tmp"))  # short: a socket lies in it
    result = Result(order, folder)
    stack = Stack(folder, order.database, order.storage, order.workers)
    try:
        _draw_images(stack)
        stack.start()
        _play(order, stack, result)
        if result.violations:
            stack.disk.keep()
    except BaseException:
        stack.disk.keep()
        say(f"Logs and database are in {folder}.")
        raise
    finally:
        stack.remove()
    if not result.violations:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _draw_images(stack: Stack) -> None:
    """Once, before there are workers to do it at the same time."""
    places = stack.settings.datasets_dir, stack.settings.cache_dir
    load(DatasetPlan("synthetic", ("airplane", "bird"), train_per_class=1, val_per_class=1), *places)


def _play(order: Order, stack: Stack, result: Result) -> None:
    watch = Watch(stack.db)
    traffic = Traffic(stack, Random(f"{order.seed} traffic"), order.jobs)
    faults = schedule(Random(f"{order.seed} faults"), order.faults, order.database, order.storage)
    injector = Injector(stack, watch, faults)
    watch.start()
    traffic.start()
    try:
        in_time = _drive(order, stack, watch, traffic, injector)
    finally:
        injector.end_all()
        traffic.close()
        watch.close()
    if not in_time:
        open_jobs = ", ".join(watch.unfinished) or "none; a stream or a submission hangs"
        result.violations.append(f"not over after {order.bound_seconds:g} s; unfinished jobs: {open_jobs}")
    result.violations += stack.stop()
    result.violations += [f"process {pid} is left over" for pid in stack.leftovers()]
    records = all_jobs(stack.db)
    result.violations += traffic.told.surprises
    result.violations += _judge(stack, records, traffic, injector)
    result.outcomes = Outcomes.of(records, injector, traffic, stack)
    result.outcomes.figures["files that no row named, collected"] = _collect(stack)
    result.violations += _left_over(stack, records)
    result.violations += result.outcomes.crashes


def _drive(order: Order, stack: Stack, watch: Watch, traffic: Traffic, injector: Injector) -> bool:
    """Keep everything going; False when it took too long."""
    began = reported = time.monotonic()
    while not (injector.done and traffic.done and not watch.unfinished):
        stack.look()
        # Jobs and faults keep step: neither is to be over long before the other.
        share = math.ceil(order.jobs * injector.begun / max(1, order.faults))
        starved = injector.waiting and len(watch.unfinished) < order.workers
        traffic.allow(max(_LEAD + share, len(traffic.told.accepted) + 1 if starved else 0))
        injector.tick(allowed=math.ceil(order.faults * (len(watch.finished) + _LEAD) / order.jobs))
        now = time.monotonic()
        if now - began > order.bound_seconds:
            return False
        if now - reported > _REPORT_SECONDS:
            reported = now
            done = f"{len(watch.finished)} of {order.jobs} jobs, {injector.begun} of {order.faults} faults"
            say(f"  {now - began:5.0f} s: {done}")
        time.sleep(_TICK_SECONDS)
    return True


def _judge(stack: Stack, records: list[JobRecord], traffic: Traffic, injector: Injector) -> Iterator[str]:
    """Every violation, each with its job's id."""
    known = {record.job.id: record for record in records}
    yield from (f"job {job_id} was accepted and is not there" for job_id in traffic.told.accepted.keys() - known.keys())
    names = Counter(record.job.name for record in records)
    yield from (f"the submission {name} made {count} jobs" for name, count in names.items() if count > 1)
    clean_runs = CleanRuns(stack.settings)
    for record in records:
        clean = clean_runs.of(record.job.spec)
        found = [
            *job_faults(record, injector.full_disk),
            *epoch_faults(record, clean),
            *result_faults(record, clean, stack.db, stack.storage),
            *event_faults(record),
            *_cancel_faults(record, traffic.told.cancels.get(record.job.id)),
        ]
        yield from (f"job {record.job.id} {text}" for text in found)
    for follower in traffic.followers:
        yield from (f"job {follower.job_id}{text}" for text in stream_faults(known[follower.job_id], follower))


def _collect(stack: Stack) -> int:
    """Have what kills have left collected, as an API process does once an hour; returns how many files it was."""
    pace = CollectorPace(settle_seconds=0.0, pause_seconds=0.0)  # everything has ended
    return OrphanCollector(stack.db, stack.storage, pace).run_round()


def _left_over(stack: Stack, records: list[JobRecord]) -> Iterator[str]:
    kept = {row["path"] for record in records for row in record.artifacts}
    yield from (f"{path} belongs to nobody" for path in set(stack.storage.page("", 10**6)) - kept)


def _cancel_faults(record: JobRecord, answer: int | None) -> Iterator[str]:
    """A cancel that was answered with 200 is for good; one answered with 202 may have come too late."""
    allowed = {200: {"cancelled"}, 202: {"cancelled", "succeeded", "failed"}, 409: {"succeeded", "failed"}}
    if answer is not None and record.job.status not in allowed[answer]:
        yield f"is {record.job.status} after its cancel was answered with {answer}"

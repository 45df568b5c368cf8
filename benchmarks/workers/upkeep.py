"""What keeping a job safe costs while it trains: heartbeats, checkpoints, epoch rows and log lines."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import migrations
from benchmarks.support.lines import Line, median
from shared.fleet.workers import Identity
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobspec import Caps, Submission, parse_spec
from shared.settings import Settings
from worker.device_pin import resolve
from worker.processes.child_state import ChildState
from worker.processes.stop_flag import StopFlag
from worker.run_job import task
from worker.run_job.context import Context
from worker.run_job.lease import Lease
from worker.run_job.records.recorder import Recorder
from worker.training.data import load
from worker.training.plan import plan_from_spec
from worker.training.state.checkpoints import Checkpointing
from worker.training.trainer import train

EPOCHS = 30  # long enough for a checkpoint
TARGET_PERCENT = 2.0
PARTS = (
    (Lease, Lease.beat, time.thread_time),  # beside the loop: what it takes from it is processor time
    (Recorder, Recorder.flush_if_due, time.perf_counter),
    (Checkpointing, Checkpointing.at_boundary, time.perf_counter),
)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Count the seconds spent in the upkeep's functions."""
    spent: dict[str, float] = {}
    for owner, method, clock in PARTS:
        setattr(owner, method.__name__, _counted(method, clock, spent, method.__qualname__))
    try:
        yield spent
    finally:
        for owner, method, _ in PARTS:
            setattr(owner, method.__name__, method)


def _counted(
    function: Callable[..., Any], clock: Callable[[], float], spent: dict[str, float], key: str
) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        began = clock()
        try:
            return function(*arguments)
        finally:
            spent[key] = spent.get(key, 0.0) + clock() - began

    return counted


def as_a_worker(context: Context, submission: Submission) -> tuple[float, float]:
    """Run the job as a worker does; return the seconds of all epochs, and those of upkeep within them."""
    job_id = actions.submit(context.db, submission, actor=EVERYBODY).job_id
    with measured() as spent:
        task.run(context)
    assert queries.job(context.db, job_id, actor=EVERYBODY)["status"] == "succeeded"
    return sum(queries.epochs(context.db, job_id, actor=EVERYBODY)["seconds"]), sum(spent.values())


def plainly(context: Context, submission: Submission) -> float:
    """Train the same plan without a worker's upkeep; return the seconds of all epochs."""
    plan = plan_from_spec(submission.document)
    data = load(plan.dataset, context.settings.datasets_dir, context.settings.cache_dir)
    seconds: list[float] = []
    train(plan, data, torch.device("cpu"), on_epoch=lambda epoch: seconds.append(epoch.seconds), check=lambda: None)
    return sum(seconds)


@contextmanager
def worker_parts() -> Iterator[Context]:
    """The context of a worker's child, in this process and on SQLite; Redis is not used."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    settings = Settings(home=folder)
    (device,) = resolve("cpu")
    identity = Identity("bench:cpu:0", "bench", 0, device.name, device.kind)
    context = Context.build(settings, device, identity, StopFlag(), ChildState())
    migrations.upgrade(context.db)
    try:
        yield context
    finally:
        context.db.dispose()
        shutil.rmtree(folder)


def lines(rounds: int) -> Iterator[Line]:
    """Train as a worker and without upkeep, in turn, half as many times as there are rounds."""
    document = {"preset": "notebook-tapered", "dataset": "synthetic", "training": {"epochs": EPOCHS}}
    submission = parse_spec(document, Caps())
    differences, shares = [], []
    with worker_parts() as context:
        plainly(context, parse_spec(document | {"training": {"epochs": 1}}, Caps()))  # loads the data
        for number in range(max(2, rounds // 2)):
            plain = plainly(context, submission) if number % 2 else 0.0
            kept, spent = as_a_worker(context, submission)
            plain = plain or plainly(context, submission)
            differences.append(100 * (kept / plain - 1))
            shares.append(100 * spent / kept)
    yield median("upkeep of a job, timed inside it, of its epochs", "%", shares, at_most=TARGET_PERCENT)
    yield median("epochs of a job beside those of a plain call: longer by", "%", differences)

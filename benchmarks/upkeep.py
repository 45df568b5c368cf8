"""What keeping a job safe costs while it trains: heartbeats, checkpoints, epoch rows and log lines.

    python benchmarks/upkeep.py [--pairs 5] [--epochs 20]

Trains the tapered network as a worker does and by a plain call, in turn, with the default settings and one thread.
Prints, for each pair, the difference in the epochs' seconds, which also holds whatever else the machine did; and what
was spent inside the upkeep itself, as a share of the epochs' seconds. Saves both in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

for _name in [name for name in os.environ if name.startswith("FLIGHTLINE_")]:
    del os.environ[_name]  # the defaults are measured
os.environ["OMP_NUM_THREADS"] = "1"

import torch  # noqa: E402 -- only now: it reads the environment

import migrations  # noqa: E402
from shared import jobs, queries  # noqa: E402
from shared.settings import Settings  # noqa: E402
from shared.spec import Caps, Submission, parse_spec  # noqa: E402
from shared.workers import Identity  # noqa: E402
from worker import task  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.devices import resolve  # noqa: E402
from worker.lease import Lease  # noqa: E402
from worker.recorder import Recorder  # noqa: E402
from worker.stop import StopFlag  # noqa: E402
from worker.training.checkpoints import Checkpointing  # noqa: E402
from worker.training.datasets import load  # noqa: E402
from worker.training.plan import plan_from_spec  # noqa: E402
from worker.training.trainer import train  # noqa: E402
from worker.vitals import Vitals  # noqa: E402

RESULTS = Path(__file__).parent / "results"
TARGET = 0.02
PARTS = (
    (Lease, "_beat", time.thread_time),  # beside the loop: what it takes from it is processor time
    (Recorder, "flush_if_due", time.perf_counter),
    (Checkpointing, "at_boundary", time.perf_counter),
)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Count the seconds spent in the upkeep's functions."""
    spent: dict[str, float] = {}
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in PARTS]
    for owner, name, clock in PARTS:
        setattr(owner, name, _counted(getattr(owner, name), clock, spent, f"{owner.__name__}.{name}"))
    try:
        yield spent
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


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


def as_a_worker(context: Context, submission: Submission) -> tuple[float, dict[str, float]]:
    """Seconds of all epochs, and the seconds of upkeep in them."""
    job_id = jobs.submit(context.db, submission)
    with measured() as spent:
        task.run(context, job_id)
    assert queries.job(context.db, job_id)["status"] == "succeeded"
    return sum(queries.epochs(context.db, job_id)["seconds"]), dict(spent)


def plainly(context: Context, submission: Submission) -> float:
    """Seconds of all epochs."""
    plan = plan_from_spec(submission.document)
    data = load(plan.dataset, context.settings.datasets_dir, context.settings.cache_dir)
    seconds: list[float] = []
    train(plan, data, torch.device("cpu"), on_epoch=lambda epoch: seconds.append(epoch.seconds), check=lambda: None)
    return sum(seconds)


@contextmanager
def worker_parts() -> Iterator[Context]:
    """What a worker's child works with, in this process, on SQLite; no Redis is asked for anything."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    settings = Settings(home=folder)
    (device,) = resolve("cpu")
    identity = Identity("bench:cpu:0", "bench", 0, device.name, device.kind)
    context = Context.build(settings, device, identity, StopFlag(), Vitals())
    migrations.upgrade(context.db)
    try:
        yield context
    finally:
        context.db.dispose()
        shutil.rmtree(folder)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args(arguments)
    document = {"preset": "notebook-tapered", "dataset": "synthetic", "training": {"epochs": options.epochs}}
    submission = parse_spec(document, Caps())
    differences, shares = [], []
    print(
        f"load average {os.getloadavg()[0]:.1f}\n| pair | plain | worker | difference | upkeep | of it |\n|{'---|' * 6}"
    )
    with worker_parts() as context:
        plainly(context, parse_spec(document | {"training": {"epochs": 1}}, Caps()))  # loads the data
        for pair in range(options.pairs):
            plain = plainly(context, submission) if pair % 2 else 0.0
            kept, spent = as_a_worker(context, submission)
            plain = plain or plainly(context, submission)
            differences.append(kept / plain - 1)
            shares.append(sum(spent.values()) / kept)
            parts = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in spent.items())
            row = f"{plain:.2f} s | {kept:.2f} s | {differences[-1]:+.1%} | {shares[-1]:.2%}"
            print(f"| {pair + 1} | {row} | {parts} |", flush=True)
    print(f"\nmedian difference {statistics.median(differences):+.2%}, upkeep {statistics.median(shares):.2%}", end="")
    print(f" (to stay under {TARGET:.0%}); load average {os.getloadavg()[0]:.1f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "upkeep.json").write_text(json.dumps({"differences": differences, "shares": shares}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

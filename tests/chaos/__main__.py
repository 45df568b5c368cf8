"""`python -m tests.chaos --seed N`: hurts a whole service at random and checks that nothing was lost.

Prints a table of faults and outcomes, and each guarantee that did not hold; exits with 1 when one did not.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time

for _name in [name for name in os.environ if name.startswith(("FLIGHTLINE_", "PG"))]:
    del os.environ[_name]  # what a shell holds must not decide a run
os.environ["OMP_NUM_THREADS"] = "1"

from tests.chaos.disk import own_mounts  # noqa: E402 -- only now: settings and torch read the environment
from tests.chaos.run import Order, Result, run  # noqa: E402
from tests.chaos.saying import say  # noqa: E402
from tests.chaos.sweeps import RACERS, database, search  # noqa: E402

_SHOWN = 40


def main(arguments: list[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same jobs and the same faults")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--faults", type=int, default=25)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--trials", type=int, default=0, help="instead of a service, a sweep of so many points")
    parser.add_argument("--algorithm", choices=["random", "tpe"], default="random", help="of the sweep")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--storage", choices=["folder", "s3", "both"], default="both")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is removed
    logging.disable(logging.WARNING)  # what the services have to say stands in their own logs
    own_mounts()
    databases = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    if options.trials:
        how = (options.trials, options.faults, options.seed, options.algorithm)
        return max(_report_search(kind, *how) for kind in databases)
    storages = ["folder", "s3"] if options.storage == "both" else [options.storage]
    orders = [
        Order(options.seed, options.jobs, options.faults, database, storage, options.workers)
        for database in databases
        for storage in storages
    ]
    return max(_report(order) for order in orders)


def _report(order: Order) -> int:
    amount = f"{order.jobs} jobs, {order.faults} faults, {order.workers} workers"
    say(f"Seed {order.seed} on {order.database} and {order.storage}: {amount}")
    began = time.monotonic()
    result = run(order)
    say("")
    for line in result.outcomes.lines():
        say(line)
    say(f"{time.monotonic() - began:.0f} s, load average {os.getloadavg()[0]:.1f}")
    _say_verdict(result)
    return int(bool(result.violations))


def _report_search(kind: str, trials: int, kills: int, seed: int, algorithm: str) -> int:
    say(f"Seed {seed} on {kind}: a sweep of {trials} points ({algorithm}), {RACERS} stand-ins at a time, {kills} kills")
    with database(kind) as db:
        result = search(db, trials, kills, seed, algorithm=algorithm)
    twice = len(result.violations)
    say(f"{result.kills} kills, {result.decisions} decisions, {twice} violations, {result.seconds:.0f} s")
    for line in result.violations[:_SHOWN]:
        say(f"  {line[:1000]}")
    return int(bool(result.violations))


def _say_verdict(result: Result) -> None:
    if not result.violations:
        say("Every guarantee held.\n")
        return
    say(f"{len(result.violations)} VIOLATIONS; logs, database and artifacts are in {result.folder}")
    for line in result.violations[:_SHOWN]:
        say(f"  {line[:1000]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

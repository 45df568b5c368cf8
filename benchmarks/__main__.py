"""Figures of this machine, beside those of others where there are others: one table, saved as JSON.

    python -m benchmarks                       everything: about a quarter of an hour on two idle cores
    python -m benchmarks jobs memory           some of it
    python -m benchmarks epochs --rounds 9     more exactly

Whatever is compared is measured in turn, and the medians are shown. Somebody else's work on the machine spoils all of
it: look at the load average before and after.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from benchmarks.support.lines import Line, save, table
from benchmarks.support.stack.service import measure_the_defaults

ROOMS = {
    "workers": {
        "jobs": "a warm job's overhead, and jobs per second, beside plain Celery (and RQ and Ray Tune, if installed)",
        "scaling": "two workers beside one",
        "memory": "of each process",
        "claims": "a worker's claim in a queue of 100,000 jobs",
        "sweeps": "a sweep's decisions among 10,000 trials, and its overhead over 1,000",
        "upkeep": "what keeping a job safe takes of its time",
        "delivery": "how quickly the service gets over what happens to it (ten minutes; only where asked for)",
    },
    "answers": {
        "api": "answers of the API to one client",
        "changes": "batches of 1,000 jobs, 300 event streams, the bell",
        "lists": "lists among 10,000 and 100,000 jobs on both databases (some minutes; only where asked for)",
        "page": "the page in a real Chromium (ten minutes; only where asked for; MINUTES=60 watches a job for an hour)",
        "predict": "predictions of one image and of 64, and the predictor's memory",
    },
    "training": {
        "epochs": "an epoch beside the notebook's loop",
        "data": "50,000 images decoded, cached and loaded again (some minutes; only where asked for)",
        "accuracy": "how well the convnet preset learns, over five seeds (a quarter of an hour; only where asked for)",
        "search": "a search beside Optuna and Ray Tune's ASHA (ten minutes; only where asked for; SEEDS=0 for one)",
        "ranking": "how often simulated leaderboards mislead, and at what price (half an hour; only where asked for)",
    },
}
"""The groups of benchmarks in each folder, and what they measure."""
GROUPS = {name: what for groups in ROOMS.values() for name, what in groups.items()}
SLOW = ("lists", "page", "search", "data", "accuracy", "delivery", "ranking")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks named on the command line, print their table and save it."""
    names = "\n".join(f"  {name:10}{what}" for name, what in GROUPS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\ngroups:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "all"], default="all", help="all: all but the slow ones")
    parser.add_argument(
        "--rounds", type=_rounds, default=5, help="how often whatever is compared is measured in turn (default 5)"
    )
    options = parser.parse_args(arguments)
    everything = "all" in options.groups
    chosen = [name for name in GROUPS if name not in SLOW] if everything else options.groups
    measure_the_defaults()
    print(f"load average {os.getloadavg()[0]:.1f} at the start\n")
    lines = list(table(_measured(chosen, options.rounds)))
    path = save("all" if everything else "-".join(chosen), lines)
    missed = sum(line.met is False for line in lines)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end; {missed} targets missed; saved in {path}")
    return 0


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def _measured(groups: Sequence[str], rounds: int) -> Iterator[Line]:
    for room, there in ROOMS.items():
        for name in (one for one in there if one in groups):
            yield from import_module(f"benchmarks.{room}.{name}").lines(rounds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs of an MLflow server kept as finished jobs, each once however often it is run and wherever it is interrupted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flightline.client.client import Client
from flightline.errors import UsageError
from flightline.mlflow import imported
from flightline.mlflow.server import Server

AT_ONCE = 8
"""Runs whose metrics are read at the same time."""
JOBS_AT_ONCE, PAGE = 50, 500
MOST_RUNS, MOST_CHARACTERS = 50, 2_000_000
"""What one request to the service has at most, but for a run that is larger by itself."""
Run = dict[str, Any]


def import_runs(
    client: Client, server: Server, *, experiment: str | None = None, told: Callable[[int], None] = lambda _done: None
) -> Counter[str]:
    """Keep the server's runs that have ended; return how many are new, were there, or were left out and why.

    Args:
        client: the service that keeps them.
        server: where the runs are.
        experiment: the only experiment whose runs are wanted; all of them without it.
        told: is called with the number of runs that are kept, from time to time.

    Raises:
        UsageError: there is no such experiment.
        TrackerError, NotReachable, ApiError: the server or the service refuses a request, or does not answer. What was
            kept stays, and the next import goes on.
    """
    fates: Counter[str] = Counter()
    waiting: list[tuple[Run, str]] = []
    known = _known(client)
    for run, name in _runs(server, experiment):
        if not imported.is_finished(run):
            fates["unfinished"] += 1
        elif imported.is_sweep(run):
            fates["other"] += 1
        elif run["info"]["run_id"] in known:
            fates["there"] += 1
        else:
            waiting.append((run, name))
    own = _own_jobs(client, [run for run, _ in waiting])
    fates["from_here"] = sum(imported.job_of(run) in own for run, _ in waiting)
    wanted = [(run, name) for run, name in waiting if imported.job_of(run) not in own]
    for done, is_new in enumerate(_kept(client, _read(server, wanted)), 1):
        fates["imported" if is_new else "there"] += 1
        told(done)
    return fates


def _runs(server: Server, experiment: str | None) -> Iterator[tuple[Run, str]]:
    """Yield each run with the name of its experiment."""
    if experiment is None:
        found = server.experiments()
    else:
        one = server.experiment(experiment)
        if one is None or one.get("lifecycle_stage") == "deleted":
            what = "no experiment" if one is None else "only a deleted experiment"
            names = ", ".join(sorted(str(each["name"]) for each in server.experiments())[:10])
            raise UsageError(f"There is {what} {experiment!r} at {server.url}. There are: {names or 'none'}.")
        found = [one]
    for each in found:
        for run in server.runs(str(each["experiment_id"])):
            yield run, str(each["name"])


def _known(client: Client) -> set[str]:
    """Return the ids of the runs that the service has."""
    found, cursor = set[str](), None
    while True:
        asked: Run = {"where": [f"run.source={imported.SOURCE}"], "fields": ["spec.run.id"]}
        page = client.page(limit=PAGE, cursor=cursor, **asked)
        found |= {str(item["spec"]["run"]["id"]) for item in page["items"]}
        cursor = page["next_cursor"]
        if not cursor:
            return found


def _own_jobs(client: Client, runs: list[Run]) -> set[str | None]:
    """Return the jobs of this service that runs were exported from: they are there already."""
    named = sorted({job for run in runs if (job := imported.job_of(run))})
    found: set[str | None] = set()
    for start in range(0, len(named), JOBS_AT_ONCE):
        page = client.page(id=named[start : start + JOBS_AT_ONCE], fields=["id"], limit=JOBS_AT_ONCE)
        found |= {str(item["id"]) for item in page["items"]}
    return found


def _read(server: Server, runs: list[tuple[Run, str]]) -> Iterator[Run]:
    """Yield runs as the service takes them, as their metrics have been read."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for start in range(0, len(runs), MOST_RUNS):
            part = runs[start : start + MOST_RUNS]
            tasks = [pool.submit(_whole, server, run, name) for run, name in part]
            for task in tasks:
                yield task.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _whole(server: Server, run: Run, experiment: str) -> Run:
    run_id = run["info"]["run_id"]
    histories = {name: list(server.history(run_id, name)) for name in imported.metric_names(run)}
    return imported.import_of(run, experiment, histories)


def _kept(client: Client, runs: Iterator[Run]) -> Iterator[bool]:
    """Send runs to the service, some in a request; yield for each whether it is new."""
    part: list[Run] = []
    characters = 0
    for run in runs:
        size = len(json.dumps(run))
        if part and (len(part) >= MOST_RUNS or characters + size > MOST_CHARACTERS):
            yield from (one.new for one in client.import_runs(part))
            part, characters = [], 0
        part.append(run)
        characters += size
    if part:
        yield from (one.new for one in client.import_runs(part))

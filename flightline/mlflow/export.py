"""Finished jobs written to an MLflow server, each as one run, however often and wherever it is interrupted.

The run is created with a tag that names its job, and tagged as whole at its end. The next export finds both: it passes
over whole runs, and goes on with one that was left half done, whose values MLflow stores once. Of the runs that several
exports create for a job at the same time one stays, as `doubles` decides it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.errors import UsageError
from flightline.mlflow import doubles, exported, runs
from flightline.mlflow.nesting import nest
from flightline.mlflow.runs import Run
from flightline.mlflow.server import Server

AT_ONCE = 4
"""Jobs that are written at the same time."""


def export(
    client: Client,
    server: Server,
    jobs: Iterable[Job],
    *,
    experiment: str,
    artifacts: bool = True,
    told: Callable[[int], None] = lambda _done: None,
) -> Counter[str]:
    """Write the finished jobs that train; return how many were written, were there, or were left out and why.

    The runs of a sweep's jobs are nested below one for the sweep.

    Args:
        client: the service that has the jobs.
        server: where they are written to.
        jobs: jobs in any state.
        experiment: name of the experiment, which is created where there is none.
        artifacts: whether weights and other files are written too.
        told: is called with the number of jobs that are written, after each of them.

    Raises:
        UsageError: the experiment is deleted there.
        TrackerError, NotReachable, ApiError: the server or the service refuses a request, or does not answer. What was
            written stays, and the next export goes on.
    """
    fates: Counter[str] = Counter()
    waiting = []
    experiment_id = _experiment(server, experiment)
    known = _known(server, experiment_id)
    sweeps = set[str]()
    for job in jobs:
        sweeps |= {job.sweep} if job.sweep and job.finished else set()
        found = known.get(job.id, [])
        if job.kind != "train":
            fates["other"] += 1
        elif not job.finished:
            fates["unfinished"] += 1
        elif found and runs.is_whole(found[0]):
            fates["there"] += 1
            doubles.delete(server, found)
        else:
            waiting.append((job, found[0] if found else None))
    waiting.reverse()  # the oldest first, as they would have been logged
    with _pool(AT_ONCE) as pool:
        tasks = [pool.submit(_write, client, server, job, run, experiment_id, artifacts) for job, run in waiting]
        for done, task in enumerate(as_completed(tasks), 1):
            fates.update(task.result())
            told(done)
    nest(client, server, experiment_id, sorted(sweeps))
    return fates


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose tasks that have not begun are dropped after an error, Ctrl-C included."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _experiment(server: Server, name: str) -> str:
    found = server.experiment(name)
    if found is None:
        return server.create_experiment(name)
    if found.get("lifecycle_stage") == "deleted":
        raise UsageError(
            f"The experiment {name!r} is deleted at {server.url}. Restore it there, or name another by --experiment."
        )
    return str(found["experiment_id"])


def _known(server: Server, experiment_id: str) -> dict[str, list[Run]]:
    """Return the runs of each job, the one that stands for it first."""
    found: dict[str, list[Run]] = {}
    for run in doubles.of(server, experiment_id, exported.JOB):
        found.setdefault(runs.tag(run, exported.JOB) or "", []).append(run)
    return found


def _write(
    client: Client, server: Server, job: Job, run: Run | None, experiment_id: str, artifacts: bool
) -> Sequence[str]:
    if run is None:
        run = server.create_run(exported.run_of(job, experiment_id, client.base_url))
        if runs.id_of(doubles.of(server, experiment_id, exported.JOB, job.id)[0]) != runs.id_of(run):
            server.delete_run(runs.id_of(run))
            return ["there"]
    elif runs.is_deleted(run):
        return ["there"]
    run_id = runs.id_of(run)
    stored = True
    with server.unless_deleted(run_id):  # as the double of one that another export has written
        _log(client, server, job, run_id)
        stored = not artifacts or _store_files(client, server, job, str(run["info"]["artifact_uri"]))
        ended = exported.milliseconds(job.finished_at or job.created_at)
        server.end_run(run_id, exported.STATUSES[job.status], ended)
        server.log(run_id, tags=[{"key": runs.STATE, "value": runs.WHOLE}])
    found = doubles.of(server, experiment_id, exported.JOB, job.id)
    doubles.delete(server, found)
    if runs.id_of(found[0]) != run_id or runs.is_deleted(found[0]):
        return ["there"]
    return ["exported"] if stored else ["exported", "files_left_out"]


def _log(client: Client, server: Server, job: Job, run_id: str) -> None:
    params = exported.pairs(exported.params_of(job), exported.LONGEST_PARAM)
    tags = exported.pairs(exported.environment_tags(client.attempts(job.id)), exported.LONGEST_TAG)
    metrics = exported.metrics_of(job, client.epochs(job.id))
    for part in exported.parts(params, exported.PARAMS_AT_ONCE):
        server.log(run_id, params=part)
    for part in exported.parts(tags, exported.TAGS_AT_ONCE):
        server.log(run_id, tags=part)
    for part in exported.parts(metrics, exported.METRICS_AT_ONCE):
        server.log(run_id, metrics=part)


def _store_files(client: Client, server: Server, job: Job, artifact_uri: str) -> bool:
    """Store the job's files with the run; return whether the server takes files."""
    with tempfile.TemporaryDirectory() as folder:
        for artifact in client.artifacts(job.id):
            file = client.download(job.id, artifact.name, Path(folder))
            if not server.upload(artifact_uri, artifact.name, file):
                return False
            file.unlink()
    return True

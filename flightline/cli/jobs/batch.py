"""Many jobs of one command: submitted together, checked, and followed to their ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer
from rich.console import Console

from flightline.cli.columns import Columns
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out, print_json, print_table
from flightline.cli.progress import ending, follow_jobs
from flightline.cli.tables import count, job_table, plural, scaled, title
from flightline.client.client import Client
from flightline.client.documents import Document
from flightline.client.jobs import Job
from flightline.errors import FieldError, InvalidRequest

FOLLOWED_SINGLY = 12
"""The most jobs that each have a line of their own while they run."""
CHECK_COLUMNS = Columns(("FILE", "PARAMETERS", "WEIGHTS", "PER EPOCH"), shortened="FILE", dropped=("WEIGHTS",))


def submit_batch(
    client: Client,
    files: Sequence[str],
    documents: Sequence[Document],
    *,
    note: str | None,
    follow: bool,
    json: bool,
) -> None:
    """Submit jobs together, say which they are, and follow them where that is asked for.

    Raises:
        InvalidRequest: a job cannot be trained; `errors` name its file.
    """
    try:
        jobs = client.submit_many(documents)
    except InvalidRequest as error:
        raise _by_file(error, files) from None
    try:
        if note is not None:
            jobs = [client.edit(job.id, notes=note) for job in jobs]
    finally:  # jobs that were submitted are named, also where their notes were refused
        _announce(jobs, quiet=json and follow, json=json)
    if follow:
        follow_many(client, jobs, json=json)


def _announce(jobs: Sequence[Job], *, quiet: bool, json: bool) -> None:
    for warning in dict.fromkeys(warning for job in jobs for warning in job.warnings):
        err().print(f"Warning: {warning}", markup=False)
    if quiet:
        return
    if json:
        print_json({"items": [job.raw for job in jobs]})
        return
    out().print(f"Submitted {plural(len(jobs), 'job')}.")
    print_table(*job_table(jobs, short=out().is_terminal), "No jobs.")


def check_batch(client: Client, files: Sequence[str], documents: Sequence[Document], *, json: bool) -> None:
    """Check jobs without submitting them, and show what each costs.

    Raises:
        InvalidRequest: a job cannot be trained; `errors` name its file.
    """
    checks = []
    for file, document in zip(files, documents, strict=True):
        try:
            checks.append(client.check(document))
        except InvalidRequest as error:
            raise _with(error, [FieldError(f"{file}: {one.pointer}", one.detail) for one in error.errors]) from None
    if json:
        print_json({"items": [check.raw for check in checks]})
        return
    costs = [check.cost for check in checks]
    rows: list[list[object]] = [
        [file, count(cost.parameters), scaled(cost.weight_bytes, "B"), scaled(cost.flops_per_epoch, "FLOP")]
        for file, cost in zip(files, costs, strict=True)
    ]
    print_table(CHECK_COLUMNS, rows, "No jobs.")
    out().print("Nothing was submitted.")


def _by_file(error: InvalidRequest, files: Sequence[str]) -> InvalidRequest:
    """The same error, with the jobs' files in place of their numbers: ``/jobs/3/training/epochs``."""

    def named() -> Iterator[FieldError]:
        for one in error.errors:
            _, _, place = one.pointer.partition("/jobs/")
            number, _, rest = place.partition("/")
            known = number.isdecimal() and int(number) < len(files)
            yield FieldError(f"{files[int(number)]}: /{rest}", one.detail) if known else one

    return _with(error, list(named()))


def _with(error: InvalidRequest, errors: Sequence[FieldError]) -> InvalidRequest:
    listed = [{"pointer": one.pointer, "detail": one.detail} for one in errors]
    return InvalidRequest(error.status, {**error.problem, "errors": listed})


def follow_many(client: Client, jobs: Sequence[Job], *, json: bool) -> None:
    """Show jobs until all are finished, and exit with code 1 where one of them did not succeed.

    Each of a few jobs has a line of its own while it runs. Of more there is one bar for all and then a table, without a
    terminal a line for each as it ends.
    """
    console = err() if json else out()
    try:
        ended = follow_jobs(client, jobs, console) if len(jobs) <= FOLLOWED_SINGLY else _waited(client, jobs, console)
    except KeyboardInterrupt:
        err().print("\nThe jobs keep running. `flightline watch` shows them again, `cancel` ends them.")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json({"items": [job.raw for job in ended]})
    elif not jobs:
        err().print("No job that matches is queued, running or paused.")
    elif console.is_terminal and len(jobs) > FOLLOWED_SINGLY:
        print_table(*job_table(ended, short=True), "No jobs.")
    if not all(job.succeeded for job in ended):
        raise typer.Exit(JOB_FAILED)


def _waited(client: Client, jobs: Sequence[Job], console: Console) -> list[Job]:
    if console.is_terminal:
        return client.wait_all(jobs, progress=True)
    return client.wait_all(
        jobs, on_end=lambda job: console.print(f"{title(job)}  {ending(job)}", markup=False), progress=False
    )

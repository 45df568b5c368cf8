"""The command logs: a job's log, line by line, also while it is written."""

from __future__ import annotations

import json as jsonlib
import sys
from collections import deque
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from flightline.cli import standard_streams
from flightline.cli.arguments import find_job
from flightline.cli.commands.options import JobId
from flightline.cli.console import INTERRUPTED, JOB_FAILED, err, out
from flightline.cli.progress import ending
from flightline.cli.tables import moment, plural, title
from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.client.records import LogLine

LEVELS = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def register(app: typer.Typer) -> None:
    """Add `logs` to the command-line application."""
    app.command()(logs)


def logs(
    id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is finished.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=0, help="Begin with the last N lines.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each line as the service's JSON, one a line.")] = False,
) -> None:
    """Print a job's log; with -f also what is written until the job is finished.

    Ctrl-C leaves the job running. With -f the exit code is 0 if the job succeeded, 1 if not.
    """
    with Client() as client:
        job = client.job(find_job(client, id))
        after = 0 if tail is None else _before_the_last(tail, client.log(job.id))
        if follow:
            _follow(client, job, after, json)
        elif not _print_lines(client.log(job.id, after), after, json) and not after:
            err().print("No log.")


def _before_the_last(count: int, lines: Iterable[LogLine]) -> int:
    """The number of the line after which the last `count` of the lines begin; 0 where there are no more."""
    last = deque(lines, maxlen=count + 1)
    return last[0].line if len(last) > count else 0


def _follow(client: Client, job: Job, after: int, json: bool) -> None:
    """Print the log until the job is finished, and exit with code 1 where it did not succeed."""
    if job.status == "queued":
        err().print(f"{title(job)} waits for a worker. Ctrl-C ends this command, not the job.", markup=False)
        for warning in job.warnings:
            err().print(f"Warning: {warning}", markup=False)
    try:
        _print_lines(client.log(job.id, after, follow=True), after, json)
        ended = client.wait(job.id, progress=False)
    except KeyboardInterrupt:
        again = f"`flightline logs -f {job.id}` shows its log again, `cancel` ends it."
        err().print(f"\nThe job keeps running. {again}", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    err().print(f"{title(ended)} {ending(ended)}", markup=False)
    if not ended.succeeded:
        raise typer.Exit(JOB_FAILED)


def _print_lines(lines: Iterable[LogLine], after: int, json: bool) -> int:
    """Print each line as soon as it comes, and return how many there were.

    Lines that the service has dropped, and the beginning of another attempt, are told on standard error.
    """
    number, attempt = 0, 1
    for line in lines:
        if line.line > after + 1:
            dropped = plural(line.line - after - 1, "line")
            err().print(f"{dropped} dropped: the service keeps a job's newest ones.", style="dim", markup=False)
        if line.attempt != attempt:
            err().print(f"Attempt {line.attempt}", style="dim", markup=False)
        _print_line(line, json)
        number, after, attempt = number + 1, line.line, line.attempt
    return number


def _print_line(line: LogLine, json: bool) -> None:
    if json:
        sys.stdout.write(jsonlib.dumps(line.raw, ensure_ascii=not standard_streams.is_unicode(sys.stdout)) + "\n")
        sys.stdout.flush()  # whoever reads the pipe follows too
        return
    level = Text(f"{line.level:<8}", LEVELS.get(line.level, ""))
    out().print(Text.assemble((moment(line.created_at), "dim"), "  ", level, " ", line.message))
